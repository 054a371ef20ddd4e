"""A gradient search against the optimum, exact or between certified bounds: each text a point."""

from __future__ import annotations

from itertools import product

import altair as alt
import numpy as np
import pyarrow as pa

from attnaudit.drawing import by_instance
from attnaudit.drawing.figure import (
    Chart,
    by_class,
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
from attnaudit.wording import worded

MOST = 1000
"""Of more texts, so many are drawn, evenly spread over their order."""

SCHEMA = pa.schema(
    [
        ("instance_id", pa.string()),
        ("group", pa.string()),
        ("search", pa.string()),
        ("search_jsd", pa.float64()),
        ("optimum", pa.string()),  # "exact" or "bracket"
        ("optimum_low_jsd", pa.float64()),
        ("optimum_high_jsd", pa.float64()),
    ]
)

_SOLVED = ("adversarial_exact", "adversarial_bracket")
_SEARCHED = ("adversarial_search", "adversarial_paper")


def exact_against_search(result: Result) -> pa.Table:
    """ε-max JSD found by search, and solved: a row an instance; none unless both were run with the same ε."""
    compared = _compared(result)
    groups = by_instance.groups(result)
    series = [one.name for one in groups]
    if compared is None:
        return tidy({name: [] for name in SCHEMA.names}, SCHEMA, series)
    solved, searched = compared
    search, low = by_instance.adversary(result, searched), by_instance.adversary(result, solved)
    high = low if solved == "adversarial_exact" else by_instance.certified_upper(result)
    rows = np.flatnonzero(np.isfinite(low) & np.isfinite(high) & np.isfinite(search))
    group = np.array([None] * len(search), dtype=object)
    for one in groups:
        group[one.members] = one.name
    columns = {
        "instance_id": result.per_instance.ids.take(pa.array(rows)).to_pylist(),
        "group": group[rows].tolist(),
        "search": [worded(searched)] * len(rows),
        "search_jsd": search[rows],
        "optimum": [worded(solved)] * len(rows),
        "optimum_low_jsd": low[rows],
        "optimum_high_jsd": high[rows],
    }
    return tidy(columns, SCHEMA, series)


def against_search_note(table: pa.Table) -> str:
    """How to read a text whose optimum is known between two bounds only."""
    if "bracket" not in table["optimum"].to_pylist():
        return ""
    return (
        "Here the optimum is known between two bounds: a point stands at the lower one, its line reaches to the "
        "upper one. Below the diagonal the search found more than the lower bound says."
    )


def draw_exact_against_search(table: pa.Table) -> Chart:
    """Points above the diagonal; of a bracket a point at its lower end and a line to its upper end."""
    if len(table) > MOST:
        table = table.take(pa.array(np.linspace(0, len(table) - 1, MOST).round().astype(int)))
    series = series_of(table, "group")
    optimum, search = (table[name][0].as_py() if len(table) else "" for name in ("optimum", "search"))
    axis = alt.Axis(values=[round(0.1 * k, 1) for k in range(8)], format=".1f")
    scale = alt.Scale(domain=[0, 0.7], nice=False)
    x = alt.X("search_jsd:Q", title=f"by {search} (nats)", axis=axis, scale=scale)
    y = alt.Y("optimum_low_jsd:Q", title=f"{optimum} (nats)", axis=axis, scale=scale)
    key = legend(series) if by_class(series) else None
    colour = alt.Color("group:N", scale=colours(series), legend=key)
    points = (
        alt.Chart()
        .mark_point(size=26, opacity=0.75, strokeWidth=1.2)
        .encode(
            x=x,
            y=y,
            color=colour,
            shape=alt.Shape("group:N", scale=shapes(series), legend=key),
            tooltip=[
                alt.Tooltip("instance_id:N", title="text"),
                alt.Tooltip("search_jsd:Q", title="search", format=".3f"),
                alt.Tooltip("optimum_low_jsd:Q", title="at least", format=".3f"),
                alt.Tooltip("optimum_high_jsd:Q", title="at most", format=".3f"),
            ],
        )
    )
    spans = (
        alt.Chart()
        .mark_rule(strokeWidth=1, opacity=0.55)
        .encode(x=x, y=y, y2="optimum_high_jsd:Q", color=colour)
    )
    ends = alt.InlineData(values=[{"x": 0, "y": 0, "x2": 0.7, "y2": 0.7}])
    line = (
        alt.Chart(ends)
        .mark_rule(color="#8c959f", strokeDash=[4, 4])
        .encode(x="x:Q", y="y:Q", x2="x2:Q", y2="y2:Q")
    )
    layers = [line, spans, points] if optimum == "bracket" else [line, points]
    chart = layered(*layers, data=values(table))
    return finished(
        chart, height=340, description="Epsilon-max JSD found by search against the optimum or its bounds"
    )


def _compared(result: Result) -> tuple[str, str] | None:
    """What is held against each other: the first that was solved and the first search with the same ε."""
    epsilon = by_instance.epsilons(result)
    pairs = (pair for pair in product(_SOLVED, _SEARCHED) if set(pair) <= set(epsilon))
    return next(((a, b) for a, b in pairs if epsilon[a] == epsilon[b]), None)
