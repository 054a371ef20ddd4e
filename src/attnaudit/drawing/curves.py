"""How strongly the three pairs of measures agree, as density curves; gradient with leave-one-out is the ceiling."""

from __future__ import annotations

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

_DASHES: tuple[list[int], ...] = ([6, 3], [1, 0], [2, 2])
"""The paper's: attention with the gradient dashed, with leave-one-out solid, the ceiling dotted."""


def tau_pairs(result: Result) -> pa.Table:
    """Density of τ on [−1, 1] for the three pairs: a row a pair and grid point."""
    gradient = by_instance.gradient_measure(result) or "gradient"
    pairs = [("attention", gradient), ("attention", "leave_one_out"), (gradient, "leave_one_out")]
    names = [f"{worded(a)} ~ {worded(b)}" for a, b in pairs]
    columns: dict[str, list] = {name: [] for name in SCHEMA.names}
    for name, (a, b) in zip(names, pairs, strict=True):
        sample = by_instance.tau(result, a, b)
        sample = sample[np.isfinite(sample)]
        if not len(sample):
            continue
        columns["pair"] += [name] * len(GRID)
        columns["tau"] += GRID.tolist()
        columns["density"] += density(sample, GRID).tolist()
        columns["n"] += [len(sample)] * len(GRID)
    return tidy(columns, SCHEMA, names)


def draw_tau_pairs(table: pa.Table) -> Chart:
    """Three curves, told apart by dash and colour."""
    series = series_of(table, "pair")
    dash = alt.Scale(domain=series, range=[_DASHES[place % 3] for place in range(len(series))])
    key = legend(columns=1, symbolType="stroke", symbolSize=400)
    curves = (
        alt.Chart()
        .mark_line(strokeWidth=2.2)
        .encode(
            x=alt.X(
                "tau:Q",
                title="Kendall’s τ",
                scale=alt.Scale(domain=[-1, 1], nice=False),
                axis=alt.Axis(values=[-1, -0.5, 0, 0.5, 1], grid=False, format=".2~f"),
            ),
            y=alt.Y("density:Q", title="density of texts", axis=alt.Axis(tickCount=4)),
            color=alt.Color("pair:N", scale=colours(series), legend=key),
            strokeDash=alt.StrokeDash("pair:N", scale=dash, legend=key),
        )
    )
    zero = (
        alt.Chart(alt.InlineData(values=[{"tau": 0}]))
        .mark_rule(color="#8c959f", strokeWidth=1)
        .encode(x="tau:Q")
    )
    chart = layered(zero, curves, data=values(table))
    return finished(chart, height=280, description="Density of Kendall's tau for three pairs of measures")
