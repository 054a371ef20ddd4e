"""Names and numbers of a reproduction as a reader meets them; one place, so that page and tables say the same."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

from attnaudit.reproduce.errata import NOT_COMPARABLE, WITH_CARE
from attnaudit.reproduce.published import (
    BINS,
    BRACKET_CERTIFIED,
    BRACKET_WIDTH,
    DATA,
    FAR,
    JSD_BINS_TVD,
    JSD_SHARE,
    JSD_WASSERSTEIN,
    PERMUTATION,
    TABLE1_PERFORMANCE,
    permutation_quantity,
)
from attnaudit.stats.inference import Estimate
from attnaudit.summary import OVERALL, bin_name

NONE = "–"

VERDICTS = {
    "within": "within",
    "outside": "outside",
    "not_comparable": "not comparable",
    "not_published": "not published",
    "not_run": "not run",
}
"""Verdicts of the table, in the order in which they are counted."""

ENCODERS = {"bilstm": "BiLSTM", "cnn": "CNN", "average": "average"}

_PAIRS = {
    "attention_gradient": "attention and gradient",
    "attention_leave_one_out": "attention and leave-one-out",
    "gradient_leave_one_out": "gradient and leave-one-out",
}
_STATISTICS = {
    "mean": "mean τ",
    "std": "standard deviation of τ",
    "share_significant": "share of texts with p ≤ .05",
}

QUANTITIES = {
    "vocabulary": "vocabulary",
    "mean_length": "mean length of a training text (words)",
    "train_size": "training texts",
    "test_size": "test texts",
    "accuracy": "accuracy",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "f1": "F1 of a class",
    TABLE1_PERFORMANCE: "test performance as in Table 1",
    **{f"{p}_tau_{s}": f"{_STATISTICS[s]}, {_PAIRS[p]}" for p in _PAIRS for s in _STATISTICS},
    PERMUTATION: "median output TVD under permutation",
    **{
        permutation_quantity(low, high): f"median output TVD, largest weight {bin_name(low, high)}"
        for low, high in BINS
    },
    JSD_SHARE: f"share of texts with an ε-max JSD ≥ {FAR}, the paper’s search",
    JSD_WASSERSTEIN: "distance of the two histograms (1-Wasserstein, nats)",
    JSD_BINS_TVD: "distance of the two histograms (TVD of bins)",
    f"exact_jsd_share_from_{FAR}": f"share of texts with an ε-max JSD ≥ {FAR}, exact",
    f"bracket_low_jsd_share_from_{FAR}": f"share of texts with an ε-max JSD ≥ {FAR}, at least",
    f"bracket_high_jsd_share_from_{FAR}": f"share of texts with an ε-max JSD ≥ {FAR}, at most",
    BRACKET_WIDTH: "mean distance of the certified bounds of the ε-max JSD (nats)",
    BRACKET_CERTIFIED: "share of texts whose bounds lie within 1 % of the upper one",
}
"""Every quantity by its name in the table, in words."""


def decimal(value: float | None, digits: int = 3) -> str:
    """`0.058`, with a true minus sign; a dash where there is no value."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def number(value: float | None, quantity: str) -> str:
    """A value as its quantity is read: sizes as whole numbers, lengths with one digit, the rest with three.

    >>> number(16175.0, "vocabulary"), number(18.704, "mean_length"), number(-0.0556, "attention_gradient_tau_mean")
    ('16,175', '18.7', '−0.056')
    """
    if value is None:
        return NONE
    if quantity in DATA:
        return f"{value:,.1f}" if quantity == "mean_length" else f"{value:,.0f}"
    return decimal(value)


def interval(estimate: Estimate) -> str:
    """`[0.053, 0.064]`; a dash where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return NONE
    return f"[{decimal(estimate.low)}, {decimal(estimate.high)}]"


def group_name(group: str) -> str:
    """A group as a reader meets it."""
    return "all texts" if group == OVERALL else group


def file_name(vectors: str) -> str:
    """Vectors as they are shown: a name as it is, of a path the last part, since pages travel."""
    return PureWindowsPath(PurePosixPath(vectors).name).name or vectors


def capital(text: str) -> str:
    """A text with a capital in front."""
    return text[:1].upper() + text[1:]


def encoder_name(encoder: str) -> str:
    """An encoder as a reader meets it."""
    return ENCODERS.get(encoder, encoder)


def model_name(encoder: str, attention: str) -> str:
    """`BiLSTM, additive`."""
    return f"{encoder_name(encoder)}, {attention}"


def duration(seconds: float | None) -> str:
    """`48 s`, `3 min 20 s`, `2 h 05 min`; a dash where not known.

    >>> duration(48.2), duration(200), duration(7500)
    ('48 s', '3 min 20 s', '2 h 05 min')
    """
    if seconds is None:
        return NONE
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def kind(effect: str) -> str:
    """The style of an erratum's effect on the page."""
    return {NOT_COMPARABLE: "bad", WITH_CARE: "open"}.get(effect, "none")
