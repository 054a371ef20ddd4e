"""Scores that were computed elsewhere → a run folder like any other, as far as it goes without their model. No torch.

What needs the model (other attentions, words taken away, other seeds) is not in it; agreement between measures, known
evidence and, where the file gives outputs, how good the model is, are.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from attnaudit import machine, tables
from attnaudit import store as stored
from attnaudit.entries import importance_rows, score_rows
from attnaudit.errors import DataError, SpecError
from attnaudit.imported_rows import ScoredText, listed, offsets, scored_texts
from attnaudit.named import gradient_of
from attnaudit.result import Result
from attnaudit.spec import NUMBERS_VERSION
from attnaudit.tasks.files import stem
from attnaudit.tasks.rows import class_name

SPLIT = "imported"
_STAGE = "imported"
_OBJECTIVE = "not known: the scores were imported"


@dataclass(frozen=True, slots=True)
class _Survey:
    """What a file holds, once all of it has been read and found to be in order."""

    digest: str
    n: int
    measures: tuple[str, ...]
    classes: tuple[str, ...]
    has_output: bool
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def import_scores(
    path: str | Path,
    *,
    store: str | Path = "runs",
    classes: Sequence[str] | None = None,
    normalise: bool = False,
    keep_text: bool = True,
    progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
) -> Result:
    """Make a run folder of a file of scores, and open it.

    The file is read twice, as a stream: once to check all of it, once to write its tables. A run that is already
    there is opened; an interrupted one goes on.

    Args:
        path: JSON lines (also as .gz) or Parquet, a row a text.
        store: folder that holds run folders; made when it is not there.
        classes: names of the classes, in the order of the outputs; their indices where not given.
        normalise: make attention sum to 1 where it does not, instead of refusing it.
        keep_text: write texts and tokens into the tables.
        progress: told how many texts are written.

    Raises:
        DataError: the file breaks its contract; says rows and fields.
        SpecError: the classes are no names of classes.
        StoreError: the run folder cannot be written.
    """
    path = Path(path).expanduser()
    names = None if classes is None else _class_names(classes)
    found = _survey(path, names, normalise)
    asked = {
        "classes": None if names is None else list(names),
        "normalise": normalise,
        "keep_text": keep_text,
    }
    run_id = _hash([found.digest, found.classes, keep_text, NUMBERS_VERSION])[:12]
    name = stored.run_name(stem(path), run_id)
    if finished := stored.find(store, name):
        return Result.open(finished)
    with stored.draft(store, name, {"chunk": stored.CHUNK}) as draft:
        sha, done = hashlib.sha256(), 0
        rows = scored_texts(path, classes=names, normalise=normalise, ignored={})
        for number, chunk in enumerate(_chunks(rows)):
            sha.update(b"".join(row.content() for row in chunk))
            with draft.timed("import"):
                _write(draft, number, chunk, found, keep_text)
            done += len(chunk)
            progress("import", done, found.n)
        if sha.hexdigest() != found.digest:
            raise DataError(f"{path}: was changed while it was read; give the command again")
        if not draft.has("scores", "scores", 0):
            draft.write("scores", "scores", 0, score_rows(draft.parts("instances"), SPLIT))
        manifest = _manifest(path.name, run_id, found, asked, draft.seconds())
        return Result.open(draft.finish(manifest))


def _class_names(given: Sequence[str]) -> tuple[str, ...]:
    names = tuple(class_name(name) or "" for name in given)
    faults = []
    if len(names) < 2:
        faults.append(f"`classes` must name two classes or more, found {listed(names) or 'none'}")
    if "" in names:
        faults.append("`classes` must not hold an empty name")
    if twins := sorted(name for name, count in Counter(names).items() if count > 1):
        faults.append(f"`classes` must name each class once, found {listed(twins)} several times")
    if faults:
        raise SpecError(*faults)
    return names


def _survey(path: Path, classes: tuple[str, ...] | None, normalise: bool) -> _Survey:
    """Read all of the file; nothing is kept but counts."""
    sha, ignored = hashlib.sha256(), dict[str, None]()
    n = short = hidden = joined = n_outputs = 0
    largest, mass = -1, 0.0  # the largest label, as long as there is none −1
    measures, signed = dict[str, None](), Counter[str]()
    for row in scored_texts(path, classes=classes, normalise=normalise, ignored=ignored):
        sha.update(row.content())
        n += 1
        measures.update(dict.fromkeys(row.importance))
        signed.update(row.signed)
        short += int(row.audited.sum()) < 2
        hidden += not row.audited.all()
        joined += not row.given_text
        mass += row.audited_mass
        n_outputs = 0 if row.output is None else len(row.output)
        largest = max(largest, -1 if row.target is None else row.target)
    return _Survey(
        digest=sha.hexdigest(),
        n=n,
        measures=tuple(sorted(measures)),
        classes=classes or tuple(map(str, range(n_outputs or largest + 1))),
        has_output=n_outputs > 0,
        notes=tuple(
            _notes(n, signed, hidden, mass / n, joined, normalise, bool(classes), n_outputs > 0, ignored)
        ),
        warnings=tuple(_warnings(n, short, measures)),
    )


def _notes(
    n: int,
    signed: Counter[str],
    hidden: int,
    mass: float,
    joined: int,
    normalise: bool,
    named: bool,
    has_output: bool,
    ignored: dict[str, None],
) -> Iterator[str]:
    """What was done to the file, in sentences."""
    yield "The scores were computed elsewhere and imported; how, is not known to this run."
    for name, count in sorted(signed.items()):
        yield f"Of `{name}` the absolute value was taken: it is below 0 somewhere in {count:,} of {n:,} texts."
    if normalise:
        yield "Attention was made to sum to 1 where it did not (`--normalise`)."
    if hidden:
        yield (
            f"In {hidden:,} of {n:,} texts some tokens are not audited. On average {mass:.0%} of a text's attention "
            "lies on those that are; it was renormalised to them."
        )
    if joined:
        yield f"{joined:,} of {n:,} rows give no `text`: it is their tokens with spaces between."
    if has_output and not named:
        yield "The classes are called by their index, since no names were given (`--classes`)."
    if not has_output:
        yield "The file gives no `output`, so predictions are not known and nothing is said by predicted class."
    if ignored:
        yield f"Fields that were not read: {listed(ignored)}."


def _warnings(n: int, short: int, measures: dict[str, None]) -> Iterator[str]:
    if short:
        yield f"{short:,} of {n:,} texts have fewer than 2 audited tokens: there is nothing to rank."
    missing = ["`gradient…`"] if gradient_of(measures) is None else []
    missing += [] if "leave_one_out" in measures else ["`leave_one_out`"]
    if missing:
        yield (
            f"The file has no measure called {' and none called '.join(missing)}: the question of agreement needs "
            "attention, a gradient and leave-one-out."
        )


def _chunks(rows: Iterator[ScoredText]) -> Iterator[list[ScoredText]]:
    while chunk := list(islice(rows, stored.CHUNK)):
        yield chunk


def _write(
    draft: stored.Draft, number: int, chunk: list[ScoredText], found: _Survey, keep_text: bool
) -> None:
    """The parts of a chunk in both tables, as far as they are not there."""
    if not draft.has("importance", _STAGE, number):
        keys = [(row.id, 0) for row in chunk]
        of_attention = [row.attention for row in chunk]
        rows = [importance_rows(keys, "attention", of_attention, _OBJECTIVE, missing="not_applicable")]
        for name in found.measures:
            rows.append(importance_rows(keys, name, [row.importance.get(name) for row in chunk], _OBJECTIVE))
        draft.write("importance", _STAGE, number, pa.concat_tables(rows))
    if not draft.has("instances", _STAGE, number):
        draft.write("instances", _STAGE, number, _instance_rows(chunk, found.has_output, keep_text))


def _instance_rows(chunk: list[ScoredText], has_output: bool, keep_text: bool) -> pa.Table:
    outputs = [row.output for row in chunk if row.output is not None]
    columns: dict[str, Any] = {
        "instance_id": [row.id for row in chunk],
        "split": SPLIT,
        "text": [row.text for row in chunk] if keep_text else None,
        "query": None,
        "tokens": [list(row.tokens) for row in chunk] if keep_text else None,
        "offsets": [offsets(row) for row in chunk],
        "audited": [row.audited.tolist() for row in chunk],
        "evidence": [[marks.tolist() for marks in row.evidence] or None for row in chunk],
        "target": [row.target for row in chunk],
        "prediction": [int(np.argmax(output)) for output in outputs] if has_output else None,
        "output": outputs if has_output else None,
        "n_audited": [int(row.audited.sum()) for row in chunk],
    }
    unknown = () if has_output else ("prediction", "output")
    return tables.build("instances", columns, n_rows=len(chunk), unknown=unknown)


def _manifest(
    name: str, run_id: str, found: _Survey, asked: dict[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    measures = [{"name": measure} for measure in ("attention", *found.measures)]
    return {
        **machine.made(),
        "numbers_version": NUMBERS_VERSION,
        "run_id": run_id,
        "spec": {
            "import": {"file": name, **asked},
            "measures": measures,
            "counterfactuals": [],
            "erasures": [],
        },
        "classes": list(found.classes),
        "data": {
            "corpus": name,
            "notes": list(found.notes),
            "warnings": list(found.warnings),
            "audited_split": SPLIT,
            "audited": found.n,
            "digest": found.digest,
        },
        "model": {"imported": name},
        "environment": machine.environment(),
        "seconds": seconds,
    }


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
