"""How sure a number is that was measured on a few models, trained alike but for their seed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.stats import t

from attnaudit.stats.inference import LEVEL, Estimate

FEWEST = 3
"""Runs from which there is an interval. With two it would be 12.7 standard errors wide to either side."""


def over_seeds(values: Float[np.ndarray, " seed"]) -> Estimate:
    """The mean of one value a run, with the t interval over the runs; `n` is the number of runs.

    Of fewer than 3 runs there is the mean and no interval: they say nothing about seeds. Resampling so few runs, or
    instances within them, covers too rarely. Source: Student 1908. Oracle: scipy's `t.interval`, and coverage in
    simulation.
    """
    values = np.asarray(values, dtype=np.float64)
    k = len(values)
    if k == 0:
        return Estimate(None, None, None, 0)
    middle = float(values.mean())
    if k < FEWEST:
        return Estimate(middle, None, None, k)
    half = float(t.ppf((1 + LEVEL) / 2, k - 1) * values.std(ddof=1) / np.sqrt(k))
    return Estimate(middle, middle - half, middle + half, k)
