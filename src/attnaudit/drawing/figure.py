"""What a figure is, and what all figures share: colours, dashes, axes, number of decimals.

Colours hold 3:1 against white and against the dark page, are told apart by the colour-blind, and never stand
alone: a dash, a shape or a place says the same again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa

from attnaudit.result import Result
from attnaudit.summary import OVERALL

Chart = alt.LayerChart

PALETTE = ("#8a63b8", "#d0690b", "#0b8f6a", "#3079bd", "#c2588f", "#7d7a1f")
"""Purple, orange and green for classes 0, 1 and 2, as in the paper, moved towards Okabe and Ito's."""

DASHES: tuple[list[int], ...] = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [12, 4], [4, 1])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")

DECIMALS = 6
"""Numbers of a figure are rounded to so many decimals: finer than any eye, coarser than the last bit."""

_SHORT = 20
"""Letters of a name of which two stand beside each other on a page 390 pixels wide."""

_GROUPS = b"attnaudit.groups"


def no_note(_table: pa.Table) -> str:
    """Nothing to say besides the caption."""
    return ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: its title, what one sees in it, and the two functions that make it.

    `data` gives the numbers behind the figure, none where there is nothing to draw; `nothing` then says why.
    `draw` makes the chart from such a table alone; `note` says what its reader must know besides the caption.
    """

    title: str
    caption: str
    nothing: str
    data: Callable[[Result], pa.Table]
    draw: Callable[[pa.Table], Chart]
    note: Callable[[pa.Table], str] = no_note


def tidy(
    columns: Mapping[str, Sequence[Any] | np.ndarray], schema: pa.Schema, series: Sequence[str] = ()
) -> pa.Table:
    """A figure's table: numbers rounded; `series` (classes, measures …) kept in their order with the table."""
    arrays = []
    for field in schema:
        values = columns[field.name]
        if pa.types.is_floating(field.type):
            values = [None if v is None or not np.isfinite(v) else _rounded(float(v)) for v in values]
        arrays.append(pa.array(values, field.type))
    metadata = {_GROUPS: json.dumps(list(series))} if series else None
    return pa.Table.from_arrays(arrays, schema=schema.with_metadata(metadata))


def series_of(table: pa.Table, column: str) -> list[str]:
    """The series of a table in their order, also those without a row, so that colours stay with their class."""
    metadata = table.schema.metadata or {}
    if _GROUPS in metadata:
        return list(json.loads(metadata[_GROUPS]))
    return list(dict.fromkeys(table[column].to_pylist()))


def values(table: pa.Table) -> alt.InlineData:
    """The rows of a table as they stand in the chart."""
    return alt.InlineData(values=table.to_pylist())


def colours(domain: Sequence[str]) -> alt.Scale:
    """One colour a series, by its place."""
    return alt.Scale(domain=list(domain), range=_cycled(PALETTE, domain))


def dashes(domain: Sequence[str]) -> alt.Scale:
    """One dash a series, by its place."""
    return alt.Scale(domain=list(domain), range=_cycled(DASHES, domain))


def shapes(domain: Sequence[str]) -> alt.Scale:
    """One shape a series, by its place."""
    return alt.Scale(domain=list(domain), range=_cycled(SHAPES, domain))


def by_class(series: Sequence[str]) -> bool:
    """Whether the series of a figure are classes: all texts together need no legend."""
    return list(series) != [OVERALL]


def legend(series: Sequence[str] = (), *, columns: int = 2, **more: Any) -> alt.Legend:
    """A legend above the chart, which takes no width from it; in one column where names are too long for a phone."""
    if any(len(name) > _SHORT for name in series):
        columns = 1
    return alt.Legend(
        title=None,
        orient="top",
        columns=columns,
        labelLimit=260,
        symbolStrokeWidth=2,
        symbolOpacity=1,
        **more,
    )


def layered(*layers: alt.Chart | alt.LayerChart, data: alt.InlineData) -> Chart:
    """Layers over the same rows, the first at the bottom."""
    return alt.LayerChart(data=data, layer=list(layers))


def finished(chart: Chart, *, height: int, description: str) -> Chart:
    """As wide as its place, of the given height, with the axes and letters that all figures share."""
    return (
        chart.properties(
            width="container",
            height=height,
            description=description,
            autosize=alt.AutoSizeParams(type="fit", contains="padding"),
            background="transparent",
            padding=4,
        )
        .configure(font="system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif")
        .configure_mark(aria=False)
        .configure_view(stroke=None)
        .configure_text(fontSize=12)
        .configure_axis(
            aria=False,
            labelFontSize=12,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=8,
            labelColor="#3d444d",
            titleColor="#3d444d",
            domainColor="#8c959f",
            tickColor="#8c959f",
            gridColor="#d8dee4",
            gridOpacity=0.7,
        )
        .configure_legend(aria=False, labelFontSize=12, labelColor="#3d444d", symbolSize=110)
    )


def _cycled(entries: Sequence[Any], domain: Sequence[str]) -> list[Any]:
    return [entries[place % len(entries)] for place in range(len(domain))]


def _rounded(value: float) -> float:
    return round(value, DECIMALS) + 0.0  # + 0.0 turns −0 into 0
