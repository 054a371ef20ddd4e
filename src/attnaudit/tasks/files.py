"""The user's own file to a corpus: CSV, TSV, JSON lines or Parquet, the text formats also as .gz.

Files are read as streams, and a fault is told with the line (Parquet: row) it stands in. What the values
must be is the subject of `rows.py`. Texts come through byte for byte: nothing is stripped or repaired.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NoReturn

import pyarrow
import pyarrow.parquet

from attnaudit.errors import DataError, SpecError
from attnaudit.spec import corpora as specs
from attnaudit.tasks.corpus import WHOLE, Corpus
from attnaudit.tasks.rows import ALIASES, Faults, Row, corpus_of, missing_columns

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_TEXT = SUFFIXES[:-1]
_LARGEST_FIELD = 2**31 - 1  # the largest that the csv module takes on every platform
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


def file(spec: specs.File, seed: int, classes: Sequence[str] | None = None) -> Corpus:
    """A CSV, TSV, JSON lines or Parquet file of your own with a column of texts and one of labels.

    With a `query_column` an instance is a pair of texts: `text` is attended to, `query` is read beside it.

    Args:
        spec: where the file lies and what its columns are called.
        seed: not used, since nothing is drawn here (an undivided corpus is split later).
        classes: names of the classes in their order, when a model of an earlier run is audited.

    Raises:
        DataError: a file cannot be read, or a row breaks the contract; says file, line and what to do.
        SpecError: the split is asked for in two ways.
    """
    del seed
    if spec.split_column is not None and (spec.dev_path or spec.test_path):
        raise SpecError("`task`: give either `split_column` or `dev_path`/`test_path`, not both")
    given = {"train": spec.path, "dev": spec.dev_path, "test": spec.test_path}
    paths = {split: Path(path).expanduser() for split, path in given.items() if path is not None}
    several = len(paths) > 1
    faults = Faults()
    columns = _columns(spec)

    def rows() -> Iterator[Row]:
        for split, path in paths.items():
            part = split if several else WHOLE
            name = stem(path)
            for number, values in _records(path, tuple(columns.values()), faults):
                value = dict(zip(columns, values, strict=True))
                place = f"{path.name}, {unit(path)} {number}"
                own = _split(value["split"], place, faults) if "split" in value else part
                identity = f"{name}/{split}/{number:06d}" if several else f"{name}/{number:06d}"
                if own:
                    yield Row(place, identity, own, value["text"], value["label"], value.get("query"))

    for path in paths.values():
        refuse_absent(path)
    names = ", ".join(path.name for path in paths.values())
    return corpus_of(
        rows(),
        name=names,
        splits=tuple(paths) if several else (),
        paired=spec.query_column is not None,
        faults=faults,
        drop_empty=spec.drop_empty,
        classes=classes,
    )


def json_records(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Line number and object of each line of a JSON lines file, `.gz` or not; empty lines are passed over.

    Raises:
        DataError: not UTF-8, a damaged archive, a line that is no JSON object.
    """
    with opened(path, newline="\n") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(
                    f"{path.name}, line {number}, column {error.colno}: not JSON ({error.msg}). "
                    "Each line must hold one JSON object."
                ) from None
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path.name}, line {number}: cannot be read as JSON: {error}") from None
            if not isinstance(value, dict):
                raise DataError(
                    f"{path.name}, line {number}: each line must hold a JSON object such as "
                    f'{{"text": "…", "label": "…"}}, found a value of type `{type(value).__name__}`'
                )
            yield number, value


