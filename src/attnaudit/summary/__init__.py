"""Tables → the table `summary`: one number a question and group of instances, with its interval.

Groups are the predicted classes, and `overall`. Effect sizes lead; the share of small p-values stands beside
them, though it mostly tells how long the texts are. Undefined values are counted, never averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from attnaudit import tables
from attnaudit.per_instance import PerInstance, per_instance
from attnaudit.stats.inference import Estimate
from attnaudit.summary import experiments
from attnaudit.summary.experiments import ATTENTION_BINS, CERTIFIED, FAR, bin_name, dispersions, in_bin
from attnaudit.summary.rows import OVERALL, Group
from attnaudit.summary.trainings import trainings

__all__ = [
    "ATTENTION_BINS",
    "CERTIFIED",
    "FAR",
    "OVERALL",
    "bin_name",
    "dispersions",
    "in_bin",
    "lookup",
    "predicted",
    "summarise",
    "summary",
    "told_apart",
]


def summarise(stored: Mapping[str, pa.Table], classes: Sequence[str]) -> pa.Table:
    """The table `summary` of one run.

    Args:
        stored: the tables `instances`, `importance`, `counterfactual`, `scores`, `agreement`, `plausibility`.
        classes: names of the classes, by index.
    """
    return summary(per_instance([stored], len(stored["instances"])), stored["scores"], classes)


def summary(numbers: PerInstance, scores: pa.Table, classes: Sequence[str]) -> pa.Table:
    """The table `summary` from the numbers of each instance and the table `scores`."""
    prediction = numbers.prediction
    groups = [Group(OVERALL, np.ones(len(numbers), dtype=bool), None)]
    groups += [Group(predicted(classes[k]), prediction == k, k) for k in told_apart(prediction, len(classes))]
    rows = [
        *experiments.quality(scores),
        *experiments.agreement(numbers, groups),
        *experiments.permutation(numbers, groups),
        *experiments.dispersion(numbers, groups),
        *experiments.uniform(numbers, groups),
        *experiments.adversary(numbers, groups),
        *experiments.erasure(numbers, groups),
        *experiments.plausibility(numbers, groups),
        *trainings(
            numbers.diagnostic,
            numbers.target,
            numbers.prediction,
            numbers.n_tokens,
            experiments.solved(numbers),
            groups,
        ),
    ]
    names = [column.name for column in tables.TABLES["summary"].columns]
    return tables.build(
        "summary", {name: [row[i] for row in rows] for i, name in enumerate(names)}, n_rows=len(rows)
    )


def told_apart(prediction: np.ndarray, n_classes: int) -> list[int]:
    """The predicted classes that get numbers of their own: none where four or more are predicted, as in the paper.

    None either where no prediction is known (−1 throughout).
    """
    known = prediction[prediction >= 0]
    if len(prediction) and not len(known):  # imported without outputs
        return []
    if n_classes < 4:
        return list(range(n_classes))
    found = np.unique(known).tolist()
    return found if len(found) < 4 else []


def predicted(class_name: str) -> str:
    """Name of the group of instances that the model gives this class."""
    return f"predicted {class_name}"


def lookup(summary: pa.Table) -> dict[tuple[str, str, str, str], Estimate]:
    """(experiment, subject, group, statistic) → the number with its interval."""
    keys = ("experiment", "subject", "group", "statistic")
    return {
        tuple(row[k] for k in keys): Estimate(row["value"], row["low"], row["high"], row["n"])
        for row in summary.to_pylist()
    }
