"""Is a sample large enough to decide by?

All functions take the spread that was seen for the true one, and a mean for normally distributed, so they are for
a note beside a number and not for deciding. At exactly the difference or the number that they name, a new sample
decides in half of the cases; at twice the difference, or four times the number, in 97.5 % of them.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from attnaudit.stats.inference import LEVEL, Estimate

_AT = 1e-12
"""A mean nearer to the threshold than this share of the numbers at hand is at the threshold: rounding."""


def smallest_detectable(values: Float[np.ndarray, " instance"], *, level: float = LEVEL) -> float:
    """How far from a threshold the mean must be for its interval to leave it: the half-width z · s / √n, ≥ 0.

    In the unit of the values; infinite where there are fewer than 2. Oracle: the closed formula, and the share of
    simulated samples that decide.
    """
    n = len(values)
    if n < 2:
        return math.inf
    return float(ndtri((1 + level) / 2) * np.std(values, ddof=1) / math.sqrt(n))


def enough_for(
    values: Float[np.ndarray, " instance"], threshold: float, *, level: float = LEVEL
) -> int | None:
    """The least number of instances, ≥ 2, at which the interval of such a mean and spread leaves the threshold.

    None where no number would do, since the mean is at the threshold, and where there are fewer than 2 values. May be
    below the number of values at hand, which are then enough. Oracle: the closed formula, and `smallest_detectable`
    at that n.
    """
    if len(values) < 2:
        return None
    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1))
    distance = abs(mean - threshold)
    if distance <= _AT * max(spread, abs(mean), abs(threshold)):
        return None
    return max(2, math.floor((float(ndtri((1 + level) / 2)) * spread / distance) ** 2) + 1)


def enough_by_interval(estimate: Estimate, threshold: float) -> int | None:
    """The same of a number of which only the interval is known, over n instances and shrinking with √n.

    What counts is its half on the side of the threshold, since intervals of shares and ratios are not symmetric. None
    where no number would do, and where there is no interval. Oracle: `enough_for`, on a mean with a normal interval.
    """
    value, low, high, n = estimate
    if value is None or low is None or high is None:
        return None
    half, distance = (
        (high - value, threshold - value) if threshold > value else (value - low, value - threshold)
    )
    if distance <= _AT * max(half, abs(value), abs(threshold)):
        return None
    return max(2, math.floor(n * (half / distance) ** 2) + 1)
