"""How sure a test score is: the bootstrap over texts for scores that are no mean, and differences of two samples."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from attnaudit.stats.inference import LEVEL, Estimate

_RESAMPLES = 2000
_AT_ONCE = 4_000_000  # resampled values held in memory at a time
_ENDS = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]


def f1(
    target: Int[np.ndarray, " instance"], decided: Int[np.ndarray, " instance"], label: int, *, seed: int = 0
) -> Estimate:
    """F1 of one class ∈ [0, 1] with a percentile bootstrap over texts; no value where the class never occurs.

    Resampling texts and counting is drawing the four counts from a multinomial, which is what is done. Oracle:
    scikit-learn's F1; the interval, against resampled texts.
    """
    hit = int(((target == label) & (decided == label)).sum())
    wrong = int(((target == label) ^ (decided == label)).sum())
    n = len(target)
    if hit + wrong == 0:
        return Estimate(None, None, None, n)
    draws = np.random.default_rng(seed).multinomial(
        n, [hit / n, wrong / n, (n - hit - wrong) / n], _RESAMPLES
    )
    below = 2 * draws[:, 0] + draws[:, 1]
    low, high = np.quantile(2 * draws[below > 0, 0] / below[below > 0], _ENDS)
    return Estimate(2 * hit / (2 * hit + wrong), float(low), float(high), n)


def ranked(
    target: Bool[np.ndarray, " instance"], probability: Float[np.ndarray, " instance"], *, seed: int = 0
) -> tuple[Estimate, Estimate]:
    """ROC-AUC and average precision ∈ [0, 1], each with a percentile bootstrap over texts.

    No value where only one class occurs. Oracle: scikit-learn's scores.
    """
    n = len(target)
    if target.all() or not target.any():
        return Estimate(None, None, None, n), Estimate(None, None, None, n)
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))  # last text of each tied block
    rng = np.random.default_rng(seed)
    whole = _ranked(np.ones((1, n)), target[order], ends)
    at_once = max(1, _AT_ONCE // n)
    drawn = [
        _ranked(rng.multinomial(n, np.full(n, 1 / n), min(at_once, _RESAMPLES - start)), target[order], ends)
        for start in range(0, _RESAMPLES, at_once)
    ]
    estimates = []
    for number in (0, 1):
        values = np.concatenate([part[number] for part in drawn])
        low, high = np.quantile(values[np.isfinite(values)], _ENDS)
        estimates.append(Estimate(float(whole[number][0]), float(low), float(high), n))
    return estimates[0], estimates[1]


def difference_of_medians(
    a: Float[np.ndarray, " first"], b: Float[np.ndarray, " second"], *, seed: int = 0
) -> Estimate:
    """median(b) − median(a) of two samples, each resampled on its own; `n` is that of both together."""
    return _difference(a, b, np.median, seed)


def difference_of_means(
    a: Float[np.ndarray, " first"], b: Float[np.ndarray, " second"], *, seed: int = 0
) -> Estimate:
    """mean(b) − mean(a) of two samples, each resampled on its own; same texts: take the mean of differences."""
    return _difference(a, b, np.mean, seed)


def _difference(a: np.ndarray, b: np.ndarray, statistic: object, seed: int) -> Estimate:
    n = len(a) + len(b)
    if not len(a) or not len(b):
        return Estimate(None, None, None, n)
    rng = np.random.default_rng(seed)
    value = float(statistic(b) - statistic(a))  # type: ignore[operator]  # np.mean or np.median
    if len(a) == 1 or len(b) == 1:
        return Estimate(value, None, None, n)
    drawn = _resampled(b, statistic, rng) - _resampled(a, statistic, rng)
    low, high = np.quantile(drawn, _ENDS)
    return Estimate(value, float(low), float(high), n)


def _resampled(values: np.ndarray, statistic: object, rng: np.random.Generator) -> np.ndarray:
    found = np.empty(_RESAMPLES)
    at_once = max(1, _AT_ONCE // len(values))
    for start in range(0, _RESAMPLES, at_once):
        part = slice(start, min(start + at_once, _RESAMPLES))
        rows = rng.integers(0, len(values), (part.stop - part.start, len(values)))
        found[part] = statistic(values[rows], axis=1)  # type: ignore[operator]  # np.mean or np.median
    return found


def _ranked(weights: np.ndarray, target: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC-AUC and average precision of texts in falling order, each counted `weights` times; NaN for one class."""
    positive = np.cumsum(weights * target, axis=1, dtype=np.float64)[:, ends]
    negative = np.cumsum(weights * ~target, axis=1, dtype=np.float64)[:, ends]
    more, less = np.diff(positive, axis=1, prepend=0.0), np.diff(negative, axis=1, prepend=0.0)
    p, q = positive[:, -1], negative[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        area = ((positive - more / 2) * less).sum(axis=1) / (p * q)
        seen = positive + negative
        precision = np.divide(positive, seen, out=np.zeros_like(positive), where=seen > 0)
        average = (precision * more).sum(axis=1) / p
    return np.where((p > 0) & (q > 0), area, np.nan), np.where(p > 0, average, np.nan)