def delimited(
    path: Path, delimiter: str, columns: Sequence[str], faults: Faults, *, longest: int = _LARGEST_FIELD
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Rows of a CSV or TSV file, `.gz` or not, as a stream; the number is that of the line where the row begins.

    Args:
        path: the file; its first row that is not empty is the header.
        delimiter: what stands between two fields.
        columns: those that are wanted, in the order in which their values are given.
        faults: where rows with another number of fields than the header are counted.
        longest: most characters of a field. An unclosed quotation mark is noticed there at the latest.

    Raises:
        DataError: not UTF-8, a damaged archive, a missing column, a malformed quotation.
    """
    with opened(path, newline="") as stream, _long_fields(longest):
        # strict: an unclosed quotation mark would otherwise swallow the rest of the file as one field
        reader = csv.reader(stream, delimiter=delimiter, strict=True)
        line = 1
        names: list[str] = []
        positions: tuple[int, ...] = ()
        try:
            for fields in reader:
                begins, line = line, reader.line_num + 1
                if not fields:
                    continue
                if not names:
                    names = fields
                    positions = _positions(names, columns, path, delimiter)
                elif len(fields) != len(names):
                    faults.add(
                        f"another number of fields than the {len(names)} of the header",
                        f"{path.name}, line {begins}: {len(fields)} field{'s' if len(fields) != 1 else ''}",
                    )
                else:
                    yield begins, tuple(fields[position] for position in positions)
        except csv.Error as error:
            raise DataError(
                f"{path.name}: the row that begins in line {line} is malformed ({error}). A field that "
                "begins with a quotation mark must end with one, and one inside it must be doubled."
            ) from None


@contextmanager
def opened(path: Path, *, newline: str) -> Iterator[IO[str]]:
    """The text of a plain or gzip file as a stream.

    Raises:
        DataError: not UTF-8 (says the line), a damaged archive, or the system cannot read it.
    """
    try:
        try:
            with _bytes(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline=newline) as stream:
                yield stream
        except UnicodeDecodeError:
            _refuse_encoding(path)
    except _BROKEN as error:
        raise DataError(
            f"{path.name}: the gzip archive is damaged or cut off ({error}). Copy it anew."
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def header(path: Path, delimiter: str) -> list[str]:
    """The names of the columns of a CSV or TSV file; none when the file has no rows.

    Raises:
        DataError: not UTF-8, a damaged archive, a malformed quotation.
    """
    with opened(path, newline="") as stream, _long_fields(_LARGEST_FIELD):
        try:
            return next(
                (fields for fields in csv.reader(stream, delimiter=delimiter, strict=True) if fields), []
            )
        except csv.Error as error:
            raise DataError(f"{path.name}, line 1: the header is malformed ({error})") from None


def _columns(spec: specs.File) -> dict[str, str]:
    """What each column that is asked for is called in the file."""
    wanted = {
        "text": spec.text_column,
        "label": spec.label_column,
        "query": spec.query_column,
        "split": spec.split_column,
    }
    return {meaning: column for meaning, column in wanted.items() if column is not None}


def _records(
    path: Path, columns: tuple[str, ...], faults: Faults
) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Number and wanted values of each row of the file."""
    match _suffix(path):
        case ".csv":
            yield from delimited(path, ",", columns, faults)
        case ".tsv":
            yield from delimited(path, "\t", columns, faults)
        case ".parquet":
            yield from parquet_rows(path, columns)
        case _:
            yield from _objects(path, columns)


def _positions(header: list[str], columns: Sequence[str], path: Path, delimiter: str) -> tuple[int, ...]:
    if message := missing_columns(columns, header, f"{path.name}, line 1"):
        others = [
            mark
            for mark in (";", ",", "\t", "|")
            if mark != delimiter and len(header) == 1 and mark in header[0]
        ]
        hint = (
            f" The header holds {others[0]!r}: save the file with {delimiter!r} between columns."
            if others
            else ""
        )
        raise DataError(message + hint)
    if twice := [column for column in columns if header.count(column) > 1]:
        raise DataError(
            f"{path.name}, line 1: the column `{twice[0]}` stands there {header.count(twice[0])} times"
        )
    return tuple(header.index(column) for column in columns)


def _objects(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Rows of a JSON lines file; a key that only some rows lack counts as empty there."""
    existing: dict[str, None] = {}
    for number, row in json_records(path):
        existing.update(dict.fromkeys(row))
        yield number, tuple(row.get(column) for column in columns)
    if existing and (message := missing_columns(columns, list(existing), path.name)):
        raise DataError(message)


def parquet_rows(
    path: Path, columns: Sequence[str], *, optional: Sequence[str] = (), at_once: int = 8192
) -> Iterator[tuple[int, tuple[object, ...]]]:
    """Number and values of each row of a Parquet file, of the columns that are wanted.

    Args:
        path: the file.
        columns: those that must be there …
        optional: … and those that may be; the values of one that is not are None.
        at_once: rows that are decoded together.

    Raises:
        DataError: the file cannot be read, or a column is missing or there twice.
    """
    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            if message := missing_columns(columns, table.schema_arrow.names, path.name):
                raise DataError(message)
            wanted = [
                *dict.fromkeys(columns),
                *(name for name in optional if name in table.schema_arrow.names),
            ]
            for column in wanted:
                if table.schema_arrow.names.count(column) > 1:
                    raise DataError(
                        f"{path.name}: two columns are called `{column}`; give each a name of its own"
                    )
            number = 0
            for batch in table.iter_batches(batch_size=at_once, columns=wanted):
                lists = {column: batch.column(column).to_pylist() for column in wanted}
                nothing = [None] * len(batch)
                for values in zip(*(lists.get(name, nothing) for name in (*columns, *optional)), strict=True):
                    number += 1
                    yield number, values
    except DataError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path.name}: cannot be read as Parquet: {' '.join(str(error).split())}") from error


def _split(value: object, place: str, faults: Faults) -> str:
    """The split that a value of the split column names; an unknown one is put on the list of faults."""
    name = ALIASES.get(value.strip().casefold(), "") if isinstance(value, str) else ""
    if not name:
        faults.add(
            f"unknown split `{value}`; known are {', '.join(f'`{alias}`' for alias in ALIASES)}", place
        )
    return name


def _suffix(path: Path) -> str:
    suffixes = [suffix.casefold() for suffix in path.suffixes]
    inner = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] == ".gz" else ""
    return inner if inner in _TEXT else (suffixes or [""])[-1]


def stem(path: Path) -> str:
    """The name of the file without `.csv`, `.jsonl.gz` and the like."""
    return Path(path.stem).stem if path.suffix.casefold() == ".gz" else path.stem


def unit(path: Path) -> str:
    """What a record of the file is called in messages."""
    return "row" if _suffix(path) == ".parquet" else "line"


def refuse_absent(path: Path, suffixes: Sequence[str] = SUFFIXES) -> None:
    """Refuse what can be seen from outside: no file, a folder, another format, nothing in it.

    Raises:
        DataError: one of these; says which, and what to do.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; give a file in it")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    if _suffix(path) not in suffixes:
        known = ", ".join(f"`{suffix}`" for suffix in suffixes)
        of = "one of " if len(suffixes) > 1 else ""
        raise DataError(
            f"{path.name}: the suffix must say the format: {of}{known}, "
            "the text formats also with `.gz` behind"
        )
    if path.stat().st_size == 0:
        raise DataError(f"{path.name}: the file is empty")


def _bytes(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path, "rb") if path.suffix.casefold() == ".gz" else path.open("rb")


def _refuse_encoding(path: Path) -> NoReturn:
    """Find the first line that is not UTF-8; a second pass, since the decoder reads in blocks."""
    with _bytes(path) as raw:
        start = raw.read(2)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(
                f"{path.name}, line 1: not UTF-8 but UTF-16 (it begins with its mark). Save the file as UTF-8, for "
                "instance with `iconv -f UTF-16 -t UTF-8`."
            )
    with _bytes(path) as raw:
        for number, line in enumerate(raw, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{path.name}, line {number}, byte {error.start + 1}: not UTF-8 (byte "
                    f"0x{line[error.start]:02x}). Save the file as UTF-8, for instance with "
                    f"`iconv -f LATIN1 -t UTF-8`."
                ) from None
    raise DataError(f"{path.name}: not UTF-8. Save the file as UTF-8.")


@contextmanager
def _long_fields(longest: int) -> Iterator[None]:
    """Let the csv module read fields of up to so many characters; its limit is global, so it is put back."""
    before = csv.field_size_limit(longest)
    try:
        yield
    finally:
        csv.field_size_limit(before)
