"""Stored scores against stored scores: do two measures rank the tokens alike, and do they find the evidence?

Computed from the tables alone, years later if need be. Faithfulness (agreement between measures) and
plausibility (agreement with people, or with what was planted) are two tables and are never mixed.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from attnaudit import tables
from attnaudit.stats import STATISTICS


def agreement(importance: pa.Table, *, statistic: str = "kendall_tau_b") -> pa.Table:
    """The table `agreement`: every pair of measures, on every instance and step.

    Attention comes first in a pair and leave-one-out last, whatever the order in which they were asked. A
    pair with an undefined measure takes over its status.
    """
    compare = STATISTICS[statistic]
    scores = _scores(importance)
    measures = sorted(dict.fromkeys(importance["measure"].to_pylist()), key=_place)
    names = ("instance_id", "step", "measure_a", "measure_b", "value", "p_value", "n_tokens", "status")
    columns: dict[str, list[Any]] = {name: [] for name in names}
    for a, b in combinations(measures, 2):
        keys = [key for key in scores[a] if key in scores[b]]
        both = [(scores[a][key], scores[b][key]) for key in keys]
        pairs = [(left, right) for (left, _), (right, _) in both if left is not None and right is not None]
        found = iter(compare([left for left, _ in pairs], [right for _, right in pairs]))
        for (instance_id, step), ((left, left_status), (right, right_status)) in zip(keys, both, strict=True):
            if left is None or right is None:
                value, p_value, status = None, None, left_status if left is None else right_status
            else:
                value, p_value, status = next(found)
            n_tokens = 0 if left is None else len(left)
            row = (instance_id, step, a, b, value, p_value, n_tokens, status)
            for name, entry in zip(names, row, strict=True):
                columns[name].append(entry)
    return tables.build("agreement", {**columns, "statistic": statistic}, n_rows=len(columns["status"]))


def plausibility(instances: pa.Table, importance: pa.Table) -> pa.Table:
    """The table `plausibility`: how well each measure finds the tokens that are known to be the evidence.

    precision_at_k, with k the number of evidence tokens: the share of the k highest scores that is evidence
    (ties at the border count by their share). average_precision: scikit-learn's. Both in [0, 1]. Instances
    without evidence, or with nothing else, are `not_applicable`.
    """
    scores = _scores(importance)
    rows: list[tuple[Any, ...]] = []
    for instance_id, annotators in zip(
        instances["instance_id"].to_pylist(), instances["evidence"].to_pylist(), strict=True
    ):
        for number, marks in enumerate(annotators or ()):
            evidence = np.array(marks, dtype=bool)
            for measure, by_instance in scores.items():
                values, status = by_instance.get((instance_id, 0), (None, "not_run"))
                if values is not None:
                    status = "ok" if evidence.any() and not evidence.all() else "not_applicable"
                precision = average = None
                if status == "ok" and values is not None:
                    precision = _precision_at_k(evidence, values)
                    average = _average_precision(evidence, values)
                rows += [
                    (instance_id, measure, number, "precision_at_k", precision, status),
                    (instance_id, measure, number, "average_precision", average, status),
                ]
    names = ("instance_id", "measure", "annotator", "metric", "value", "status")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return tables.build("plausibility", columns, n_rows=len(rows))


def _place(measure: str) -> int:
    return {"attention": 0, "leave_one_out": 2}.get(measure, 1)


def _precision_at_k(evidence: np.ndarray, scores: np.ndarray) -> float:
    k = int(evidence.sum())
    border = np.sort(scores)[-k]
    above, tied = scores > border, scores == border
    return float((evidence[above].sum() + evidence[tied].mean() * (k - above.sum())) / k)


def _average_precision(evidence: np.ndarray, scores: np.ndarray) -> float:
    # Here, since it takes a second to load and most corpora have no evidence.
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(evidence, scores))


def _scores(importance: pa.Table) -> dict[str, dict[tuple[str, int], tuple[np.ndarray | None, str]]]:
    """For each measure: (instance, step) → scores (None where undefined) and status."""
    found: dict[str, dict[tuple[str, int], tuple[np.ndarray | None, str]]] = {}
    table = importance.combine_chunks()
    ids, steps = table["instance_id"].to_pylist(), table["step"].to_pylist()
    measures, statuses = table["measure"].to_pylist(), table["status"].to_pylist()
    for row, scores in enumerate(ragged(table["scores"])):
        found.setdefault(measures[row], {})[ids[row], steps[row]] = (scores, statuses[row])
    return found


def ragged(column: pa.ChunkedArray) -> list[np.ndarray | None]:
    """A list column as one array a row (None for null), without a Python object a number."""
    rows: list[np.ndarray | None] = []
    for chunk in column.chunks:
        flat = chunk.values.to_numpy(zero_copy_only=False)
        offsets, valid = chunk.offsets.to_numpy(), chunk.is_valid().to_numpy(zero_copy_only=False)
        rows += [flat[offsets[i] : offsets[i + 1]] if valid[i] else None for i in range(len(chunk))]
    return rows
