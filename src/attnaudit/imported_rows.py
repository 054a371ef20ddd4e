"""A file of scores that were computed elsewhere → one checked value a text. No torch.

JSON lines (also as .gz) or Parquet, a row a text; the fields stand in `docs/import.md`. The file is read as a stream.
All faults of all rows are gathered and told at once, each kind with its count, its field and its first row.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Bool, Float

from attnaudit.errors import DataError, unknown_name
from attnaudit.tasks.files import json_records, parquet_rows, refuse_absent, stem, unit
from attnaudit.tasks.rows import Faults, class_name, storable

SUFFIXES = (".jsonl", ".ndjson", ".parquet")
REQUIRED = ("tokens", "attention")
OPTIONAL = ("importance", "output", "label", "target", "id", "text", "audited", "evidence")

TOLERANCE = 1e-3
"""How far a sum of weights or probabilities may lie from 1: what half precision leaves of one."""

MOST_MEASURES = 20
"""More different measures than this are taken for something else; every pair of them would be compared."""

_MOST_FAULTS = 20
_MOST_NAMES = 12
_AT_ONCE = 64  # rows of a Parquet file that are decoded together: each may hold thousands of tokens
_LARGEST = float(np.finfo(np.float32).max)  # scores are stored in single precision

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScoredText:
    """One row, checked. `attention`, `importance` and `evidence` have an entry an audited token.

    `attention` sums to 1, and is None where no weight lies on an audited token; `audited_mass` is what it was of the
    whole. `importance` holds absolute values, None for a measure that the row leaves out; `signed` names those
    measures that held values below 0. `given_text` is False where the text is the tokens with spaces between.
    """

    id: str
    text: str
    given_text: bool
    tokens: Sequence[str]
    audited: Bool[np.ndarray, " token"]
    attention: Float[np.ndarray, " token"] | None
    audited_mass: float
    importance: Mapping[str, Float[np.ndarray, " token"] | None]
    signed: tuple[str, ...]
    output: Float[np.ndarray, " output"] | None
    target: int | None
    evidence: tuple[Bool[np.ndarray, " token"], ...]

    def content(self) -> bytes:
        """A digest of all that is in it."""
        sha = hashlib.sha256()
        plain = [
            self.id,
            self.text,
            self.given_text,
            list(self.tokens),
            self.target,
            self.signed,
            self.audited_mass,
        ]
        sha.update(json.dumps([*plain, sorted(self.importance), len(self.evidence)]).encode("ascii"))
        scores = [self.importance[name] for name in sorted(self.importance)]
        for part in (self.audited, self.attention, self.output, *scores, *self.evidence):
            sha.update(b"\0" if part is None else part.tobytes() + b"\1")
        return sha.digest()


class _Wrong(Exception):
    """What a field must hold, and what was found."""

    def __init__(self, kind: str, found: str) -> None:
        self.kind, self.found = kind, found


def scored_texts(
    path: Path, *, classes: Sequence[str] | None, normalise: bool, ignored: dict[str, None]
) -> Iterator[ScoredText]:
    """The texts of a file, one after the other; those of rows with a fault are left out.

    Args:
        path: the file.
        classes: names of the classes, in the order of the outputs; None where labels are indices.
        normalise: make attention sum to 1 where it does not, instead of refusing it.
        ignored: is given the names of the fields that were not read.

    Raises:
        DataError: when all is read: the faults that were found.
    """
    refuse_absent(path, SUFFIXES)
    faults, name = Faults(), stem(path)
    ids: dict[bytes, int] = {}
    measures: dict[str, None] = {}
    number = n_outputs = None
    for number, values in _records(path, faults):
        place = f"{path.name}, {unit(path)} {number}"
        _unknown_fields(values, place, ignored, faults)
        if n_outputs is None and values.get("output") is None:
            n_outputs = 0
        row = _checked(values, place, f"{name}/{number:06d}", classes, n_outputs, normalise, faults)
        if row is None:
            continue
        n_outputs = 0 if row.output is None else len(row.output)
        first = ids.setdefault(hashlib.blake2b(row.id.encode(), digest_size=16).digest(), number)
        if first != number:
            faults.add(
                "`id` stands in an earlier row already",
                f"{place}: {_short(row.id)}, as in {unit(path)} {first}",
            )
        measures.update(dict.fromkeys(row.importance))
        if len(measures) > MOST_MEASURES:
            found = f"{place}: by then {', '.join(_short(m) for m in list(measures)[:4])}, …"
            faults.add(f"`importance` must name {MOST_MEASURES} measures at most", found)
            break
        yield row
    if number is None and not faults:
        raise DataError(f"{path.name}: there are no rows")
    if faults:
        raise DataError(_refusal(path.name, faults))


def offsets(row: ScoredText) -> list[dict[str, int] | None]:
    """Where each token stands in the text; None for a token that is not audited and not in it.

    Tokens are looked for in reading order, without regard to case. Where an audited one is not found (pieces of words
    with marks of the tokeniser), nothing is said of any.
    """
    nothing: list[dict[str, int] | None] = [None] * len(row.tokens)
    text = row.text.lower() if len(row.text.lower()) == len(row.text) else row.text
    found, position = nothing.copy(), 0
    for place, (token, audited) in enumerate(zip(row.tokens, row.audited.tolist(), strict=True)):
        start = text.find(token if row.text is text else token.lower(), position)
        if start < 0 or not token:
            if audited:
                return nothing
            continue
        position = start + len(token)
        found[place] = {"start": start, "end": position}
    return found


# --- the file --------------------------------------------------------------------------------------------


def _records(path: Path, faults: Faults) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Number and fields of each row; what cannot be read ends the file, with the faults before it."""
    try:
        if path.suffix.casefold() != ".parquet":
            yield from json_records(path)
            return
        names = (*REQUIRED, *OPTIONAL)
        for number, values in parquet_rows(path, REQUIRED, optional=OPTIONAL, at_once=_AT_ONCE):
            yield number, dict(zip(names, values, strict=True))
    except DataError as error:
        if not faults:
            raise
        faults.add("the rows after it cannot be read", str(error))


