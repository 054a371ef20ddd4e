"""Rows of a table to a corpus: is each text a text and each label a label, and which are the classes?

A row may hold two texts: the one whose tokens are attended, and a query beside it (a question, a hypothesis).

It knows neither files nor the hub: whoever reads those says where each row stands, so that a fault can be
found again. All faults of all rows are gathered and told at once, each kind with its count and first place.
"""

from __future__ import annotations

import difflib
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.tasks.corpus import SPLITS, WHOLE, Corpus
from attnaudit.tasks.on_disk import OnDisk

ALIASES: Mapping[str, str] = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "valid": "dev",
    "validation": "dev",
    "val": "dev",
    "test": "test",
    "testing": "test",
}
"""What people call the three parts → what they are called here."""

MOST_CLASSES = 100
"""A column with more different labels is taken for one of numbers, ids or texts, unless its source declares them."""

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)  # joiners may stay

_HALF_A_PAIR = "holds half of a surrogate pair, which no UTF-8 file can hold"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as its source gives it: text, label and query are still unchecked values.

    `place` says where it stands, for messages ("reviews.csv, line 12"); `split` is of `SPLITS`, or `WHOLE`.
    """

    place: str
    id: str
    split: str
    text: object
    label: object
    query: object = None


class Faults:
    """What is wrong, by kind: how often, and where first."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, kind: str, first: str) -> None:
        """Count a fault of this kind; `first` is kept of the first one only."""
        count, kept = self._found.get(kind, (0, first))
        self._found[kind] = (count + 1, kept)

    def sentences(self) -> list[str]:
        """A line for each kind: `3 rows: the text is empty (first: reviews.csv, line 7)`."""
        return [
            f"{count} row{'s' if count > 1 else ''}: {kind} ({'first: ' if count > 1 else ''}{first})"
            for kind, (count, first) in self._found.items()
        ]


