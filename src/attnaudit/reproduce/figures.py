"""The paper's figures from our numbers and, on the same scales, from the published ones.

A figure is two functions, as in `drawing`: one gives the numbers of both sides as one table, the other draws one side
of it. Of several seeds the first is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import altair as alt
import numpy as np
import pyarrow as pa

from attnaudit.drawing.figure import (
    Chart,
    colours,
    dashes,
    finished,
    layered,
    legend,
    series_of,
    shapes,
    tidy,
)
from attnaudit.drawing.shapes import histogram
from attnaudit.reproduce.published import BINS, JSD_EDGES, TAU_EDGES, Model
from attnaudit.reproduce.reading import PAPER, Group, Reading
from attnaudit.reproduce.words import group_name
from attnaudit.summary import OVERALL, bin_name

OURS, THEIRS = "this run", "Jain & Wallace 2019"
SIDES = (OURS, THEIRS)

HISTOGRAM = pa.schema(
    [
        ("side", pa.string()),
        ("group", pa.string()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("share", pa.float64()),
    ]
)
QUARTILES = pa.schema(
    [
        ("side", pa.string()),
        ("group", pa.string()),
        ("max_attention", pa.string()),
        ("first", pa.float64()),
        ("median", pa.float64()),
        ("third", pa.float64()),
        ("n", pa.int64()),
    ]
)

_BINS = [bin_name(low, high) for low, high in BINS]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the paper: what it shows, the numbers of both sides, and the drawing of one side."""

    title: str
    caption: str
    data: Callable[[Reading], pa.Table]
    draw: Callable[[pa.Table, str], Chart]


def tau(pair: str, reading: Reading) -> pa.Table:
    """Histogram of τ by predicted class: a row a side, class and bin; none where a side is missing."""
    model = _model(reading)
    theirs = {} if model is None else model.tau_histogram.get(pair, {})
    return _histograms(reading, reading.tau.get(pair), theirs, TAU_EDGES)


def adversary(reading: Reading) -> pa.Table:
    """Histogram of the ε-max JSD of the paper's search by predicted class, likewise."""
    model = _model(reading)
    theirs = {} if model is None else model.jsd_histogram
    return _histograms(reading, reading.jsd.get(PAPER), theirs, JSD_EDGES)


def permutation(reading: Reading) -> pa.Table:
    """Quartiles of the median output TVD by largest weight and predicted class: a row a side, class and bin."""
    columns: dict[str, list] = {name: [] for name in QUARTILES.names}
    groups = _shown(reading)
    model = _model(reading)
    if reading.permutation is not None and model is not None:
        for group in groups:
            for low, high in BINS:
                inside = reading.permutation[group.members & reading.in_bin(low, high)]
                inside = inside[np.isfinite(inside)]
                if len(inside):
                    row = (
                        OURS,
                        group.name,
                        bin_name(low, high),
                        *np.quantile(inside, [0.25, 0.5, 0.75]),
                        len(inside),
                    )
                    _append(columns, row)
                quartiles = model.permutation.get((low, high), {}).get(group.published or "")
                if quartiles is not None:
                    values = (quartiles.first, quartiles.median, quartiles.third)
                    _append(columns, (THEIRS, group.name, bin_name(low, high), *values, None))
    return tidy(columns, QUARTILES, [group.name for group in groups])


