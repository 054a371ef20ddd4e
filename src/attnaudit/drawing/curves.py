"""Density curves: how the three pairs of measures agree, and how far other seeds attend, beside the adversary."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import pyarrow as pa

from attnaudit.drawing import by_instance
from attnaudit.drawing.figure import (
    Chart,
    colours,
    finished,
    layered,
    legend,
    series_of,
    tidy,
    values,
)
from attnaudit.drawing.shapes import density
from attnaudit.result import Result
from attnaudit.wording import worded

GRID = np.linspace(-1, 1, 201)
SCHEMA = pa.schema(
    [("pair", pa.string()), ("tau", pa.float64()), ("density", pa.float64()), ("n", pa.int64())]
)

JSD_GRID = np.linspace(0, 0.7, 141)
SEEDS = pa.schema(
    [("attention", pa.string()), ("jsd", pa.float64()), ("density", pa.float64()), ("n", pa.int64())]
)

_DASHES: tuple[list[int], ...] = ([6, 3], [1, 0], [2, 2])
"""The paper's: attention with the gradient dashed, with leave-one-out solid, the ceiling dotted."""


def tau_pairs(result: Result) -> pa.Table:
    """Density of τ on [−1, 1] for the three pairs: a row a pair and grid point."""
    gradient = by_instance.gradient_measure(result) or "gradient"
    pairs = [("attention", gradient), ("attention", "leave_one_out"), (gradient, "leave_one_out")]
    names = [f"{worded(a)} ~ {worded(b)}" for a, b in pairs]
    samples = {name: by_instance.tau(result, *pair) for name, pair in zip(names, pairs, strict=True)}
    return _table(samples, GRID, SCHEMA)


def seeds(result: Result) -> pa.Table:
    """Density of the JSD to other seeds, to these on random words, and of ε-max JSD: a row a curve and grid point.

    Of several other seeds the mean of each text; none where there are no other seeds.
    """
    near, chance = by_instance.other_seeds(result)
    kind = by_instance.adversary_kind(result)
    samples = {"other seeds": near, "other seeds, words at random": chance}
    if kind is not None and np.isfinite(near).any():
        bound = "" if kind == "adversarial_exact" else ", lower bound"
        samples[f"furthest with the same output (ε-max){bound}"] = by_instance.adversary(result, kind)
    return _table(samples, JSD_GRID, SEEDS)


def draw_tau_pairs(table: pa.Table) -> Chart:
    """Three curves from −1 to 1."""
    x = alt.X(
        "tau:Q",
        title="Kendall’s τ",
        scale=alt.Scale(domain=[-1, 1], nice=False),
        axis=alt.Axis(values=[-1, -0.5, 0, 0.5, 1], grid=False, format=".2~f"),
    )
    zero = (
        alt.Chart(alt.InlineData(values=[{"tau": 0}]))
        .mark_rule(color="#8c959f", strokeWidth=1)
        .encode(x="tau:Q")
    )
    curves = _curves(series_of(table, "pair"), "pair", x)
    chart = layered(zero, curves, data=values(table))
    return finished(chart, height=280, description="Density of Kendall's tau for three pairs of measures")


def draw_seeds(table: pa.Table) -> Chart:
    """Curves from 0 to 0.7."""
    x = alt.X(
        "jsd:Q",
        title="JSD from the model’s attention (nats)",
        scale=alt.Scale(domain=[0, 0.7], nice=False),
        axis=alt.Axis(values=[round(0.1 * k, 1) for k in range(8)], grid=False, format=".1f"),
    )
    chart = layered(_curves(series_of(table, "attention"), "attention", x), data=values(table))
    return finished(chart, height=280, description="Density of the JSD to other seeds and of epsilon-max JSD")


def _table(samples: Mapping[str, np.ndarray], grid: np.ndarray, schema: pa.Schema) -> pa.Table:
    """The density of each sample on a grid; without those that have no value."""
    rows: list[tuple[str, float, float, int]] = []
    for name, sample in samples.items():
        known = sample[np.isfinite(sample)]
        if len(known):
            rows += [
                (name, x, y, len(known))
                for x, y in zip(grid.tolist(), density(known, grid).tolist(), strict=True)
            ]
    columns = {name: [row[place] for row in rows] for place, name in enumerate(schema.names)}
    return tidy(columns, schema, list(samples))


def _curves(series: list[str], name: str, x: alt.X) -> alt.Chart:
    """A curve a series, told apart by dash and colour."""
    dash = alt.Scale(domain=series, range=[_DASHES[place % 3] for place in range(len(series))])
    key = legend(columns=1, symbolType="stroke", symbolSize=400)
    return (
        alt.Chart()
        .mark_line(strokeWidth=2.2)
        .encode(
            x=x,
            y=alt.Y("density:Q", title="density of texts", axis=alt.Axis(tickCount=4)),
            color=alt.Color(f"{name}:N", scale=colours(series), legend=key),
            strokeDash=alt.StrokeDash(f"{name}:N", scale=dash, legend=key),
        )
    )
