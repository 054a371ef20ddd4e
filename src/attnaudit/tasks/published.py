"""Where the published corpora are found: the folder that the variable ATTNAUDIT_DATA names, or the hub.

The folder holds NAME/PART.jsonl.gz, one JSON object a line. Both give the same rows, so that a task reads them
in one way. Nothing is downloaded into the folder, and no data comes with the package.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnaudit.errors import DataError
from attnaudit.instance import Instance, Span
from attnaudit.tasks import hub
from attnaudit.tasks.corpus import WHOLE
from attnaudit.tasks.files import json_records

VARIABLE = "ATTNAUDIT_DATA"


@dataclass(frozen=True, slots=True)
class Copy:
    """A faithful copy of a corpus on the hub.

    `labels` turns its labels into ours; rows with another label are left out. None: the labels are ours.
    `undivided` says that it has no splits.
    """

    dataset: str
    subset: str | None = None
    labels: Mapping[int, object] | None = None
    undivided: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """A published corpus: its name (ids begin with it), the file of each split, and its copy on the hub."""

    name: str
    folder: str
    files: Mapping[str, str]  # split → name of the file without `.jsonl.gz`
    copy: Copy | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One row, unchecked, and where it stands ("train.jsonl.gz, line 3")."""

    place: str
    values: Mapping[str, Any]

    def broken(self, wanted: str) -> DataError:
        """The refusal of a row that does not hold what it must."""
        return DataError(f"{self.place}: a row must have {wanted}. Restore it from its source.")


def unready(corpus: Published) -> str:
    """Why the corpus cannot be read from the folder, and what to do; empty when it can.

    Only looks whether the files are there, and so costs nothing.
    """
    root = os.environ.get(VARIABLE)
    first = next(iter(corpus.files))
    advice = f"set `{VARIABLE}` to the folder that holds {corpus.folder}/{corpus.files[first]}.jsonl.gz"
    if corpus.copy is not None and not hub.unready():
        advice += ', or set `source = "hub"`'
    if not root:
        return f"the environment variable `{VARIABLE}` is not set; {advice}"
    if not Path(root).is_dir():
        return f"`{VARIABLE}` names {root}, which is no folder; {advice}"
    absent = [path.name for path in (_path(corpus, split) for split in corpus.files) if not path.is_file()]
    if absent:
        return f"{Path(root) / corpus.folder} lacks {', '.join(absent)}; put the corpus there, or {advice}"
    return ""


def records(corpus: Published, source: str = "local") -> dict[str, Iterable[Record]]:
    """The rows of each split, read when they are asked for. Rows of the hub get an `id` from their number.

    Raises:
        DataError: the corpus is not there, or the hub cannot be reached.
    """
    if source == "hub" and corpus.copy is not None:
        tables = hub.tables(corpus.copy.dataset, corpus.copy.subset)
        wanted = (WHOLE,) if corpus.copy.undivided else tuple(corpus.files)
        if absent := [f"`{split}`" for split in wanted if split not in tables]:
            raise DataError(
                f"data set `{corpus.copy.dataset}`: there must be a split {' and '.join(absent)}, found "
                f"{', '.join(f'`{split}`' for split in tables)}. Is it the one of this name, and complete?"
            )
        return {split: _hub_records(corpus.copy, split, tables[split]) for split in wanted}
    if reason := unready(corpus):
        raise DataError(f"corpus `{corpus.name}`: {reason}")
    return {split: _file_records(_path(corpus, split)) for split in corpus.files}


def instances(
    corpus: Published, rows: Iterable[Record], make: Callable[[Record, str], Instance]
) -> tuple[Instance, ...]:
    """An instance a row; `make` gets the row and its id."""
    return tuple(make(row, identity(corpus, row)) for row in rows)


def identity(corpus: Published, record: Record) -> str:
    """The id of a row, beginning with the name of the corpus: `sst-train-0` → `sst/train/0`, `a/b` → `imdb/a/b`.

    Raises:
        DataError: the row has none.
    """
    given = record.values.get("id")
    if not isinstance(given, str) or not given:
        raise record.broken("a string `id`")
    return given.replace("-", "/") if given.startswith(f"{corpus.name}-") else f"{corpus.name}/{given}"


def labelled_text(record: Record, identity: str) -> Instance:
    """An instance of the row's `text` and its `label` of 0 or 1."""
    match record.values:
        case {"text": str(text), "label": (0 | 1) as label}:
            return Instance(identity, {"text": text}, int(label))
        case _:
            raise record.broken("a string `id`, a string `text` and a `label` of 0 or 1")


def spans(record: Record, column: str, field: str, length: int) -> tuple[Span, ...]:
    """The spans that a column of `[start, end]` pairs gives, in order; none when the row lacks the column."""
    found = []
    for pair in record.values.get(column) or ():
        match pair:
            case [int(start), int(end)] if 0 <= start < end <= length:
                found.append(Span(field, start, end))
            case _:
                raise record.broken(
                    f"in `{column}` pairs of characters, start before end and within the {length} of its text; "
                    f"found {pair!r}"
                )
    return tuple(sorted(found, key=lambda span: (span.start, span.end)))


def _path(corpus: Published, split: str) -> Path:
    return Path(os.environ[VARIABLE]) / corpus.folder / f"{corpus.files[split]}.jsonl.gz"


def _file_records(path: Path) -> Iterator[Record]:
    number = 0
    for number, values in json_records(path):
        yield Record(f"{path}, line {number}", values)
    if not number:
        raise DataError(f"{path}: the file holds no rows. Restore it from its source.")


def _hub_records(copy: Copy, split: str, table: Any) -> Iterator[Record]:
    columns: Sequence[str] = table.column_names
    found = False
    for number, row in enumerate(zip(*(table[column] for column in columns), strict=True), start=1):
        values = dict(zip(columns, row, strict=True)) | {"id": f"{split}/{number:06d}"}
        place = f"data set `{copy.dataset}`, split `{split}`, row {number}"
        if copy.labels is not None:
            label = values.get("label")
            if not isinstance(label, int):
                raise DataError(f"{place}: `label` must be a whole number, found {label!r}")
            if label not in copy.labels:
                continue
            values["label"] = copy.labels[label]
        found = True
        yield Record(place, values)
    if not found:
        raise DataError(f"data set `{copy.dataset}`, split `{split}`: there are no rows with a known label")
