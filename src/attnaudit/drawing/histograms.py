"""Histograms by predicted class, each normalised to 1: Kendall's τ of attention with others, and ε-max JSD."""

from __future__ import annotations

import altair as alt
import numpy as np
import pyarrow as pa

from attnaudit.drawing import by_instance
from attnaudit.drawing.figure import (
    Chart,
    colours,
    dashes,
    finished,
    layered,
    legend,
    series_of,
    tidy,
    values,
)
from attnaudit.drawing.shapes import histogram
from attnaudit.result import Result

TAU_EDGES = np.linspace(-1, 1, 31)
"""The paper's 30 bins."""

JSD_EDGES = np.linspace(0, 0.7, 41)
"""The paper's 40 bins."""

SCHEMA = pa.schema(
    [
        ("group", pa.string()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("count", pa.int64()),
        ("share", pa.float64()),
        ("n", pa.int64()),
    ]
)


def tau_gradient(result: Result) -> pa.Table:
    """τ between attention and the gradient: a row a class and bin."""
    gradient = by_instance.gradient_measure(result)
    return _binned(result, by_instance.tau(result, "attention", gradient) if gradient else None, TAU_EDGES)


def tau_leave_one_out(result: Result) -> pa.Table:
    """τ between attention and leave-one-out: a row a class and bin."""
    return _binned(result, by_instance.tau(result, "attention", "leave_one_out"), TAU_EDGES)


def adversary(result: Result) -> pa.Table:
    """ε-max JSD: a row a class and bin."""
    kind = by_instance.adversary_kind(result)
    return _binned(result, by_instance.adversary(result, kind) if kind else None, JSD_EDGES)


def draw_tau(table: pa.Table) -> Chart:
    """Bars from −1 to 1."""
    return _drawn(
        table, "Kendall’s τ", list(np.linspace(-1, 1, 9)), "Histogram of Kendall's tau by predicted class"
    )


def draw_adversary(table: pa.Table) -> Chart:
    """Bars from 0 to 0.7."""
    ticks = list(np.linspace(0, 0.7, 8))
    return _drawn(table, "ε-max JSD (nats)", ticks, "Histogram of epsilon-max JSD by predicted class")


def _binned(result: Result, sample: np.ndarray | None, edges: np.ndarray) -> pa.Table:
    columns: dict[str, list] = {name: [] for name in SCHEMA.names}
    groups = by_instance.groups(result)
    for group in groups:
        inside = np.empty(0) if sample is None else sample[group.members & np.isfinite(sample)]
        if not len(inside):
            continue
        counts, shares = histogram(inside, edges)
        columns["group"] += [group.name] * len(counts)
        columns["low"] += edges[:-1].tolist()
        columns["high"] += edges[1:].tolist()
        columns["count"] += counts.tolist()
        columns["share"] += shares.tolist()
        columns["n"] += [len(inside)] * len(counts)
    return tidy(columns, SCHEMA, [group.name for group in groups])


def _drawn(table: pa.Table, title: str, ticks: list[float], description: str) -> Chart:
    series = series_of(table, "group")
    axis = alt.Axis(
        values=[round(float(tick), 2) for tick in ticks], grid=False, format=".2~f", labelFlush=False
    )
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], nice=False)
    x = alt.X("low:Q", title=title, axis=axis, scale=scale)
    y = alt.Y("share:Q", title="share of the texts of a class", axis=alt.Axis(format=".2~f", tickCount=4))
    tooltip = [
        alt.Tooltip("group:N"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("count:Q", title="texts"),
        alt.Tooltip("share:Q", format=".3f"),
    ]
    key = legend(symbolType="stroke", symbolSize=400)
    colour = alt.Color("group:N", scale=colours(series), legend=key)
    bars = (
        alt.Chart()
        .mark_rect(opacity=0.42)
        .encode(x=x, x2="high:Q", y=y, y2=alt.datum(0), color=colour, tooltip=tooltip)
    )
    # The upper edge of each bar again, dashed by class, so that classes are told apart without colour.
    edges = (
        alt.Chart()
        .mark_rule(strokeWidth=2)
        .encode(
            x=x,
            x2="high:Q",
            y=y,
            color=colour,
            strokeDash=alt.StrokeDash("group:N", scale=dashes(series), legend=key),
        )
        .transform_filter("datum.count > 0")
    )
    return finished(layered(bars, edges, data=values(table)), height=260, description=description)
