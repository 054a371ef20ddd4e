"""The table `reproduction` as compact matrices: a row a corpus and group, a column a model, a mark a verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from attnaudit.reproduce import published
from attnaudit.reproduce.errata import ERRATA, Erratum
from attnaudit.reproduce.findings import Finding
from attnaudit.reproduce.published import ATTENTIONS, DATA, ENCODERS, JSD_BINS_TVD, JSD_WASSERSTEIN, Corpus
from attnaudit.reproduce.words import (
    QUANTITIES,
    VERDICTS,
    capital,
    decimal,
    encoder_name,
    file_name,
    group_name,
    interval,
    number,
)
from attnaudit.summary import OVERALL

COLUMNS = tuple((attention, encoder) for attention in ATTENTIONS for encoder in ENCODERS)
"""Models as columns: the attention above, the encoders below it."""

SYMBOLS = {
    "within": "✓",
    "outside": "✕",
    "not comparable": "∥",
    "not published": "",
    "not run": "·",
    "holds": "✓",
    "does not hold": "✕",
    "undetermined": "?",
    "too few texts": "·",
    "holds in part": "◐",
}


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """One number: ours with its interval, the lines below it (name, value), and the verdict in words."""

    value: str
    interval: str
    lines: tuple[tuple[str, str], ...]
    verdict: str
    hint: str

    @property
    def style(self) -> str:
        """The class of the cell's style."""
        return "cell-" + self.verdict.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes of one corpus: its published title, a cell for each of vocabulary and length, two for each class."""

    corpus: str
    paper: str
    whole: tuple[MatrixCell | None, ...]
    classes: tuple[tuple[str, tuple[MatrixCell | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """Numbers of one corpus and group, by model; None where nothing was planned."""

    corpus: str
    group: str
    cells: tuple[MatrixCell | None, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """One quantity: its title, its models (the columns that occur), and its rows."""

    title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[MatrixRow, ...]
    counts: Mapping[str, int]

    @property
    def attentions(self) -> list[tuple[str, int]]:
        """The head above the encoders: each attention and how many columns it spans."""
        return [(name, len(list(group))) for name, group in groupby(self.columns, key=lambda c: c[0])]

    @property
    def blocks(self) -> list[tuple[str, list[MatrixRow]]]:
        """Rows of a corpus together."""
        return [(name, list(rows)) for name, rows in groupby(self.rows, key=lambda row: row.corpus)]


def of_quantity(rows: Sequence[Mapping[str, Any]], quantity: str) -> Matrix | None:
    """The matrix of one quantity; None where it has no row."""
    inside = [row for row in rows if row["quantity"] == quantity]
    if not inside:
        return None
    several = len({(row["corpus"], row["vectors"]) for row in inside}) > len(
        {row["corpus"] for row in inside}
    )
    title = QUANTITIES[quantity]
    return _matrix(
        capital(title),
        [(_corpus(row, several), group_name(row["group"]), _column(row), _cell(row)) for row in inside],
    )


def of_sizes(rows: Sequence[Mapping[str, Any]]) -> list[Size]:
    """The sizes of each corpus, here, in Table 1 and by the repository's statistics."""
    inside = [row for row in rows if row["quantity"] in DATA]
    made = []
    for corpus in dict.fromkeys(row["corpus"] for row in inside):
        cells = {(row["quantity"], row["group"]): row for row in inside if row["corpus"] == corpus}
        groups = list(dict.fromkeys(g for q, g in cells if q in ("train_size", "test_size")))
        name = published.counterpart(corpus)
        entry = None if name is None else published.corpora()[name]

        def cell(quantity: str, group: str) -> MatrixCell | None:
            row = cells.get((quantity, group))  # noqa: B023  # called at once
            return None if row is None else _size(row, entry, groups)  # noqa: B023  # called at once

        made.append(
            Size(
                corpus,
                "" if entry is None else entry.title,
                (cell("vocabulary", OVERALL), cell("mean_length", OVERALL)),
                tuple(
                    (group_name(group), (cell("train_size", group), cell("test_size", group)))
                    for group in groups
                ),
            )
        )
    return made


def of_findings(found: Iterable[Finding], part: str) -> Matrix | None:
    """The matrix of one number of a statement; None where it was not planned for any model."""
    inside = [finding for finding in found if finding.part == part and finding.encoder]
    if not inside:
        return None
    several = len({(f.corpus, f.vectors) for f in inside}) > len({f.corpus for f in inside})
    return _matrix(
        capital(part),
        [
            (
                f"{f.corpus}, {file_name(f.vectors)}" if several else f.corpus,
                "",
                (f.attention, f.encoder),
                MatrixCell(
                    decimal(f.estimate.value),
                    "" if f.estimate.low is None else interval(f.estimate),
                    () if f.published is None else (("paper", decimal(f.published)),),
                    f.verdict,
                    f"{f.estimate.n:,} texts" + (", the same for both models" if f.paired else ""),
                ),
            )
            for f in inside
        ],
    )


