"""Stored scores against stored scores: do two measures rank the tokens alike, and do they find the evidence?

Computed from the tables alone, years later if need be. Faithfulness (agreement between measures) and
plausibility (agreement with people, or with what was planted) are two tables and are never mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attnaudit import tables
from attnaudit.stats import STATISTICS
from attnaudit.stats.draws import generator
from attnaudit.stats.marked import (
    average_precision,
    iou_f1,
    precision_at_k,
    random_average_precision,
    span_f1,
    token_f1,
)


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


CHANCE, ANNOTATORS = "chance", "annotators"
"""What stands beside the measures in `plausibility`: a random order, and the other annotators. Measures from outside
have a dot in their name, so none is called so."""

METRICS = ("precision_at_k", "average_precision", "token_f1", "iou_f1")
_OF_SELECTIONS = ("token_f1", "iou_f1")


def rationale_share(parts: Iterable[pa.Table]) -> float | None:
    """The share of a text that is marked, a mean over texts and annotators; None where nobody marked a part of one.

    Args:
        parts: the table `instances`, whole or in parts.
    """
    shares = [
        marks.mean()
        for instances in parts
        for _, evidence in _evidence(instances)
        for marks in evidence
        if _partly(marks)
    ]
    return float(np.mean(shares)) if shares else None


def plausibility(instances: pa.Table, importance: pa.Table, *, share: float | None = None) -> pa.Table:
    """The table `plausibility`: how well each measure finds the tokens that are known to be the evidence.

    Held against each annotator alone; all metrics in [0, 1]. precision_at_k: of the k highest scores, k the number
    of evidence tokens. average_precision: scikit-learn's, the AUPRC. token_f1 and iou_f1: of a selection, the highest
    scores, as many as are marked in a text of this length on average, so that the size of the answer is not given
    away. Ties: see `stats.marked`. Beside the measures: `chance`, the mean of a random order; and `annotators`, the
    marks of every other annotator who marked any as a selection, in the mean. Where nothing or all is marked,
    `not_applicable`; where nobody said, no rows.

    Args:
        instances: the table of this name, or a part of it.
        importance: its scores.
        share: see `rationale_share`; that of these instances where not given.
    """
    if share is None:
        share = rationale_share([instances])
    scores = _scores(importance)
    rows: list[tuple[Any, ...]] = []
    for instance_id, evidence in _evidence(instances):
        of_measures = {
            measure: by_instance.get((instance_id, 0), (None, "not_run"))
            for measure, by_instance in scores.items()
        }
        for number in range(len(evidence)):
            for measure, found, status in _held(instance_id, evidence, number, of_measures, share or 0.0):
                metrics = _OF_SELECTIONS if measure == ANNOTATORS else METRICS
                rows += [(instance_id, measure, number, name, found.get(name), status) for name in metrics]
    names = ("instance_id", "measure", "annotator", "metric", "value", "status")
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return tables.build("plausibility", columns, n_rows=len(rows))


def _evidence(instances: pa.Table) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Each instance and its evidence, an array an annotator; none where nobody said."""
    columns = instances["instance_id"].to_pylist(), instances["evidence"].to_pylist()
    for instance_id, annotators in zip(*columns, strict=True):
        yield instance_id, [np.array(marks, dtype=bool) for marks in annotators or ()]


def _partly(marks: np.ndarray) -> bool:
    """Whether some tokens are marked and some are not."""
    return bool(marks.any() and not marks.all())


def _held(
    instance_id: str,
    evidence: Sequence[np.ndarray],
    number: int,
    of_measures: Mapping[str, tuple[np.ndarray | None, str]],
    share: float,
) -> Iterator[tuple[str, Mapping[str, float], str]]:
    """Measure, metrics and status of all that is held against the marks of one annotator."""
    marks = evidence[number]
    known = _partly(marks)
    status = "ok" if known else "not_applicable"
    k = max(1, round(share * len(marks)))
    for measure, (scores, own_status) in of_measures.items():
        if scores is None:
            yield measure, {}, own_status
        else:
            yield measure, _found(marks, scores, k, instance_id) if known else {}, status
    chance = _found(marks, np.zeros(len(marks)), k, instance_id) if known else {}
    if known:  # alike scores are one step of scikit-learn's curve, which is not the mean of all orders
        chance["average_precision"] = random_average_precision(marks)
    yield CHANCE, chance, status
    if len(evidence) > 1:
        others = [marked for i, marked in enumerate(evidence) if i != number and marked.any()]
        agreed = _agreed(marks, others) if known and others else {}
        yield ANNOTATORS, agreed, "ok" if agreed else "not_applicable"


def _found(marks: np.ndarray, scores: np.ndarray, k: int, instance_id: str) -> dict[str, float]:
    """Each metric of one measure. Ties are drawn alike for every measure, whichever others were asked."""
    return {
        "precision_at_k": precision_at_k(marks, scores, int(marks.sum())),
        "average_precision": average_precision(marks, scores),
        "token_f1": token_f1(marks, scores, k),
        "iou_f1": iou_f1(marks, scores, k, generator(0, instance_id, "plausibility")),
    }


def _agreed(marks: np.ndarray, others: Sequence[np.ndarray]) -> dict[str, float]:
    """How well the selections of others find the marks of one annotator, in the mean over others."""
    tokens = [token_f1(marks, other.astype(float), int(other.sum())) for other in others]
    return {"token_f1": float(np.mean(tokens)), "iou_f1": float(span_f1(np.array(others), marks).mean())}


def _place(measure: str) -> int:
    return {"attention": 0, "leave_one_out": 2}.get(measure, 1)


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


def attention_of(importance: pa.Table) -> dict[str, np.ndarray | None]:
    """The attention of each instance, step 0; None where there is none."""
    rows = importance.filter((pc.field("measure") == "attention") & (pc.field("step") == 0))
    return dict(zip(rows["instance_id"].to_pylist(), ragged(rows["scores"]), strict=True))
