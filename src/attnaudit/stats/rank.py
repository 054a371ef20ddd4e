"""Do two rankings of the same tokens agree?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import kendalltau


class Correlation(NamedTuple):
    """A rank correlation, its two-sided p-value (no correlation), and whether it exists.

    `status` is `ok`, `too_short` (fewer than two values) or `constant` (one ranking is flat); `value` and
    `p_value` are None unless it is `ok`.
    """

    value: float | None
    p_value: float | None
    status: str


def kendall_tau_b(a: Float[np.ndarray, " token"], b: Float[np.ndarray, " token"]) -> Correlation:
    """Kendall's τ-b ∈ [−1, 1] (1 = same order), with ties accounted for.

    Source: Kendall 1945; Jain & Wallace 2019, section 4.1. It is scipy's, with the p-value that the published
    figures used (exact for small samples without ties, else by normal approximation). Oracle: counted pairs.
    """
    if len(a) < 2:
        return Correlation(None, None, "too_short")
    if np.all(a == a[0]) or np.all(b == b[0]):
        return Correlation(None, None, "constant")
    result = kendalltau(a, b)
    return Correlation(float(np.clip(result.statistic, -1.0, 1.0)), float(result.pvalue), "ok")