def draw_histogram(
    table: pa.Table, side: str, *, title: str, edges: np.ndarray, ticks: Sequence[float]
) -> Chart:
    """Bars by class; both sides go equally high."""
    series = series_of(table, "group")
    highest = max(table["share"].to_pylist(), default=0.0)
    rows = [row for row in table.to_pylist() if row["side"] == side and row["share"] > 0]
    x = alt.X(
        "low:Q",
        title=title,
        axis=alt.Axis(values=list(ticks), grid=False, format=".2~f", labelFlush=False),
        scale=alt.Scale(domain=[float(edges[0]), float(edges[-1])], nice=False),
    )
    y = alt.Y(
        "share:Q",
        title="share of a class",
        axis=alt.Axis(format=".2~f", tickCount=4),
        scale=alt.Scale(domain=[0, _round_up(highest)], nice=False),
    )
    key = legend(symbolType="stroke", symbolSize=300)
    colour = alt.Color("group:N", scale=colours(series), legend=key)
    tooltip = [
        alt.Tooltip("group:N"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("share:Q", format=".3f"),
    ]
    bars = (
        alt.Chart()
        .mark_rect(opacity=0.42)
        .encode(x=x, x2="high:Q", y=y, y2=alt.datum(0), color=colour, tooltip=tooltip)
    )
    tops = (
        alt.Chart()
        .mark_rule(strokeWidth=2)
        .encode(
            x=x,
            x2="high:Q",
            y=y,
            color=colour,
            strokeDash=alt.StrokeDash("group:N", scale=dashes(series), legend=key),
        )
    )
    chart = layered(bars, tops, data=alt.InlineData(values=rows))
    return finished(chart, height=200, description=f"Histogram of {title}")


def draw_quartiles(table: pa.Table, side: str) -> Chart:
    """A line from the first to the third quartile, and a mark on the median."""
    series = series_of(table, "group")
    rows = [row for row in table.to_pylist() if row["side"] == side]
    y = alt.Y(
        "max_attention:N",
        sort=_BINS[::-1],
        scale=alt.Scale(domain=_BINS[::-1]),
        title="largest attention weight",
        axis=alt.Axis(ticks=False, domain=False, labelPadding=8),
    )
    offset = alt.YOffset("group:N", sort=series, scale=alt.Scale(domain=series, paddingOuter=0.4))
    x = alt.X(
        "median:Q",
        title="median output TVD",
        scale=alt.Scale(domain=[-0.02, 1], nice=False),
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f"),
    )
    key = legend()
    colour = alt.Color("group:N", scale=colours(series), legend=key)
    tooltip = [
        alt.Tooltip("group:N"),
        alt.Tooltip("max_attention:N", title="largest weight"),
        alt.Tooltip("first:Q", title="25%", format=".3f"),
        alt.Tooltip("median:Q", format=".3f"),
        alt.Tooltip("third:Q", title="75%", format=".3f"),
    ]
    span = (
        alt.Chart()
        .mark_rule(strokeWidth=3, opacity=0.55)
        .encode(x=alt.X("first:Q"), x2="third:Q", y=y, yOffset=offset, color=colour, tooltip=tooltip)
    )
    medians = (
        alt.Chart()
        .mark_point(filled=True, size=70, opacity=1)
        .encode(
            x=x,
            y=y,
            yOffset=offset,
            color=colour,
            shape=alt.Shape("group:N", scale=shapes(series), legend=key),
            tooltip=tooltip,
        )
    )
    chart = layered(span, medians, data=alt.InlineData(values=rows))
    return finished(chart, height=80 + 28 * len(_BINS), description="Output change under permutation")


_TAU_TICKS = [-1, -0.5, 0, 0.5, 1]
_TAU_CAPTION = (
    "Kendall’s τ between the two rankings of the words of each text; each predicted class sums to 1."
)

FIGURES: Mapping[str, Figure] = {
    "attention_gradient": Figure(
        "Attention and gradient",
        _TAU_CAPTION,
        partial(tau, "attention_gradient"),
        partial(draw_histogram, title="Kendall’s τ", edges=TAU_EDGES, ticks=_TAU_TICKS),
    ),
    "attention_leave_one_out": Figure(
        "Attention and leave-one-out",
        _TAU_CAPTION,
        partial(tau, "attention_leave_one_out"),
        partial(draw_histogram, title="Kendall’s τ", edges=TAU_EDGES, ticks=_TAU_TICKS),
    ),
    "permutation": Figure(
        "Output change under permuted attention",
        "For each text the median over its permutations; the line reaches from the first to the third quartile of "
        "the texts in a bin, the mark is their median.",
        permutation,
        draw_quartiles,
    ),
    "adversary": Figure(
        "How far attention can go, by the paper’s search",
        "ε-max JSD as the published code finds and selects it; each predicted class sums to 1, and 0.69 is as far "
        "as can be.",
        adversary,
        partial(draw_histogram, title="ε-max JSD (nats)", edges=JSD_EDGES, ticks=[0, 0.2, 0.4, 0.6]),
    ),
}
"""The figures by the section that they belong to."""


def both_sides(table: pa.Table) -> bool:
    """Whether there is something to see on either side."""
    return set(table["side"].to_pylist()) == set(SIDES)


def _histograms(
    reading: Reading, sample: np.ndarray | None, theirs: Mapping[str, np.ndarray], edges: np.ndarray
) -> pa.Table:
    columns: dict[str, list] = {name: [] for name in HISTOGRAM.names}
    groups = _shown(reading)
    for group in groups:
        if sample is not None:
            inside = sample[group.members & np.isfinite(sample)]
            if len(inside):
                _bars(columns, OURS, group.name, histogram(inside, edges)[1], edges)
        if group.published in theirs:
            _bars(columns, THEIRS, group.name, theirs[group.published or ""], edges)
    return tidy(columns, HISTOGRAM, [group.name for group in groups])


def _bars(columns: dict[str, list], side: str, group: str, bars: np.ndarray, edges: np.ndarray) -> None:
    for low, high, share in zip(edges[:-1], edges[1:], bars, strict=True):
        if share > 0:
            _append(columns, (side, group, float(low), float(high), round(float(share), 5)))


def _append(columns: dict[str, list], row: Sequence[object]) -> None:
    for name, value in zip(columns, row, strict=True):
        columns[name].append(value)


def _shown(reading: Reading) -> list[Group]:
    """The predicted classes where they are told apart, else all texts."""
    classes = [group for group in reading.groups if group.name != OVERALL]
    return classes or [replace(group, name=group_name(group.name)) for group in reading.groups]


def _model(reading: Reading) -> Model | None:
    if reading.counterpart is None:
        return None
    return reading.counterpart.models.get((reading.cell.encoder, reading.cell.attention))


def _round_up(value: float) -> float:
    """The next multiple of 0.05, so that few scales differ."""
    return max(0.05, round(float(np.ceil(value / 0.05 - 1e-9)) * 0.05, 2))
