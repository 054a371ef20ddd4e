"""How good a classifier's probabilities are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from sklearn import metrics


def binary_scores(
    target: Int[np.ndarray, " instance"], probability: Float[np.ndarray, " instance"]
) -> dict[str, float | None]:
    """Scores of the probability of class 1 against the gold classes 0 and 1; decisions at one half.

    accuracy, ROC-AUC, average precision, F1, precision and recall of class 1, and macro F1, all in [0, 1]. What is
    undefined (ROC-AUC with one gold class, say) is None. They are scikit-learn's. Oracle: counts by hand.
    """
    decided = (probability > 0.5).astype(int)
    both = len(np.unique(target)) == 2
    return {
        "accuracy": float(metrics.accuracy_score(target, decided)),
        "roc_auc": float(metrics.roc_auc_score(target, probability)) if both else None,
        "average_precision": float(metrics.average_precision_score(target, probability)) if both else None,
        "f1": float(metrics.f1_score(target, decided, zero_division=0)),
        "f1_macro": float(metrics.f1_score(target, decided, average="macro", zero_division=0)),
        "precision": float(metrics.precision_score(target, decided, zero_division=0)),
        "recall": float(metrics.recall_score(target, decided, zero_division=0)),
    }
