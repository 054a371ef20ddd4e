"""Scores and outputs → rows of `importance` and `scores`: by the same rules, whoever computed them. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attnaudit import tables
from attnaudit.named import AUDITED
from attnaudit.stats.classification import classification_scores


def importance_rows(
    keys: Sequence[tuple[str, int]],
    measure: str,
    scores: Sequence[np.ndarray | None],
    objective: str,
    *,
    missing: str = "not_run",
) -> pa.Table:
    """Rows of one measure.

    Args:
        keys: instance and step of each row.
        measure: its name.
        scores: one an audited token, finite or not; None where there are none.
        objective: the number that is explained.
        missing: status of the rows without scores.
    """
    status = [missing if values is None else _status(values) for values in scores]
    there = [s in ("ok", "constant") for s in status]
    columns = {
        "instance_id": [instance_id for instance_id, _ in keys],
        "step": [step for _, step in keys],
        "measure": measure,
        "scores": [values if known else None for values, known in zip(scores, there, strict=True)],
        "objective": objective,
        "status": status,
    }
    return tables.build("importance", columns)


def score_rows(instances: Iterable[pa.Table], split: str) -> pa.Table:
    """How good the model is on what is audited, from the parts of `instances`; no rows where no target is known."""
    targets, outputs = [], []
    for part in instances:
        known = part.filter(pc.and_(pc.is_valid(part["target"]), pc.is_valid(part["output"])))
        if len(known):
            targets.append(known["target"].to_numpy())
            outputs.append(pc.list_flatten(known["output"]).to_numpy().reshape(len(known), -1))
    n = sum(map(len, targets))
    scores: dict[str, float | None] = {}
    if n:
        scores = classification_scores(np.concatenate(targets), np.concatenate(outputs))
    columns = {
        "model": AUDITED,
        "split": split,
        "metric": list(scores),
        "value": list(scores.values()),
        "n": n,
        "status": ["not_applicable" if value is None else "ok" for value in scores.values()],
    }
    return tables.build("scores", columns)


def _status(scores: np.ndarray) -> str:
    if len(scores) < 2:
        return "too_short"
    if not np.isfinite(scores).all():
        return "diverged"
    return "constant" if np.ptp(scores) == 0 else "ok"
