"""Horizontal violins by largest attention weight and predicted class: permutation TVD and ε-max JSD.

The shapes are computed here, quartiles included, so that the figure's table is what is drawn. A violin ends
where its values end and is as high as its place allows; few values stand as points.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa

from attnaudit.drawing import by_instance
from attnaudit.drawing.figure import Chart, by_class, colours, finished, layered, series_of, tidy
from attnaudit.drawing.shapes import violin
from attnaudit.result import Result
from attnaudit.summary import ATTENTION_BINS, bin_name, in_bin

FEWEST = 5
"""Bins with fewer instances are drawn as points."""

QUARTILES = {"quartile 1": 0.25, "median": 0.5, "quartile 3": 0.75}

SCHEMA = pa.schema(
    [
        ("max_attention", pa.string()),
        ("group", pa.string()),
        ("n", pa.int64()),
        ("mark", pa.string()),  # "density", "point", or one of QUARTILES
        ("value", pa.float64()),
        ("density", pa.float64()),
    ]
)

ADVERSARY_SCHEMA = SCHEMA.append(pa.field("bound", pa.string()))
"""`bound`: whether the JSD is `exact`, a `lower` bound (of a search or a bracket) or an `upper` one."""

_BINS = [bin_name(low, high) for low, high in pairwise(ATTENTION_BINS)]


def permutation(result: Result) -> pa.Table:
    """Median output TVD under permuted attention: a row a point of a shape, quartile, or instance."""
    return _table(result, _shapes(result, by_instance.permutation(result)), SCHEMA)


def adversary(result: Result) -> pa.Table:
    """ε-max JSD: a row a point of a shape, quartile, or instance; of a bracket its lower end, and upper medians."""
    kind = by_instance.adversary_kind(result) or "adversarial_exact"
    bound = "exact" if kind == "adversarial_exact" else "lower"
    rows = [(*row, bound) for row in _shapes(result, by_instance.adversary(result, kind))]
    if kind == "adversarial_bracket":
        above = _shapes(result, by_instance.certified_upper(result))
        rows += [(*row, "upper") for row in above if row[3] == "median"]
    return _table(result, rows, ADVERSARY_SCHEMA)


def adversary_note(table: pa.Table) -> str:
    """What is drawn where the distance is not known exactly."""
    bounds = set(table["bound"].to_pylist())
    if "upper" in bounds:
        return "Drawn are lower bounds; the diamonds are the medians of the upper bounds."
    return "Drawn are lower bounds." if "lower" in bounds else ""


def draw_permutation(table: pa.Table) -> Chart:
    """Violins from 0 to 1."""
    return _drawn(
        table, "median output TVD under permuted attention", np.linspace(0, 1, 5), "median output change"
    )


def draw_adversary(table: pa.Table) -> Chart:
    """Violins from 0 to 0.7."""
    title = (
        "ε-max JSD (nats)" if "lower" not in table["bound"].to_pylist() else "ε-max JSD, lower bound (nats)"
    )
    return _drawn(table, title, np.linspace(0, 0.7, 8), "epsilon-max JSD")


def _shapes(result: Result, sample: np.ndarray) -> list[tuple[Any, ...]]:
    """Rows of `SCHEMA`."""
    rows: list[tuple[Any, ...]] = []
    groups = by_instance.groups(result)
    largest = by_instance.max_attention(result)
    for low, high in pairwise(ATTENTION_BINS):
        for group in groups:
            inside = sample[group.members & in_bin(largest, low, high) & np.isfinite(sample)]
            rows += [(bin_name(low, high), group.name, len(inside), *row) for row in _rows(inside)]
    return rows


def _table(result: Result, rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = {name: [row[place] for row in rows] for place, name in enumerate(schema.names)}
    return tidy(columns, schema, [group.name for group in by_instance.groups(result)])


def _rows(sample: np.ndarray) -> list[tuple[str, float, float | None]]:
    if len(sample) < FEWEST:
        return [("point", float(value), None) for value in np.sort(sample)]
    grid, density = violin(sample)
    rows: list[tuple[str, float, float | None]] = [
        ("density", float(v), float(d)) for v, d in zip(grid, density, strict=True)
    ]
    for name, share in QUARTILES.items():
        value = float(np.quantile(sample, share))
        rows.append((name, value, float(np.interp(value, grid, density))))
    return rows


def _drawn(table: pa.Table, title: str, ticks: np.ndarray, what: str) -> Chart:
    series = series_of(table, "group")
    rows, places = _placed(table, series)
    lanes = len(_BINS) * len(series)
    domain = [0.5, len(_BINS) + 0.5]
    x = alt.X(
        "value:Q",
        title=title,
        scale=alt.Scale(domain=[float(ticks[0]), float(ticks[-1])], nice=False, clamp=True),
        axis=alt.Axis(values=[round(float(tick), 2) for tick in ticks], format=".2~f", gridDash=[2, 3]),
    )
    left = alt.Axis(
        values=list(range(1, len(_BINS) + 1)),
        labelExpr=_named(dict(enumerate(_BINS, start=1))),
        labelOverlap=False,
        labelPadding=6,
        title="largest attention weight",
        grid=False,
        ticks=False,
        domain=False,
    )
    right = alt.Axis(
        orient="right",
        values=list(places),
        labelExpr=_named(places),
        labelLimit=150,
        labelOverlap=False,
        labelPadding=6,
        title=None,
        grid=False,
        ticks=False,
        domain=False,
    )
    scale = alt.Scale(domain=domain, nice=False, zero=False)
    colour = alt.Color("group:N", scale=colours(series), legend=None)
    tooltip = [
        alt.Tooltip("max_attention:N", title="largest weight"),
        alt.Tooltip("group:N"),
        alt.Tooltip("n:Q", title="texts"),
        alt.Tooltip("value:Q", format=".3f"),
    ]
    y = alt.Y("bottom:Q", scale=scale, axis=left)
    shape = (
        alt.Chart()
        .mark_area(opacity=0.45, orient="vertical", line=False)
        .encode(x=x, y=y, y2="top:Q", color=colour, detail="lane:N", tooltip=tooltip[:3])
        .transform_filter("datum.mark === 'density'")
    )
    quartiles = (
        alt.Chart()
        .mark_rule(strokeWidth=1.3, strokeDash=[3, 2])
        .encode(x=x, y=y, y2="top:Q", color=colour, tooltip=[*tooltip, alt.Tooltip("mark:N")])
        .transform_filter("datum.mark === 'quartile 1' || datum.mark === 'quartile 3'")
    )
    medians = (
        alt.Chart()
        .mark_rule(strokeWidth=2.6)
        .encode(x=x, y=y, y2="top:Q", color=colour, tooltip=[*tooltip, alt.Tooltip("mark:N")])
        .transform_filter("datum.mark === 'median' && datum.bound !== 'upper'")
    )
    ceilings = (
        alt.Chart()
        .mark_point(filled=True, shape="diamond", size=70, opacity=1)
        .encode(
            x=x,
            y=alt.Y("middle:Q", scale=scale, axis=left),
            color=colour,
            tooltip=[*tooltip, alt.Tooltip("bound:N")],
        )
        .transform_filter("datum.bound === 'upper'")
    )
    points = (
        alt.Chart()
        .mark_point(filled=True, size=32, opacity=0.9)
        .encode(x=x, y=alt.Y("middle:Q", scale=scale, axis=left), color=colour, tooltip=tooltip)
        .transform_filter("datum.mark === 'point'")
    )
    named = (
        alt.Chart()  # draws nothing: it carries the labels on the right
        .mark_point(opacity=0)
        .encode(x=x, y=alt.Y("middle:Q", scale=scale, axis=right))
        .transform_filter("datum.mark === 'median' || datum.mark === 'point'")
    )
    layers = [shape, quartiles, medians, points]
    if any(row.get("bound") == "upper" for row in rows):
        layers.append(ceilings)
    lines = alt.LayerChart(layer=layers)
    chart = layered(lines, named, data=alt.InlineData(values=rows)).resolve_scale(y="independent")
    return finished(
        chart, height=60 + max(160, 30 * lanes), description=f"Violins of {what} by largest attention weight"
    )


def _placed(table: pa.Table, series: list[str]) -> tuple[list[dict], dict[float, str]]:
    """Rows with their place on the page, and the label of each place that is taken."""
    rows = table.to_pylist()
    half = 0.44 / len(series)
    widest: dict[tuple[str, str], float] = {}
    for row in rows:
        if row["mark"] == "density":
            lane = row["max_attention"], row["group"]
            widest[lane] = max(widest.get(lane, 0.0), row["density"])
    labels: dict[float, str] = {}
    lanes = list(dict.fromkeys((row["max_attention"], row["group"]) for row in rows))
    placed = []
    for row in rows:
        # The first class stands on top of its bin, bins rise from below.
        offset = 0.5 - (series.index(row["group"]) + 0.5) / len(series)
        middle = round(1 + _BINS.index(row["max_attention"]) + offset * 0.94, 4)
        lane = row["max_attention"], row["group"]
        density = row.pop("density")
        height = half * density / widest[lane] if density is not None and widest[lane] else half
        name = row["group"].removeprefix("predicted ") if by_class(series) else "all texts"
        labels[middle] = f"{name} (n {row['n']:,})"
        row |= {
            "bottom": round(middle - height, 4),
            "top": round(middle + height, 4),
            "lane": lanes.index(lane),
        }
        placed.append(row if row["mark"] == "density" else {**row, "middle": middle})
    return placed, labels


def _named(labels: dict) -> str:
    """A Vega expression that turns the number at a tick into its label; JSON keeps class names mere text.

    Places are positive, since Vega writes a negative number with a minus sign of typography.
    """
    known = json.dumps({f"{place:.4f}": text for place, text in labels.items()})
    return f"({known})[format(datum.value, '.4f')]"