def _unknown_fields(values: Mapping[str, Any], place: str, ignored: dict[str, None], faults: Faults) -> None:
    known = (*REQUIRED, *OPTIONAL)
    for field in values:
        if field in known or field in ignored:
            continue
        if difflib.get_close_matches(field, known, n=1, cutoff=0.8):
            faults.add(unknown_name("field", field, known).rstrip("."), place)
        elif len(ignored) < _MOST_NAMES and storable(field):
            ignored[field] = None


def _refusal(name: str, faults: Faults) -> str:
    sentences = faults.sentences()
    if len(sentences) == 1:
        return f"{name}: {sentences[0]}."
    lines = "\n".join(f"  {sentence}" for sentence in sentences[:_MOST_FAULTS])
    more = f"\n  and {len(sentences) - _MOST_FAULTS} kinds more" if len(sentences) > _MOST_FAULTS else ""
    return f"{name}: {len(sentences)} kinds of fault:\n{lines}{more}"


# --- a row -----------------------------------------------------------------------------------------------


def _checked(
    values: Mapping[str, Any],
    place: str,
    made_id: str,
    classes: Sequence[str] | None,
    n_outputs: int | None,
    normalise: bool,
    faults: Faults,
) -> ScoredText | None:
    """The row as a value; None where it has a fault, which is put on the list."""
    faulty = False

    def field(read: Callable[[], T], otherwise: T) -> T:
        nonlocal faulty
        try:
            return read()
        except _Wrong as wrong:
            faults.add(wrong.kind, f"{place}: {wrong.found}")
            faulty = True
            return otherwise

    no_tokens: list[str] = []
    tokens = field(partial(_tokens, values.get("tokens")), no_tokens)
    identity = field(partial(_id, values.get("id"), made_id), "")
    text = field(partial(_text, values.get("text"), tokens), "")
    output = field(partial(_output, values.get("output"), n_outputs, classes), None)
    known = len(classes) if classes is not None else None if output is None else len(output)
    target = field(partial(_target, values, known, classes), None)
    n = len(tokens)
    if not n:
        return None
    everything = np.ones(n, dtype=bool)
    audited = field(partial(_marks, values.get("audited"), n, "`audited`"), everything)
    if not audited.any():
        faults.add("`audited` must be true for a token at least", place)
        return None
    weights = field(partial(_attention, values.get("attention"), n, normalise), everything / n)
    given = field(partial(_measures, values.get("importance")), dict[str, Any]())
    scores = {name: field(partial(_scores, given[name], n, name), None) for name in given}
    evidence = field(partial(_evidence, values.get("evidence"), n), tuple[np.ndarray, ...]())
    if faulty:
        return None
    inside = weights[audited]
    mass = float(inside.sum())
    # What sums to 1 already stays as it is, to the last bit.
    attention = inside if abs(mass - 1) <= TOLERANCE else inside / mass if mass > 0 else None
    return ScoredText(
        id=identity,
        text=text,
        given_text=values.get("text") is not None,
        tokens=tokens,
        audited=audited,
        attention=attention,
        audited_mass=mass / float(weights.sum()),
        importance={name: None if s is None else np.abs(s[audited]) for name, s in scores.items()},
        signed=tuple(name for name, s in sorted(scores.items()) if s is not None and s.min() < 0),
        output=output,
        target=target,
        evidence=tuple(marks[audited] for marks in evidence),
    )


