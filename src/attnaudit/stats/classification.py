"""How good a classifier's probabilities are."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from sklearn import metrics


def classification_scores(
    target: Int[np.ndarray, " instance"], probability: Float[np.ndarray, "instance output"]
) -> dict[str, float | None]:
    """Scores of class probabilities against the gold classes; the decision is the most probable class.

    Two classes: accuracy, ROC-AUC, average precision, F1 of class 1 and of class 0, macro F1, precision and recall
    of class 1. More: accuracy and macro F1 over the classes that occur. All in [0, 1]; what is undefined (ROC-AUC
    with one gold class, say) is None. They are scikit-learn's. Oracle: counts by hand.
    """
    if probability.shape[1] != 2:
        decided = probability.argmax(axis=1)
        return {
            "accuracy": float(metrics.accuracy_score(target, decided)),
            "f1_macro": float(metrics.f1_score(target, decided, average="macro", zero_division=0)),
        }
    one = probability[:, 1]
    decided = (one > 0.5).astype(int)
    both = len(np.unique(target)) == 2
    return {
        "accuracy": float(metrics.accuracy_score(target, decided)),
        "roc_auc": float(metrics.roc_auc_score(target, one)) if both else None,
        "average_precision": float(metrics.average_precision_score(target, one)) if both else None,
        "f1": float(metrics.f1_score(target, decided, zero_division=0)),
        "f1_class_0": float(metrics.f1_score(target, decided, pos_label=0, zero_division=0)),
        "f1_macro": float(metrics.f1_score(target, decided, average="macro", zero_division=0)),
        "precision": float(metrics.precision_score(target, decided, zero_division=0)),
        "recall": float(metrics.recall_score(target, decided, zero_division=0)),
    }
