"""A figure as the page holds it: still picture, specification, numbers as a table and as a CSV file, and a hash."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from markupsafe import Markup

from attnaudit.drawing import FIGURES
from attnaudit.drawing.export import svg
from attnaudit.drawing.figure import DECIMALS
from attnaudit.result import Result

STILL_WIDTH = 680
"""Pixels: what the still picture is drawn for; it shrinks with the page."""

MOST_ROWS = 100
"""So many rows of a figure's numbers stand on the page; the file has them all."""

_RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class FigureBox:
    """Everything that the template puts on the page for one figure; `still` is None where nothing is drawn."""

    name: str
    title: str
    caption: str
    nothing: str
    still: Markup | None = None
    spec: Markup | None = None
    link: str = ""
    digest: str = ""
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    n_rows: int = 0


def figure_box(result: Result, name: str) -> FigureBox:
    """One of `FIGURES` of a run."""
    figure = FIGURES[name]
    table = figure.data(result)
    if not len(table):
        return FigureBox(name, figure.title, figure.caption, figure.nothing)
    note = figure.note(table)
    spec = figure.draw(table).to_dict()
    data = csv_bytes(table)
    return FigureBox(
        name,
        figure.title,
        f"{figure.caption} {note}".rstrip(),
        figure.nothing,
        Markup(svg(spec, STILL_WIDTH)),
        json_for_html(spec),
        f"data:text/csv;charset=utf-8;base64,{base64.b64encode(data).decode()}",
        hashlib.sha256(data).hexdigest()[:10],
        tuple(table.column_names),
        tuple(tuple(_cell(value) for value in row.values()) for row in table.slice(0, MOST_ROWS).to_pylist()),
        len(table),
    )


def csv_bytes(table: pa.Table) -> bytes:
    """A table as CSV (RFC 4180, UTF-8). A text that a spreadsheet would run as a formula gets a `'` in front."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(table.column_names)
    for part in table.to_batches(max_chunksize=1_000):
        for row in part.to_pylist():
            writer.writerow([_harmless(value) for value in row.values()])
    return sink.getvalue().encode()


def json_for_html(value: Any) -> Markup:
    """JSON that can stand in a `script` element: no letter in it can end or open an element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


def _harmless(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_RISKY):
        return f"'{value}"
    return "" if value is None else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.{DECIMALS}g}" if isinstance(value, float) else str(value)
