"""The texts whose attention can be moved furthest and least, with both attentions side by side."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from attnaudit.agreement import ragged
from attnaudit.drawing import by_instance, heatmap
from attnaudit.report.numbers import decimal
from attnaudit.result import Result
from attnaudit.wording import beside

SHOWN = 5
"""So many texts from either end."""

LONGEST = 600
"""Of a longer question so many characters are shown."""


@dataclass(frozen=True, slots=True)
class Example:
    """One text: facts as (name, value), what is read beside it as (name, text) where there is something, and a heat
    map of each attention; None where it was not kept."""

    instance_id: str
    facts: tuple[tuple[str, str], ...]
    beside: tuple[str, str] | None
    observed: Markup | None
    other: Markup | None


@dataclass(frozen=True, slots=True)
class Examples:
    """The texts with the largest and with the smallest ε-max JSD, ties in order of their ids."""

    furthest: tuple[Example, ...]
    nearest: tuple[Example, ...]
    kind: str | None

    def __bool__(self) -> bool:
        return bool(self.furthest)


def examples(result: Result) -> Examples:
    """Up to `SHOWN` texts from each end; no text twice; none where no adversary is defined."""
    kind = by_instance.adversary_kind(result)
    if kind is None:
        return Examples((), (), None)
    jsd, ids = by_instance.adversary(result, kind), result.per_instance.ids
    known = np.flatnonzero(np.isfinite(jsd)).tolist()
    furthest = heapq.nsmallest(SHOWN, known, key=lambda place: (-jsd[place], ids[place].as_py()))
    rest = (place for place in known if place not in furthest)
    nearest = heapq.nsmallest(SHOWN, rest, key=lambda place: (jsd[place], ids[place].as_py()))
    made = _made(result, kind, {ids[place].as_py() for place in furthest + nearest})
    first, last = (tuple(made[ids[place].as_py()] for place in end) for end in (furthest, nearest))
    return Examples(first, last, kind)


def _made(result: Result, kind: str, wanted: set[str]) -> dict[str, Example]:
    """The examples by their ids; one chunk of the tables is in memory at a time."""
    made = {}
    query = result.manifest.get("model", {}).get("query")
    for chunk in result.tables.chunks():
        instances = _picked(chunk["instances"], wanted)
        if not instances:
            continue
        adversary = chunk["counterfactual"].filter(pc.field("kind") == kind)
        attention = chunk["importance"].filter(pc.field("measure") == "attention")
        observed, other = _weights(attention, "scores", wanted), _weights(adversary, "weights", wanted)
        rows = _picked(adversary.drop_columns(["weights"]), wanted)
        for name, instance in instances.items():
            read = _beside(instance, query)
            weights = observed.get(name), other.get(name)
            made[name] = _example(rows[name], instance, read, *weights, result.classes)
    return made


def _example(
    row: Mapping[str, Any],
    instance: Mapping[str, Any],
    read: tuple[str, str] | None,
    observed: np.ndarray | None,
    other: np.ndarray | None,
    classes: tuple[str, ...],
) -> Example:
    tokens = instance["tokens"]
    if tokens is not None:
        tokens = [token for token, audited in zip(tokens, instance["audited"], strict=True) if audited]
    target = instance["target"]
    facts = [
        (
            "predicted",
            f"{classes[instance['prediction']]} ({decimal(instance['output'][instance['prediction']])})",
        ),
        ("gold", "unknown" if target is None else classes[target]),
        ("JSD", _distance(row)),
        ("output TVD", decimal(row["output_tvd"], 4)),
        ("largest weight", "unknown" if observed is None else decimal(float(observed.max()))),
        ("tokens", f"{instance['n_audited']:,}"),
    ]
    if row["flipped"]:
        facts.append(("predicted class", "changed: the output was on the border"))
    caption = f"Another attention, {'nearly the same output' if row['flipped'] else 'same prediction'}"
    return Example(
        row["instance_id"],
        tuple(facts),
        read,
        None if observed is None else Markup(heatmap(tokens, observed, caption="The model’s attention")),
        None if other is None else Markup(heatmap(tokens, other, caption=caption)),
    )


def _beside(instance: Mapping[str, Any], field: str | None) -> tuple[str, str] | None:
    text = instance["query"]
    if text is None:
        return (beside(field), "withheld") if field else None
    cut = len(text) > LONGEST
    return beside(field), text[:LONGEST].rstrip() + " …" if cut else text


def _distance(row: Mapping[str, Any]) -> str:
    """`0.532`, of a bracket `0.532 (at most 0.540)`."""
    upper = row["certified_upper_jsd"]
    least = decimal(row["attention_jsd"])
    if upper is None or decimal(upper) == least:
        return least
    return f"{least} (at most {decimal(upper)})"


def _picked(rows: pa.Table, wanted: set[str]) -> dict[str, dict[str, Any]]:
    rows = rows.filter(pc.is_in(rows["instance_id"], pa.array(sorted(wanted), pa.string())))
    return {row["instance_id"]: row for row in rows.to_pylist()}


def _weights(rows: pa.Table, column: str, wanted: set[str]) -> dict[str, np.ndarray]:
    rows = rows.filter(pc.is_in(rows["instance_id"], pa.array(sorted(wanted), pa.string()))).combine_chunks()
    pairs = zip(rows["instance_id"].to_pylist(), ragged(rows[column]), strict=True)
    return {name: weights for name, weights in pairs if weights is not None}
