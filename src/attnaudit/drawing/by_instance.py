"""One number an instance, and the groups that instances fall into: what most figures start from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attnaudit.result import Result
from attnaudit.summary import OVERALL, largest_attention, permutation_medians, predicted


@dataclass(frozen=True, slots=True)
class Group:
    """Instances that are drawn together: a predicted class, or all."""

    name: str
    members: np.ndarray  # bool, one an instance


def groups(result: Result) -> list[Group]:
    """The predicted classes where the summary tells them apart, else all instances as one group."""
    prediction = result.tables["instances"]["prediction"].to_numpy()
    known = set(result.groups)
    found = [
        Group(predicted(name), prediction == k)
        for k, name in enumerate(result.classes)
        if predicted(name) in known
    ]
    return found or [Group(OVERALL, np.ones(len(prediction), dtype=bool))]


def identifiers(result: Result) -> list[str]:
    """The instances in the order of their table."""
    return result.tables["instances"]["instance_id"].to_pylist()


def places(result: Result) -> dict[str, int]:
    """Row of each instance."""
    return {name: row for row, name in enumerate(identifiers(result))}


def gradient_measure(result: Result) -> str | None:
    """The gradient that stands for gradients in the figures: the first that was measured."""
    measures = dict.fromkeys(result.tables["importance"]["measure"].to_pylist())
    return next((measure for measure in measures if measure.startswith("gradient")), None)


def tau(result: Result, a: str, b: str) -> np.ndarray:
    """Agreement of two measures on each instance, in whichever order they were measured; NaN where undefined."""
    first, second = pc.field("measure_a"), pc.field("measure_b")
    pair = ((first == a) & (second == b)) | ((first == b) & (second == a))
    return _values(result, result.tables["agreement"].filter(pair & (pc.field("step") == 0)), "value")


def adversary(result: Result, kind: str) -> np.ndarray:
    """ε-max JSD of each instance by one kind of adversary; NaN where there is none."""
    rows = result.tables["counterfactual"].filter(pc.field("kind") == kind)
    return _values(result, rows, "attention_jsd")


def certified_upper(result: Result) -> np.ndarray:
    """What the bracket says that no attention of each instance is beyond; NaN where there is no such bound."""
    rows = result.tables["counterfactual"].filter(pc.field("kind") == "adversarial_bracket")
    return _values(result, rows, "certified_upper_jsd")


def epsilons(result: Result) -> dict[str, float]:
    """The bound on the output change that each kind of adversary was asked with."""
    rows = result.tables["counterfactual"].select(["kind", "epsilon"])
    rows = rows.filter(pc.is_valid(rows["epsilon"]))
    found = rows.group_by("kind", use_threads=False).aggregate([("epsilon", "min")])
    return dict(zip(found["kind"].to_pylist(), found["epsilon_min"].to_pylist(), strict=True))


def adversary_kind(result: Result) -> str | None:
    """The adversary that is shown: the exact one where it was run, else the bracket, else a search."""
    rows = result.tables["counterfactual"].filter(pc.field("status") != "unsupported")
    kinds = set(pc.unique(rows["kind"]).to_pylist())
    shown = ("adversarial_exact", "adversarial_bracket", "adversarial_search", "adversarial_paper")
    return next((kind for kind in shown if kind in kinds), None)


def permutation(result: Result) -> np.ndarray:
    """Median output TVD over the permutations of each instance; NaN where there is none."""
    draws = result.tables["counterfactual"].filter(pc.field("kind") == "permuted")
    return permutation_medians(draws, places(result))


def max_attention(result: Result) -> np.ndarray:
    """The largest attention weight of each instance; NaN where attention was not measured."""
    return largest_attention(result.tables["importance"], places(result))


def _values(result: Result, rows: pa.Table, column: str) -> np.ndarray:
    place = places(result)
    found = np.full(len(place), np.nan)
    at = [place[name] for name in rows["instance_id"].to_pylist()]
    found[at] = pc.cast(rows[column], pa.float64()).fill_null(np.nan).to_numpy()
    return found
