"""Histograms by predicted class, each normalised to 1: Kendall's τ of attention with others, and ε-max JSD."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import altair as alt
import numpy as np
import pyarrow as pa

from attnaudit.drawing import by_instance
from attnaudit.drawing.figure import (
    Chart,
    by_class,
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

ADVERSARY_SCHEMA = SCHEMA.append(pa.field("bound", pa.string()))
"""`bound`: whether the JSD is `exact`, a `lower` bound (of a search or a bracket) or an `upper` one."""


def tau_gradient(result: Result) -> pa.Table:
    """τ between attention and the gradient: a row a class and bin."""
    gradient = by_instance.gradient_measure(result)
    samples = {"": by_instance.tau(result, "attention", gradient)} if gradient else {}
    return _binned(result, samples, TAU_EDGES, SCHEMA)


def tau_leave_one_out(result: Result) -> pa.Table:
    """τ between attention and leave-one-out: a row a class and bin."""
    return _binned(result, {"": by_instance.tau(result, "attention", "leave_one_out")}, TAU_EDGES, SCHEMA)


def adversary(result: Result) -> pa.Table:
    """ε-max JSD: a row a class and bin; of a bracket both ends."""
    kind = by_instance.adversary_kind(result)
    if kind is None:
        return _binned(result, {}, JSD_EDGES, ADVERSARY_SCHEMA)
    samples = {
        "exact" if kind == "adversarial_exact" else "lower": by_instance.adversary(result, kind),
        "upper": by_instance.certified_upper(result) if kind == "adversarial_bracket" else np.empty(0),
    }
    return _binned(result, samples, JSD_EDGES, ADVERSARY_SCHEMA)


def adversary_note(table: pa.Table) -> str:
    """What is drawn where the distance is not known exactly."""
    bounds = set(table["bound"].to_pylist())
    if "upper" in bounds:
        return (
            "Filled bars: an attention so far away was found. Outlined bars: none further away exists. What can be "
            "reached lies between the two."
        )
    return "These distances were found by search: there may be further ones." if "lower" in bounds else ""


def draw_tau(table: pa.Table) -> Chart:
    """Bars from −1 to 1."""
    return _drawn(
        table, "Kendall’s τ", list(np.linspace(-1, 1, 9)), "Histogram of Kendall's tau by predicted class"
    )


def draw_adversary(table: pa.Table) -> Chart:
    """Bars from 0 to 0.7, those of upper bounds in outline."""
    ticks = list(np.linspace(0, 0.7, 8))
    title = (
        "ε-max JSD, lower bound (nats)"
        if set(table["bound"].to_pylist()) == {"lower"}
        else "ε-max JSD (nats)"
    )
    return _drawn(table, title, ticks, "Histogram of epsilon-max JSD by predicted class")


def _binned(
    result: Result, samples: Mapping[str, np.ndarray], edges: np.ndarray, schema: pa.Schema
) -> pa.Table:
    columns: dict[str, list] = {name: [] for name in ADVERSARY_SCHEMA.names}
    groups = by_instance.groups(result)
    for group, (bound, sample) in product(groups, samples.items()):
        inside = sample[group.members & np.isfinite(sample)] if len(sample) else sample
        if not len(inside):
            continue
        counts, shares = histogram(inside, edges)
        columns["group"] += [group.name] * len(counts)
        columns["low"] += edges[:-1].tolist()
        columns["high"] += edges[1:].tolist()
        columns["count"] += counts.tolist()
        columns["share"] += shares.tolist()
        columns["n"] += [len(inside)] * len(counts)
        columns["bound"] += [bound] * len(counts)
    return tidy(columns, schema, [group.name for group in groups])


def _drawn(table: pa.Table, title: str, ticks: list[float], description: str) -> Chart:
    series = series_of(table, "group")
    axis = alt.Axis(
        values=[round(float(tick), 2) for tick in ticks], grid=False, format=".2~f", labelFlush=False
    )
    scale = alt.Scale(domain=[ticks[0], ticks[-1]], nice=False)
    x = alt.X("low:Q", title=title, axis=axis, scale=scale)
    whose = " of a class" if by_class(series) else ""
    y = alt.Y("share:Q", title=f"share of the texts{whose}", axis=alt.Axis(format=".2~f", tickCount=4))
    tooltip = [
        alt.Tooltip("group:N"),
        alt.Tooltip("low:Q", title="from", format=".3f"),
        alt.Tooltip("high:Q", title="to", format=".3f"),
        alt.Tooltip("count:Q", title="texts"),
        alt.Tooltip("share:Q", format=".3f"),
    ]
    bounded = "bound" in table.column_names
    tooltip += [alt.Tooltip("bound:N")] * bounded
    outlined = bounded and "upper" in table["bound"].to_pylist()
    key = legend(series, symbolType="stroke", symbolSize=400) if by_class(series) else None
    colour = alt.Color("group:N", scale=colours(series), legend=key)
    bars = (
        alt.Chart()
        .mark_rect(opacity=0.42)
        .encode(x=x, x2="high:Q", y=y, y2=alt.datum(0), color=colour, tooltip=tooltip)
        .transform_filter("datum.bound !== 'upper'")
    )
    outlines = (
        alt.Chart()
        .mark_rect(filled=False, strokeWidth=1.2)
        .encode(x=x, x2="high:Q", y=y, y2=alt.datum(0), color=colour, tooltip=tooltip)
        .transform_filter("datum.bound === 'upper' && datum.count > 0")
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
        .transform_filter("datum.bound !== 'upper' && datum.count > 0")
    )
    layers = [bars, edges, *[outlines] * outlined]
    return finished(layered(*layers, data=values(table)), height=260, description=description)
