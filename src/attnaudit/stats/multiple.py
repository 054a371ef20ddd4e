"""p-values of many tests, raised so that so many of them are not small by chance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import false_discovery_control


def benjamini_hochberg(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Adjusted p-values ∈ [0, 1], in the given order: with those ≤ q, a share of at most q is expected to be false.

    Holds for tests that are independent or depend on each other positively. Never below the given ones; none gives
    none. Source: Benjamini & Hochberg 1995. Oracle: the step-up procedure, from the largest p-value down.

    Raises:
        ValueError: a value is not in [0, 1].
    """
    given = _checked(p_values)
    return np.asarray(false_discovery_control(given)) if len(given) else given


def holm(p_values: Float[np.ndarray, " test"]) -> Float[np.ndarray, " test"]:
    """Adjusted p-values ∈ [0, 1], in the given order: with those ≤ q, any false one at all has a chance of at most q.

    Holds for any tests. Never below those of `benjamini_hochberg`; none gives none. Source: Holm 1979. Oracle: the
    step-down procedure, from the smallest p-value up.

    Raises:
        ValueError: a value is not in [0, 1].
    """
    given = _checked(p_values)
    order = np.argsort(given)
    raised = given[order] * np.arange(len(given), 0, -1)
    adjusted = np.empty_like(given)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def _checked(p_values: np.ndarray) -> np.ndarray:
    given = np.asarray(p_values, dtype=np.float64)
    if not ((given >= 0) & (given <= 1)).all():  # NaN as well
        raise ValueError("p-values must lie between 0 and 1")
    return given
