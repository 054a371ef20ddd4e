"""The comparison as Markdown, CSV and Parquet: the same rows for people, spreadsheets and programs."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from attnaudit.harmless import markdown_table
from attnaudit.reproduce import ran
from attnaudit.reproduce.errata import EFFECTS, ERRATA
from attnaudit.reproduce.findings import (
    DOES_NOT_HOLD,
    HOLDS,
    NOT_RUN,
    STATEMENTS,
    TOO_FEW,
    UNDETERMINED,
    Finding,
    counted,
)
from attnaudit.reproduce.study import Study
from attnaudit.reproduce.words import (
    NONE,
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

_MODEL = ("corpus", "encoder", "attention", "vectors")
_JUDGED = ("tolerance", "verdict", "to be known")
_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


def markdown(study: Study, table: pa.Table, found: Sequence[Finding], *, command: str = "") -> str:
    """What was run, the findings, one table a quantity, and the errata that were needed."""
    rows = table.to_pylist()
    parts = [
        "# Jain & Wallace 2019, run again",
        "",
        tally(rows),
        "",
        *_ran(study, command),
        "",
        "## Findings",
        "",
    ]
    for statement, sentence in STATEMENTS.items():
        parts += [f"{statement}. {sentence} {said(found, statement)}", ""]
    parts += markdown_table(
        _line,
        ("statement", "number", *_MODEL, "ours", "95%", "paper", "verdict"),
        (
            (
                str(f.statement),
                f.part,
                f.corpus,
                encoder_name(f.encoder) or NONE,
                f.attention or NONE,
                file_name(f.vectors) or NONE,
                decimal(f.estimate.value),
                interval(f.estimate),
                decimal(f.published),
                f.verdict,
            )
            for f in found
        ),
    )
    for quantity, title in QUANTITIES.items():
        inside = [row for row in rows if row["quantity"] == quantity]
        if not inside:
            continue
        parts += ["", f"## {capital(title)}", ""]
        head = (*_MODEL, "group", "ours", "95%", "seeds", "paper", "original code, random vectors", *_JUDGED)
        parts += markdown_table(_line, head, (_cells(row) for row in inside))
    parts += ["", "## Errata", ""]
    needed = {id for row in rows for id in row["reason"]}
    parts += [
        f"- `{e.id}` ({e.effect}): **{e.name}.** {e.sentence}" for e in ERRATA.values() if e.id in needed
    ]
    parts += ["", "What an erratum does: " + "; ".join(f"*{k}*: {v}" for k, v in EFFECTS.items()) + ".", ""]
    return "\n".join(parts)


def csv_bytes(table: pa.Table) -> bytes:
    """The table as CSV (RFC 4180, UTF-8); a text that a spreadsheet would run as a formula gets a `'` in front."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([_harmless(value) for value in row.values()])
    return sink.getvalue().encode()


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as Parquet, with unit and meaning of each column in its metadata."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def tally(rows: Sequence[dict[str, Any]]) -> str:
    """One sentence on all verdicts: how many numbers can be held against a published one, and how they stand."""
    counts = Counter(row["verdict"] for row in rows)
    judged = counts["within"] + counts["outside"]
    first = (
        f"{counts['within']:,} of the {judged:,} numbers that can be held against a published one lie within what "
        "chance and another run of the original code would give"
        if judged
        else "No number could be held against a published one"
    )
    rest = {
        "stand beside a published one without a verdict": counts["not_comparable"],
        "have no published counterpart": counts["not_published"],
        "are published and were not run": counts["not_run"],
    }
    more = ", ".join(f"{count:,} {what}" for what, count in rest.items() if count)
    return f"{first}; {more}." if more else f"{first}."


def said(found: Sequence[Finding], statement: int) -> str:
    """In how many comparisons a statement holds: `It holds in 8 of 10 comparisons; in 2 it is undetermined.`"""
    counts = counted(found, statement)
    total = sum(count for verdict, count in counts.items() if verdict not in (TOO_FEW, NOT_RUN))
    if not total:
        return "Nothing was run that could say so."
    first = f"It holds in {counts.get(HOLDS, 0):,} of {total:,} comparison{'s' if total != 1 else ''}"
    rest = [
        f"in {counts[verdict]:,} it {words}"
        for verdict, words in ((DOES_NOT_HOLD, "does not hold"), (UNDETERMINED, "is undetermined"))
        if verdict in counts
    ]
    if missing := counts.get(NOT_RUN, 0) + counts.get(TOO_FEW, 0):
        rest.append(f"{missing:,} could not be made")
    return "; ".join([first, *rest]) + "."


def _ran(study: Study, command: str) -> list[str]:
    """The section on what was run: the command as it was given, the machine, and a row a model."""
    lines = ["## What was run", ""]
    for term, text in ran.facts(study, command):
        if term == "Command" and command:
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            lines += [fence, text, fence, ""]
        else:
            lines.append(f"- {term}: {_line(text)}")
    head = ("corpus", "model", "vectors", "seeds", "texts audited", "epochs", "time", "not run")
    names = ("corpus", "model", "vectors", "seeds", "texts", "epochs", "wall", "missing")
    return [
        *lines,
        "",
        *markdown_table(_line, head, ([run[name] for name in names] for run in ran.models(study))),
    ]


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    quantity = row["quantity"]
    ends = [number(row[name], quantity) for name in ("low", "high")]
    seeds = f"{row['seeds']}"
    if row["seed_low"] is not None:
        seeds += f" ({number(row['seed_low'], quantity)} to {number(row['seed_high'], quantity)})"
    return (
        row["corpus"],
        encoder_name(row["encoder"]),
        row["attention"],
        file_name(row["vectors"]),
        group_name(row["group"]),
        number(row["value"], quantity),
        NONE if row["low"] is None else f"[{ends[0]}, {ends[1]}]",
        seeds,
        number(row["published"], quantity),
        number(row["original_random"], quantity),
        number(row["tolerance"], quantity),
        VERDICTS[row["verdict"]],
        ", ".join(f"`{id}`" for id in row["reason"]),
    )


def _line(cell: str) -> str:
    """Our own Markdown, which names of corpora may stand in: it can end no line, column or row, and is no HTML."""
    return " ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;")


def _harmless(value: Any) -> Any:
    if isinstance(value, list):
        value = ";".join(value)
    if isinstance(value, str) and value.startswith(_RISKY):
        return f"'{value}"
    return "" if value is None else value
