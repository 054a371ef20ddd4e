"""How the training went, and how well each measure finds evidence that is known."""

from __future__ import annotations

import altair as alt
import pyarrow as pa

from attnaudit.agreement import ANNOTATORS, CHANCE, METRICS
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
    values,
)
from attnaudit.result import Result
from attnaudit.wording import worded

TRAINING = pa.schema(
    [("curve", pa.string()), ("epoch", pa.int64()), ("value", pa.float64()), ("selected", pa.bool_())]
)
PLAUSIBILITY = pa.schema(
    [
        ("measure", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("chance", pa.float64()),
        ("n", pa.int64()),
    ]
)


def training(result: Result) -> pa.Table:
    """Loss on train and dev, and the ROC-AUC on dev (accuracy where there is none): a row a curve and epoch."""
    rows = [row for row in result.tables["training"].to_pylist() if row["value"] is not None]
    measured = {row["metric"] for row in rows if row["split"] == "dev"}
    metric = "roc_auc" if "roc_auc" in measured else "accuracy"
    wanted = {
        ("train", "loss"): "loss on train (nats)",
        ("dev", "loss"): "loss on dev (nats)",
        ("dev", metric): f"{worded(metric)} on dev",
    }
    kept = [(wanted[key], row) for row in rows if (key := (row["split"], row["metric"])) in wanted]
    columns = {
        "curve": [curve for curve, _ in kept],
        "epoch": [row["epoch"] for _, row in kept],
        "value": [row["value"] for _, row in kept],
        "selected": [row["selected"] for _, row in kept],
    }
    return tidy(columns, TRAINING, list(wanted.values()))


def draw_training(table: pa.Table) -> Chart:
    """Three curves over the epochs; a line marks the epoch whose weights were kept."""
    series = series_of(table, "curve")
    epochs = sorted(set(table["epoch"].to_pylist()))
    step = max(1, -(-len(epochs) // 12))
    key = legend(columns=1, symbolType="stroke", symbolSize=400)
    first, last = (epochs[0], epochs[-1]) if epochs else (1, 1)
    x = alt.X(
        "epoch:Q",
        title="epoch",
        axis=alt.Axis(values=epochs[::step], format="d", grid=False),
        scale=alt.Scale(domain=[first - 0.2, last + 0.2], nice=False),
    )
    colour = alt.Color("curve:N", scale=colours(series), legend=key)
    curves = (
        alt.Chart()
        .mark_line(strokeWidth=2)
        .encode(
            x=x,
            y=alt.Y("value:Q", title="loss (nats) or score", axis=alt.Axis(tickCount=5)),
            color=colour,
            strokeDash=alt.StrokeDash("curve:N", scale=dashes(series), legend=key),
        )
    )
    dots = (
        alt.Chart()
        .mark_point(filled=True, size=36, opacity=1)
        .encode(
            x=x,
            y="value:Q",
            color=colour,
            tooltip=[alt.Tooltip("curve:N"), alt.Tooltip("epoch:Q"), alt.Tooltip("value:Q", format=".3f")],
        )
    )
    chosen = [
        {"epoch": e, "word": "kept"} for e in sorted({r["epoch"] for r in table.to_pylist() if r["selected"]})
    ]
    mark = alt.Chart(alt.InlineData(values=chosen))
    rule = mark.mark_rule(color="#8c959f", strokeDash=[4, 4]).encode(x=x)
    word = mark.mark_text(align="left", dx=4, dy=8, baseline="top", color="#3d444d").encode(
        x=x, y=alt.value(0), text="word:N"
    )
    chart = layered(rule, word, curves, dots, data=values(table))
    return finished(chart, height=240, description="Loss and score by epoch")


def plausibility(result: Result) -> pa.Table:
    """Mean of each metric with its interval, and what chance gives: a row a measure and metric."""
    rows = [
        row
        for row in result.tables["summary"].to_pylist()
        if row["experiment"] == "plausibility" and row["group"] == "overall"
    ]
    chance = {row["statistic"]: row["value"] for row in rows if row["subject"] == CHANCE}
    kept = [
        row
        for row in rows
        if row["subject"] != CHANCE and row["statistic"] in METRICS and row["value"] is not None
    ]
    kept.sort(key=lambda row: row["subject"] == ANNOTATORS)
    columns = {
        "measure": [row["subject"] for row in kept],
        "metric": [row["statistic"] for row in kept],
        "value": [row["value"] for row in kept],
        "low": [row["low"] for row in kept],
        "high": [row["high"] for row in kept],
        "chance": [chance.get(row["statistic"]) for row in kept],
        "n": [row["n"] for row in kept],
    }
    return tidy(columns, PLAUSIBILITY)


def draw_plausibility(table: pa.Table) -> Chart:
    """A dot and its interval for each measure and metric, and a mark where chance lies."""
    rows = [
        {**row, "measure": worded(row["measure"]), "metric": worded(row["metric"])}
        for row in table.to_pylist()
    ]
    measures = list(dict.fromkeys(row["measure"] for row in rows))
    metrics = [worded(metric) for metric in METRICS]
    y = alt.Y(
        "measure:N", sort=measures, title=None, axis=alt.Axis(labelLimit=140, ticks=False, domain=False)
    )
    offset = alt.YOffset("metric:N", sort=metrics, scale=alt.Scale(domain=metrics, paddingOuter=0.4))
    x = alt.X(
        "value:Q",
        title="1 = the evidence and nothing else",
        axis=alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f"),
        scale=alt.Scale(domain=[0, 1], nice=False),
    )
    colour = alt.Color("metric:N", scale=colours(metrics), legend=legend())
    span = (
        alt.Chart()
        .mark_rule(strokeWidth=2)
        .encode(x=alt.X("low:Q"), x2="high:Q", y=y, yOffset=offset, color=colour)
    )
    dots = (
        alt.Chart()
        .mark_point(filled=True, size=80, opacity=1)
        .encode(
            x=x,
            y=y,
            yOffset=offset,
            color=colour,
            shape=alt.Shape("metric:N", scale=shapes(metrics), legend=legend()),
            tooltip=[
                alt.Tooltip("measure:N"),
                alt.Tooltip("metric:N"),
                alt.Tooltip("value:Q", format=".3f"),
                alt.Tooltip("low:Q", title="95% from", format=".3f"),
                alt.Tooltip("high:Q", title="to", format=".3f"),
                alt.Tooltip("chance:Q", format=".3f"),
            ],
        )
    )
    chance = (
        alt.Chart()
        .mark_tick(color="#8c959f", thickness=3, size=12)
        .encode(x=alt.X("chance:Q"), y=y, yOffset=offset)
    )
    chart = layered(chance, span, dots, data=alt.InlineData(values=rows))
    height = 60 + 84 * max(1, len(measures))
    return finished(chart, height=height, description="How well each measure finds the known evidence")