def needed(rows: Iterable[Mapping[str, Any]], quantities: Sequence[str]) -> list[tuple[Erratum, int]]:
    """The errata that go with some quantities, and how many numbers each goes with."""
    counts = Counter(id for row in rows if row["quantity"] in quantities for id in row["reason"])
    return [(erratum, counts[id]) for id, erratum in ERRATA.items() if counts[id]]


def verdicts(rows: Iterable[Mapping[str, Any]], quantities: Sequence[str] | None = None) -> dict[str, int]:
    """How often each verdict stands, in words; verdicts that never stand are left out."""
    counts = Counter(row["verdict"] for row in rows if quantities is None or row["quantity"] in quantities)
    return {word: counts[name] for name, word in VERDICTS.items() if counts[name]}


def _matrix(title: str, entries: Sequence[tuple[str, str, tuple[str, str], MatrixCell]]) -> Matrix:
    there = {column for _, _, column, _ in entries}
    columns = [c for c in COLUMNS if c in there] + sorted(there - set(COLUMNS))
    by_row: dict[tuple[str, str], dict[tuple[str, str], MatrixCell]] = {}
    for corpus, group, column, cell in entries:
        by_row.setdefault((corpus, group), {})[column] = cell
    order = list(dict.fromkeys(corpus for corpus, _, _, _ in entries))
    rows = [
        MatrixRow(corpus, group, tuple(cells.get(column) for column in columns))
        for (corpus, group), cells in sorted(by_row.items(), key=lambda item: order.index(item[0][0]))
    ]
    return Matrix(title, tuple(columns), tuple(rows), Counter(cell.verdict for _, _, _, cell in entries))


def _corpus(row: Mapping[str, Any], several: bool) -> str:
    return f"{row['corpus']}, {file_name(row['vectors'])}" if several else row["corpus"]


def _column(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["attention"], row["encoder"]


def _cell(row: Mapping[str, Any]) -> MatrixCell:
    quantity = row["quantity"]
    lines = []
    if row["published"] is not None and quantity not in (JSD_WASSERSTEIN, JSD_BINS_TVD):
        lines.append(("paper", number(row["published"], quantity)))
    if row["original_random"] is not None:
        lines.append(("code, random", number(row["original_random"], quantity)))
    ends = ""
    if row["low"] is not None and row["high"] is not None:
        ends = f"[{number(row['low'], quantity)}, {number(row['high'], quantity)}]"
    return MatrixCell(
        number(row["value"], quantity), ends, tuple(lines), VERDICTS[row["verdict"]], _hint(row)
    )


def _size(row: Mapping[str, Any], corpus: Corpus | None, groups: Sequence[str]) -> MatrixCell:
    quantity = row["quantity"]
    lines = []
    if row["published"] is not None:
        lines.append(("Table 1", number(row["published"], quantity)))
    if corpus is not None:
        value = getattr(corpus.repository, quantity)
        if isinstance(value, Mapping):
            names = [group.removeprefix("class ") for group in groups]
            index = dict(zip(groups, published.published_groups(corpus, names), strict=True))
            value = value.get(OVERALL if row["group"] == OVERALL else index.get(row["group"]))
        if value is not None:
            lines.append(("repository", number(value, quantity)))
    hint = "; ".join(ERRATA[id].name for id in row["reason"])
    return MatrixCell(number(row["value"], quantity), "", tuple(lines), VERDICTS[row["verdict"]], hint)


def _hint(row: Mapping[str, Any]) -> str:
    """What a pointer over the cell says: texts, seeds, tolerance, errata."""
    parts = [f"{encoder_name(row['encoder'])}, {row['attention']}: {row['n']:,} texts"]
    if row["n_undefined"]:
        parts.append(f"{row['n_undefined']:,} more undefined")
    if row["seed_low"] is not None:
        ends = " to ".join(number(row[name], row["quantity"]) for name in ("seed_low", "seed_high"))
        parts.append(f"{row['seeds']} seeds, {ends}")
    if row["tolerance"]:
        parts.append(f"tolerance {number(row['tolerance'], row['quantity'])}")
    if row["reason"]:
        parts.append("to be known: " + ", ".join(ERRATA[id].name for id in row["reason"]))
    return "; ".join(parts)
