"""The names that stand in tables, as a reader meets them; one place, so that every page says the same."""

from __future__ import annotations


def worded(name: str) -> str:
    """The name of a measure or kind as a reader meets it.

    >>> worded("leave_one_out"), worded("gradient_detached")
    ('leave-one-out', 'gradient (detached)')
    """
    return {
        "leave_one_out": "leave-one-out",
        "gradient_detached": "gradient (detached)",
        "gradient_full": "gradient (full)",
        "roc_auc": "ROC-AUC",
        "precision_at_k": "precision at k",
        "f1": "F1",
        "f1_macro": "F1 (macro)",
    }.get(name, name.replace("_", " "))
