"""How sure a summary over instances is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.stats import binomtest, bootstrap

LEVEL = 0.95
"""Nominal coverage of every interval in this package."""

SIGNIFICANT = 0.05
"""The largest p-value that is called small."""

RESAMPLES = 2000
_AT_ONCE = 250_000  # resampled values held in memory at a time; the draws do not depend on it


class Estimate(NamedTuple):
    """A number over `n` instances with its 95% interval; all None where there is nothing to estimate."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def mean(values: Float[np.ndarray, " instance"], *, seed: int = 0) -> Estimate:
    """The mean, with a percentile bootstrap over instances (2,000 resamples, drawn with `seed`).

    With one instance there is no interval. Oracle: numpy's mean; the interval, against the normal theory of
    a mean on large samples.
    """
    return _bootstrapped(values, np.mean, seed)


def median(values: Float[np.ndarray, " instance"], *, seed: int = 0) -> Estimate:
    """The median, with a percentile bootstrap over instances, as for `mean`."""
    return _bootstrapped(values, np.median, seed)


def share(count: int, n: int) -> Estimate:
    """count / n with Wilson's interval for a proportion (1927). Oracle: the closed formula."""
    if n == 0:
        return Estimate(None, None, None, 0)
    interval = binomtest(count, n).proportion_ci(LEVEL, method="wilson")
    return Estimate(count / n, float(interval.low), float(interval.high), n)


def ratio_of_means(
    a: Float[np.ndarray, " instance"], b: Float[np.ndarray, " instance"], *, seed: int = 0
) -> Estimate:
    """mean(a) / mean(b) over the same instances, with a paired percentile bootstrap.

    None where mean(b) is not above 0 in every resample: a share of what may be nothing means nothing.
    Oracle: numpy's means; the interval, against Fieller's on large samples.
    """
    n = len(a)
    if n < 2:
        return Estimate(None, None, None, n)
    draw = np.random.default_rng(seed)
    above, below = np.empty(RESAMPLES), np.empty(RESAMPLES)
    at_once = max(1, _AT_ONCE // n)
    for start in range(0, RESAMPLES, at_once):
        part = slice(start, min(start + at_once, RESAMPLES))
        rows = draw.integers(0, n, (part.stop - part.start, n))
        above[part], below[part] = a[rows].mean(axis=1), b[rows].mean(axis=1)
    if b.mean() <= 0 or below.min() <= 0:
        return Estimate(None, None, None, n)
    ratios = above / below
    low, high = np.quantile(ratios, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(a.mean() / b.mean()), float(low), float(high), n)


def share_of_variance(
    part: Float[np.ndarray, " instance"], whole: Float[np.ndarray, " instance"], *, seed: int = 0
) -> Estimate:
    """Cov(part, whole) / Var(whole): how much of the variance of a sum over instances goes with one term of it.

    With a paired percentile bootstrap. The shares of all terms sum to 1; one below 0 works against the others. None
    with fewer than 3 instances, or where the whole does not vary (in a resample, that one says nothing).
    Oracle: the slope of a straight line fitted to the term against the whole.
    """
    n = len(whole)
    if n < 3 or not np.ptp(whole) > 0:
        return Estimate(None, None, None, n)

    def shares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        off = b - b.mean(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((off * a).sum(axis=-1) / (off**2).sum(axis=-1))

    draw = np.random.default_rng(seed)
    at_once, found = max(1, _AT_ONCE // n), []
    for start in range(0, RESAMPLES, at_once):
        rows = draw.integers(0, n, (min(at_once, RESAMPLES - start), n))
        found.append(shares(part[rows], whole[rows]))
    drawn = np.concatenate(found)
    low, high = np.quantile(drawn[np.isfinite(drawn)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(shares(part, whole)), float(low), float(high), n)


def _bootstrapped(values: np.ndarray, statistic: Callable[[np.ndarray], Any], seed: int) -> Estimate:
    values = np.asarray(values, dtype=np.float64)
    if len(values) == 0:
        return Estimate(None, None, None, 0)
    value = float(statistic(values))
    if len(values) == 1:
        return Estimate(value, None, None, 1)
    if np.ptp(values) == 0:
        return Estimate(value, value, value, len(values))
    interval = bootstrap(
        (values,),
        statistic,
        n_resamples=RESAMPLES,
        batch=max(1, _AT_ONCE // len(values)),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high), len(values))