def _tokens(value: object) -> list[str]:
    kind = "`tokens` must be a list of strings, one or more"
    if not isinstance(value, list) or not value:
        raise _Wrong(kind, "an empty list" if isinstance(value, list) else _type(value))
    if set(map(type, value)) != {str}:
        place = next(i for i, token in enumerate(value) if type(token) is not str)
        raise _Wrong(kind, f"{_type(value[place])} as token {place + 1}")
    if not storable("".join(value)):
        raise _Wrong(
            "`tokens` holds half of a surrogate pair, which no UTF-8 file can hold", "in one of them"
        )
    return value


def _id(value: object, made: str) -> str:
    if value is None:
        return made
    if type(value) is int:
        return str(value)
    if isinstance(value, str) and value and storable(value):
        return value
    raise _Wrong("`id` must be a string or a whole number, not empty", _type(value))


def _text(value: object, tokens: Sequence[str]) -> str:
    if value is None:
        return " ".join(tokens)
    if isinstance(value, str) and storable(value):
        return value
    raise _Wrong("`text` must be a string", _type(value))


def _attention(value: object, n: int, normalise: bool) -> np.ndarray:
    weights = _numbers(value, n, "`attention`")
    if (weights < 0).any():
        place = int(np.argmax(weights < 0))
        raise _Wrong("`attention` must be ≥ 0", f"{weights[place]:g} for token {place + 1}")
    total = float(weights.sum())
    if total == 0:
        raise _Wrong("`attention` must not be 0 on every token", "nothing but 0")
    if abs(total - 1) > TOLERANCE:
        if not normalise:
            raise _Wrong(
                f"`attention` must sum to 1 over the tokens (within {TOLERANCE:g}); `--normalise` makes it",
                f"a sum of {total:.6g}",
            )
        weights = weights / total
    return weights


