"""The names that stand in tables, as a reader meets them; one place, so that every page says the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_NAMES = {
    "leave_one_out": "leave-one-out",
    "gradient_detached": "gradient (detached)",
    "gradient_full": "gradient (full)",
    "gradient_norm": "gradient norm",
    "attention_all_layers": "attention, mean of all layers",
    "attention_rollout": "attention rollout",
    "attention_gradient": "attention × its gradient",
    "integrated_gradients": "integrated gradients",
    "adversarial": "exact, or bracket",
    "adversarial_exact": "exact",
    "adversarial_bracket": "bracket",
    "adversarial_search": "search",
    "adversarial_paper": "search as published",
    "same_weights": "same weights",
    "exact above paper": "exact above search as published",
    "bracket above paper": "bracket above search as published",
    "roc_auc": "ROC-AUC",
    "precision_at_k": "precision at k",
    "average_precision": "average precision (AUPRC)",
    "token_f1": "token F1",
    "iou_f1": "IOU F1",
    "f1": "F1",
    "f1_class_0": "F1 of class 0",
    "f1_macro": "F1 (macro)",
}

_BETWEEN = re.compile("( × |, )")

_HEADLINES = ("accuracy", "roc_auc", "f1", "f1_macro")


def worded(name: str) -> str:
    """The name of a measure, metric or kind as a reader meets it; of several with ` × ` or `, ` between them, each.

    >>> worded("leave_one_out"), worded("gradient_detached × attention")
    ('leave-one-out', 'gradient (detached) × attention')
    """
    return "".join(_NAMES.get(part, part.replace("_", " ")) for part in _BETWEEN.split(name))


def quality_line(scores: Mapping[str, float | None]) -> str:
    """How good a model is, in a line: of the headline scores those that are defined; macro F1 only beside no other.

    >>> quality_line({"accuracy": 0.8125, "f1_macro": 0.75})
    'accuracy 0.812, F1 (macro) 0.750'
    """
    known = {name: value for name in _HEADLINES if (value := scores.get(name)) is not None}
    if "f1" in known:
        known.pop("f1_macro", None)
    return ", ".join(f"{worded(name)} {value:.3f}" for name, value in known.items()) or "no score is defined"


def beside(field: str | None) -> str:
    """What the field that is read beside the attended text is called.

    >>> beside("hypothesis"), beside("column_7")
    ('Hypothesis', 'Read beside it')
    """
    return field.capitalize() if field in ("question", "hypothesis", "query") else "Read beside it"


def counted(n: int, noun: str = "text") -> str:
    """`1 text`, `1,821 texts`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
