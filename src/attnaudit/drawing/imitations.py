"""Models trained to keep the outputs and move attention: how far either went, by the weight of the pull."""

from __future__ import annotations

from typing import Any

import altair as alt
import pyarrow as pa

from attnaudit.drawing.figure import (
    PALETTE,
    SHAPES,
    Chart,
    finished,
    layered,
    legend,
    series_of,
    tidy,
    values,
)
from attnaudit.named import OTHER_SEEDS
from attnaudit.result import Result
from attnaudit.summary import OVERALL, lookup

IMITATIONS = "imitations"

SCHEMA = pa.schema(
    [
        ("models", pa.string()),  # IMITATIONS or OTHER_SEEDS
        ("weight", pa.float64()),  # λ; null for the seeds
        ("tvd", pa.float64()),
        ("tvd_low", pa.float64()),
        ("tvd_high", pa.float64()),
        ("jsd", pa.float64()),
        ("jsd_low", pa.float64()),
        ("jsd_high", pa.float64()),
        ("n", pa.int64()),
    ]
)


def imitation(result: Result) -> pa.Table:
    """Mean output TVD and mean attention JSD of each imitation, by its λ, and last of other seeds as a yardstick."""
    found = lookup(result.tables["summary"])
    weights = {
        subject: float(subject.removeprefix("weight "))
        for experiment, subject, group, _ in found
        if (experiment, group) == ("imitation", OVERALL)
    }
    asked = [
        (IMITATIONS, weight, "imitation", subject)
        for subject, weight in sorted(weights.items(), key=lambda pair: pair[1])
    ]
    columns: dict[str, list] = {name: [] for name in SCHEMA.names}
    for models, weight, experiment, subject in [
        *asked,
        *[(OTHER_SEEDS, None, "seeds", OTHER_SEEDS)] * bool(asked),
    ]:
        tvd, jsd = (found.get((experiment, subject, OVERALL, name)) for name in ("mean_tvd", "mean_jsd"))
        if tvd is None or jsd is None or tvd.value is None or jsd.value is None:
            continue
        row = (models, weight, tvd.value, tvd.low, tvd.high, jsd.value, jsd.low, jsd.high, jsd.n)
        for name, value in zip(SCHEMA.names, row, strict=True):
            columns[name].append(value)
    if IMITATIONS not in columns["models"]:
        columns = {name: [] for name in SCHEMA.names}
    return tidy(columns, SCHEMA, list(dict.fromkeys(columns["models"])))


def imitation_note(table: pa.Table) -> str:
    """What the point of the seeds is."""
    if OTHER_SEEDS not in table["models"].to_pylist():
        return ""
    return "The square is where other seeds lie, trained from their labels alone: how much varies by itself."


def draw_imitation(table: pa.Table) -> Chart:
    """A curve over λ with its points, each with its two intervals, and a square for the seeds."""
    series = series_of(table, "models")
    colour = alt.Color(
        "models:N",
        scale=alt.Scale(domain=series, range=list(PALETTE[: len(series)])),
        legend=legend() if len(series) > 1 else None,
    )
    shape = alt.Shape(
        "models:N",
        scale=alt.Scale(domain=series, range=list(SHAPES[: len(series)])),
        legend=legend() if len(series) > 1 else None,
    )
    reach = [
        max((row[f"{name}_high"] or row[name] for row in table.to_pylist()), default=0.0)
        for name in ("tvd", "jsd")
    ]
    ends = max(1.15 * reach[0], 0.05), max(1.15 * reach[1], 0.1)
    x = alt.X(
        "tvd:Q",
        title="mean output change (TVD)",
        scale=alt.Scale(domain=[0, ends[0]], nice=False, clamp=True),
        axis=alt.Axis(grid=False, tickCount=6, format=".2~f"),
    )
    y = alt.Y(
        "jsd:Q",
        title="mean JSD of attention (nats)",
        scale=alt.Scale(domain=[0, ends[1]], nice=False, clamp=True),
        axis=alt.Axis(tickCount=6, format=".2~f"),
    )
    way = (
        alt.Chart()
        .mark_line(strokeWidth=1.2, opacity=0.6)
        .encode(x=x, y=y, color=colour, order="weight:Q")
        .transform_filter(f"datum.models === '{IMITATIONS}'")
    )
    across = alt.Chart().mark_rule(strokeWidth=1.6).encode(x="tvd_low:Q", x2="tvd_high:Q", y=y, color=colour)
    across = across.transform_filter("isValid(datum.tvd_low)")
    upright = alt.Chart().mark_rule(strokeWidth=1.6).encode(x=x, y="jsd_low:Q", y2="jsd_high:Q", color=colour)
    upright = upright.transform_filter("isValid(datum.jsd_low)")
    points = (
        alt.Chart()
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            x=x,
            y=y,
            color=colour,
            shape=shape,
            tooltip=[
                alt.Tooltip("models:N"),
                alt.Tooltip("weight:Q", title="λ"),
                alt.Tooltip("tvd:Q", title="output TVD", format=".3f"),
                alt.Tooltip("jsd:Q", title="JSD", format=".3f"),
            ],
        )
    )
    names = (
        alt.Chart(alt.InlineData(values=_labels(table, *ends)))
        .mark_text(align="left", baseline="top", dx=6, dy=4, color="#3d444d")
        .encode(x=x, y=y, text="label:N")
    )
    chart = layered(way, across, upright, points, names, data=values(table))
    return finished(
        chart, height=320, description="Output change and distance of attention of imitations, by lambda"
    )


_LOWEST, _APART = 0.09, 0.04
"""Points nearer than this share of the axes share a label, since two would lie over each other."""


def _labels(table: pa.Table, width: float, height: float) -> list[dict[str, Any]]:
    """A label for each point that stands apart, and one for several λ in a row that lie together."""
    labels: list[dict[str, Any]] = []
    for row in table.to_pylist():
        if row["models"] != IMITATIONS:
            continue
        last = labels[-1] if labels else None
        if (
            last
            and max(abs(row["tvd"] - last["tvd"]) / width, abs(row["jsd"] - last["jsd"]) / height) < _APART
        ):
            last["label"] = f"{last['first']:g} to {row['weight']:g}"
        else:
            where = {"tvd": row["tvd"], "jsd": row["jsd"], "first": row["weight"]}
            labels.append(where | {"label": f"{row['weight']:g}"})
    for label in labels:  # it hangs below its point, but not below the axis
        label["jsd"] = max(label["jsd"], _LOWEST * height)
    return labels