def _measures(value: object) -> dict[str, Any]:
    """The measures by name. Arrow gives a map as a list of pairs."""
    if isinstance(value, list) and all(isinstance(entry, tuple) and len(entry) == 2 for entry in value):
        value = dict(value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Wrong(
            "`importance` must be an object: a name and a list of numbers for each measure", _type(value)
        )
    for name in value:
        if name == "attention":
            raise _Wrong(
                "`importance` must not hold `attention`, which has a field of its own", "a second one"
            )
        if not isinstance(name, str) or not 0 < len(name) <= 60 or not name.isprintable() or "~" in name:
            kind = "the name of a measure must be 1 to 60 printable letters without `~`"
            raise _Wrong(kind, _short(name))
    return value


def _scores(value: object, n: int, name: str) -> np.ndarray | None:
    return None if value is None else _numbers(value, n, f"`importance.{name}`")


def _output(value: object, n_outputs: int | None, classes: Sequence[str] | None) -> np.ndarray | None:
    if value is None:
        if n_outputs:
            raise _Wrong("`output` must be given in every row or in none", "none, and the first row has one")
        return None
    if n_outputs == 0:
        raise _Wrong("`output` must be given in every row or in none", "one, and the first row has none")
    if not isinstance(value, list) or len(value) < 2:
        found = f"{len(value)} of them" if isinstance(value, list) else _type(value)
        kind = "`output` must be a list of the probabilities of two classes or more ([1 − p, p] for a binary model)"
        raise _Wrong(kind, found)
    known = n_outputs or (None if classes is None else len(classes))
    if known and len(value) != known:
        whose = "as in the first row" if n_outputs else "as `--classes` names"
        raise _Wrong(f"`output` must hold {known} probabilities, {whose}", f"{len(value)}")
    output = _numbers(value, len(value), "`output`", of="class")
    if (output < 0).any() or (output > 1 + TOLERANCE).any() or abs(output.sum() - 1) > TOLERANCE:
        kind = f"`output` must hold probabilities that sum to 1 (within {TOLERANCE:g}), not logits"
        raise _Wrong(kind, f"from {output.min():.4g} to {output.max():.4g}, sum {output.sum():.6g}")
    return np.minimum(output, 1.0)


def _target(values: Mapping[str, Any], known: int | None, classes: Sequence[str] | None) -> int | None:
    """The index of the gold class: `label` and `target` are two names for it."""
    given = {name: values[name] for name in ("label", "target") if values.get(name) is not None}
    if len(given) == 2:
        raise _Wrong("`label` and `target` are two names for one field; give one", "both")
    if not given:
        return None
    ((name, value),) = given.items()
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int:
        if value < 0 or (known is not None and value >= known):
            end = "0 or more" if known is None else f"0 to {known - 1}"
            raise _Wrong(f"`{name}` must be the index of a class, {end}", str(value))
        if value >= 2**31:
            raise _Wrong(f"`{name}` must be the index of a class", str(value))
        return value
    if isinstance(value, str):
        if classes is None:
            kind = f"`{name}` is a name, so `--classes` must say the names in the order of the outputs"
            raise _Wrong(kind, _short(value))
        label = class_name(value)
        if label is None or label not in classes:
            raise _Wrong(
                f"`{name}` must be one of the classes ({', '.join(classes[:_MOST_NAMES])})", _short(value)
            )
        return list(classes).index(label)
    raise _Wrong(f"`{name}` must be the index or the name of a class", _type(value))


def _evidence(value: object, n: int) -> tuple[np.ndarray, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(marks, list) for marks in value):
        kind = "`evidence` must be a list of lists: for each annotator, whether each token is evidence"
        raise _Wrong(kind, "no list in it" if isinstance(value, list) else _type(value))
    return tuple(_marks(marks, n, "`evidence`") for marks in value)


def _marks(value: object, n: int, field: str) -> np.ndarray:
    """True or false (1 or 0) a token; all true where nothing is given."""
    if value is None:
        return np.ones(n, dtype=bool)
    if not isinstance(value, list):
        raise _Wrong(f"{field} must be a list of true and false", _type(value))
    if len(value) != n:
        raise _Wrong(f"{field} must have an entry a token", _lengths(len(value), n, "entries"))
    if not set(map(type, value)) <= {bool, int} or not set(value) <= {0, 1}:
        raise _Wrong(f"{field} must hold true and false", "something else")
    return np.array(value, dtype=bool)


def _numbers(value: object, n: int, field: str, *, of: str = "token") -> np.ndarray:
    if not isinstance(value, list):
        raise _Wrong(f"{field} must be a list of numbers, one a {of}", _type(value))
    if len(value) != n:
        raise _Wrong(f"{field} must have a number a {of}", _lengths(len(value), n, "numbers"))
    if not set(map(type, value)) <= {int, float}:
        place = next(i for i, number in enumerate(value) if type(number) not in (int, float))
        raise _Wrong(f"{field} must hold numbers", f"{_type(value[place])} for {of} {place + 1}")
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except OverflowError:  # a whole number of hundreds of digits
        raise _Wrong(f"{field} must hold finite numbers (in single precision)", "one beyond") from None
    beyond = ~(np.abs(numbers) <= _LARGEST)
    if beyond.any():
        place = int(np.argmax(beyond))
        found = f"{numbers[place]:g} for {of} {place + 1}"
        raise _Wrong(f"{field} must hold finite numbers (in single precision)", found)
    return numbers


def _lengths(found: int, n: int, what: str) -> str:
    return f"{found:,} {what} for {n:,} token{'' if n == 1 else 's'}"


def _type(value: object) -> str:
    return "nothing" if value is None else f"a value of type `{type(value).__name__}`"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def listed(names: Iterable[str]) -> str:
    """The names in backticks, with commas."""
    return ", ".join(f"`{name}`" for name in names)
