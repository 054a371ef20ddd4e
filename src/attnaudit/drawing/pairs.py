"""The paper's search against the exact optimum: each text a point, none below the line."""

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
    shapes,
    tidy,
    values,
)
from attnaudit.result import Result

MOST = 1000
"""Of more texts, so many are drawn, evenly spread over their order."""

SCHEMA = pa.schema(
    [
        ("instance_id", pa.string()),
        ("group", pa.string()),
        ("search_jsd", pa.float64()),
        ("exact_jsd", pa.float64()),
    ]
)


def exact_against_search(result: Result) -> pa.Table:
    """ε-max JSD found by search and exactly: a row an instance; none unless both were run."""
    groups = by_instance.groups(result)
    exact = by_instance.adversary(result, "adversarial_exact")
    search = by_instance.adversary(result, "adversarial_search")
    rows = np.flatnonzero(np.isfinite(exact) & np.isfinite(search))
    names = np.array(by_instance.identifiers(result), dtype=object)
    group = np.array([None] * len(names), dtype=object)
    for one in groups:
        group[one.members] = one.name
    columns = {
        "instance_id": names[rows].tolist(),
        "group": group[rows].tolist(),
        "search_jsd": search[rows],
        "exact_jsd": exact[rows],
    }
    return tidy(columns, SCHEMA, [one.name for one in groups])


def draw_exact_against_search(table: pa.Table) -> Chart:
    """Points above the diagonal."""
    if len(table) > MOST:
        table = table.take(pa.array(np.linspace(0, len(table) - 1, MOST).round().astype(int)))
    series = series_of(table, "group")
    axis = alt.Axis(values=[round(0.1 * k, 1) for k in range(8)], format=".1f")
    scale = alt.Scale(domain=[0, 0.7], nice=False)
    points = (
        alt.Chart()
        .mark_point(size=26, opacity=0.75, strokeWidth=1.2)
        .encode(
            x=alt.X("search_jsd:Q", title="by search (nats)", axis=axis, scale=scale),
            y=alt.Y("exact_jsd:Q", title="exact (nats)", axis=axis, scale=scale),
            color=alt.Color("group:N", scale=colours(series), legend=legend()),
            shape=alt.Shape("group:N", scale=shapes(series), legend=legend()),
            tooltip=[
                alt.Tooltip("instance_id:N", title="text"),
                alt.Tooltip("search_jsd:Q", title="search", format=".3f"),
                alt.Tooltip("exact_jsd:Q", title="exact", format=".3f"),
            ],
        )
    )
    ends = alt.InlineData(values=[{"x": 0, "y": 0, "x2": 0.7, "y2": 0.7}])
    line = (
        alt.Chart(ends)
        .mark_rule(color="#8c959f", strokeDash=[4, 4])
        .encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q")
    )
    chart = layered(line, points, data=values(table))
    return finished(
        chart, height=340, description="Epsilon-max JSD found by search against the exact optimum"
    )