def corpus_of(
    rows: Iterable[Row],
    *,
    name: str,
    splits: Sequence[str] = (),
    paired: bool = False,
    faults: Faults | None = None,
    drop_empty: bool = False,
    classes: Sequence[str] | None = None,
    order: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Corpus:
    """The corpus that the rows make.

    Args:
        rows: in the order of the source.
        name: what messages call the source.
        splits: those that must have rows; others may turn up in the rows.
        paired: whether each row has a query beside its text.
        faults: where the source of the rows puts its own while it is read, so that all are told at once.
        drop_empty: leave rows with an empty text, query or label out instead of refusing them.
        classes: names of the classes in their order, when a model already knows them; else the labels found
            in train (or everywhere, when there is no train split), in natural order.
        order: class names in the order in which the source declares them, for those that are found.
        notes: sentences that the corpus should carry before our own.

    Raises:
        DataError: texts or labels that are empty, of another type or unknown; no rows; labels that are no classes.
    """
    faults = Faults() if faults is None else faults
    left_out = Faults()
    kept = _Kept()
    splits_seen = dict.fromkeys(splits)

    def instances() -> Iterator[Instance]:
        for row in rows:
            splits_seen[row.split] = None
            fields, label, empty = _checked(row, faults, paired=paired)
            if empty:
                (left_out if drop_empty else faults).add(empty, row.place)
            elif fields is not None and label is not None:
                yield Instance(row.id, fields, kept.add(row, label))

    everything = OnDisk(instances())
    if faults:
        raise DataError(_refusal(name, faults, paired=paired))
    for split in splits_seen or {WHOLE: None}:
        if not kept.counts(split):
            raise DataError(_no_rows(name, split, left_out))

    remarks: list[str] = []
    if classes is not None:
        names = tuple(classes)
    else:
        names, remarks = _classes(kept, name, order)
    _refuse_unknown(kept, names, name, from_model=classes is not None)
    index = {label: number for number, label in enumerate(names)}
    everything = everything.retargeted([index[label] for label in kept.labels])
    parts = [split for split in (*SPLITS, WHOLE) if split in splits_seen]
    dropped = [f"Left out: {sentence}." for sentence in left_out.sentences()]
    return Corpus(
        name=name,
        classes=names,
        splits={split: everything.picked(kept.places(split)) for split in parts},
        query="query" if paired else None,
        notes=(*notes, *dropped, *remarks),
    )


class _Kept:
    """What is remembered of the rows that are kept, besides their texts: split and label of each, by number."""

    def __init__(self) -> None:
        self.labels: dict[str, int] = {}  # in the order in which they turn up, with their numbers
        self.found: dict[tuple[str, str], tuple[int, str]] = {}  # (split, label) → rows, place of the first
        self._splits: dict[str, int] = {}
        self._split_of = array("B")

    def add(self, row: Row, label: str) -> int:
        """Remember a row; the number of its label."""
        count, first = self.found.get((row.split, label), (0, row.place))
        self.found[row.split, label] = count + 1, first
        self._split_of.append(self._splits.setdefault(row.split, len(self._splits)))
        return self.labels.setdefault(label, len(self.labels))

    def counts(self, split: str | None = None) -> Counter[str]:
        """Rows by label, of one split or of all."""
        counts: Counter[str] = Counter()
        for (where, label), (count, _) in self.found.items():
            if split in (None, where):
                counts[label] += count
        return counts

    def places(self, split: str) -> np.ndarray:
        """Which of the rows belong to a split."""
        return np.flatnonzero(np.asarray(self._split_of) == self._splits[split])


def class_name(label: object) -> str | None:
    """The name of the class that a label stands for: `1`, `1.0`, `"1"` and `" 1.0 "` are all `1`.

    None for an empty label: null, NaN, or a string of nothing but white space. Control characters become visible
    (`\\x1b`): the name stands in terminals, figures and file formats that cannot hold them.

    Raises:
        TypeError: the value is no string, integer, finite float or truth value.
    """
    match label:
        case None:
            return None
        case str():
            stripped = label.strip()
            # pandas writes a column of integers with a gap in it as floats
            whole = re.fullmatch(r"([+-]?\d{1,15})\.0+", stripped)
            return str(int(whole[1])) if whole else _CONTROL.sub(_visible, stripped) or None
        case bool() | int():
            return str(label)
        case float() if math.isnan(label):
            return None
        case float() if math.isfinite(label):
            return str(int(label)) if label.is_integer() else str(label)
        case _:
            raise TypeError(
                f"a label must be a string, a whole number or a truth value, found {_type(label)}"
            )


def _visible(control: re.Match[str]) -> str:
    return repr(control.group())[1:-1]


def natural_order(label: str) -> tuple[Any, ...]:
    """A key for sorting: numbers by size and before words, words without regard to case, `2` before `10`."""
    try:
        number = float(label)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return (0, number, label)
    pieces = re.split(r"(\d+)", label.casefold())
    return (1, tuple((int(p), "") if i % 2 else (0, p) for i, p in enumerate(pieces)), label)


def missing_columns(wanted: Sequence[str], existing: Sequence[str], place: str) -> str | None:
    """Say which of the columns are not there, which are, and which may be meant; None when all are there."""
    absent = [column for column in dict.fromkeys(wanted) if column not in existing]
    if not absent:
        return None
    lower = {column.casefold(): column for column in existing}
    hints = []
    for column in absent:
        near = difflib.get_close_matches(column.casefold(), lower, n=1, cutoff=0.5)
        hints += [f" Did you mean `{lower[near[0]]}` for `{column}`?"] if near else []
    return (
        f"{place}: no column {' and no column '.join(f'`{column}`' for column in absent)}. "
        f"Columns there: {', '.join(f'`{column}`' for column in existing) or 'none'}.{''.join(hints)}"
    )


def _checked(row: Row, faults: Faults, *, paired: bool) -> tuple[dict[str, str] | None, str | None, str]:
    """Texts and label of the row, and what of it is empty; faults of another kind are put on the list."""
    fields: dict[str, str] | None = {}
    label: str | None = None
    empty = []
    for field, value in (("text", row.text), ("query", row.query)) if paired else (("text", row.text),):
        match value:
            case None:
                empty.append(field)
            case str() if not value.strip():
                empty.append(field)
            case str() if storable(value):
                if fields is not None:
                    fields[field] = value
            case str():
                faults.add(f"the {field} {_HALF_A_PAIR}", row.place)
                fields = None
            case _:
                faults.add(f"the {field} must be a string, found {_type(value)}", row.place)
                fields = None
    try:
        label = class_name(row.label)
        if label is None:
            empty.append("label")
        elif not storable(label):
            faults.add(f"the label {_HALF_A_PAIR}", row.place)
            label = None
    except TypeError as error:
        faults.add(str(error), row.place)
    listed = " and ".join(f"the {field}" for field in empty)
    return fields, label, f"{listed} {'are' if len(empty) > 1 else 'is'} empty" if empty else ""


def storable(text: str) -> bool:
    """Whether a UTF-8 file can hold the text: no half of a surrogate pair is in it."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _type(value: object) -> str:
    return f"a value of type `{type(value).__name__}`"


def _refusal(name: str, faults: Faults, *, paired: bool) -> str:
    sentences = faults.sentences()
    advice = ""
    if any("empty" in sentence for sentence in sentences):
        what = "text, query or label" if paired else "text or label"
        advice = f" Fill them in, or set `drop_empty = true` to leave rows with an empty {what} out."
    if len(sentences) == 1:
        return f"{name}: {sentences[0]}.{advice}"
    return f"{name}: {len(sentences)} kinds of fault:\n" + "\n".join(f"  {s}" for s in sentences) + advice


def _no_rows(name: str, split: str, left_out: Faults) -> str:
    where = name if split == WHOLE else f"{name}, split `{split}`"
    why = f" All were left out: {'; '.join(left_out.sentences())}." if left_out else ""
    return f"{where}: there are no rows with a text and a label.{why}"


def _classes(kept: _Kept, name: str, order: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """The classes of train, or of all rows where there is no train split, and what should be said of them.

    A source that declares its classes is taken at its word. Otherwise a column of numbers, ids or texts is told
    from one of classes by how many different labels it holds.
    """
    has_train = bool(kept.counts("train"))
    counts = kept.counts("train" if has_train else None)
    listed = [label for label in order if label in counts]
    declared = len(listed) == len(counts)
    found = listed if declared else sorted(counts, key=natural_order)
    where = f"{name}, split `train`" if has_train else name
    total = counts.total()
    if len(found) == 1:
        raise DataError(
            f"{where}: a single label: all {total} rows have `{found[0]}`. Two classes or more are "
            "needed; is this the column of the labels?"
        )
    if not declared and (len(found) > MOST_CLASSES or 2 < len(found) > total / 2):
        limit = (
            f"more than {MOST_CLASSES}"
            if len(found) > MOST_CLASSES
            else f"more than half of the {total} rows"
        )
        listing = ", ".join(f"`{_shortened(label)}` ({counts[label]})" for label in found[:12])
        more = f" and {len(found) - 12} more" if len(found) > 12 else ""
        raise DataError(
            f"{where}: {len(found)} different labels, {limit}: this is no column of classes. Found (rows): "
            f"{listing}{more}. Name another column as `label_column`, or merge labels into few classes."
        )
    rare = [label for label in found if counts[label] == 1]
    if not rare:
        return tuple(found), []
    which = ", ".join(f"`{_shortened(label)}`" for label in rare[:12])
    more = f" and {len(rare) - 12} more" if len(rare) > 12 else ""
    return tuple(found), [
        f"{where}: only one row has the class {which}{more}, from which it can hardly be learned."
        if len(rare) == 1
        else f"{where}: only one row each has the classes {which}{more}, from which they can hardly be learned."
    ]


def _shortened(label: str) -> str:
    return label if len(label) <= 40 else f"{label[:39]}…"


def _refuse_unknown(kept: _Kept, names: tuple[str, ...], source: str, *, from_model: bool) -> None:
    unknown: dict[str, tuple[int, str]] = {}
    for (_, label), (rows, place) in kept.found.items():
        if label not in names:
            count, first = unknown.get(label, (0, place))
            unknown[label] = (count + rows, first)
    if not unknown:
        return
    listing = "; ".join(
        f"`{label}` ({count} row{'s' if count > 1 else ''}, first: {first})"
        for label, (count, first) in list(unknown.items())[:12]
    )
    more = f"; and {len(unknown) - 12} more" if len(unknown) > 12 else ""
    known = ", ".join(f"`{name}`" for name in names[:24])
    known += f" and {len(names) - 24} more" if len(names) > 24 else ""
    whose = "The model knows" if from_model else "The training part has"
    raise DataError(f"{source}: unknown label {listing}{more}. {whose} {known}.")
