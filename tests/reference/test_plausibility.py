"""Average precision against scikit-learn's, to the bit."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from attnaudit import tables
from attnaudit.agreement import plausibility


@pytest.mark.parametrize("decimals", [1, 8])  # with one decimal there are many ties
def test_average_precision_is_that_of_scikit_learn(decimals: int) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 120, 200)
    scores = [np.round(rng.random(n), decimals).astype(np.float32) for n in lengths]
    evidence = [rng.random(n) < rng.random() for n in lengths]
    ids = [f"i{i}" for i in range(len(lengths))]
    instances = tables.build(
        "instances",
        dict.fromkeys(("text", "query", "tokens", "target"))
        | {
            "instance_id": ids,
            "split": "test",
            "offsets": [[]] * len(ids),
            "audited": [[True] * n for n in lengths],
            "evidence": [[marks.tolist()] for marks in evidence],
            "prediction": 0,
            "output": [[0.5, 0.5]] * len(ids),
            "n_audited": lengths,
        },
    )
    importance = tables.build(
        "importance",
        {
            "instance_id": ids,
            "step": 0,
            "measure": "m",
            "scores": scores,
            "objective": "p",
            "status": "ok",
        },
    )
    found = [
        row for row in plausibility(instances, importance).to_pylist() if row["metric"] == "average_precision"
    ]
    for row, marks, values in zip(found, evidence, scores, strict=True):
        if row["status"] == "ok":
            assert row["value"] == average_precision_score(marks, values)
    assert sum(row["status"] == "ok" for row in found) > 150
