"""Is one number larger than another on the same instances?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.stats import bootstrap, permutation_test

from attnaudit.stats import inference
from attnaudit.stats.inference import LEVEL, RESAMPLES, Estimate

Number = Shaped[np.ndarray, " instance"]
"""Indices of classes, as whole numbers or as floats."""

DRAWS = 9_999
"""Times that all pairs are turned at random: with the observed ones, 10,000."""

_AT_ONCE = 250_000  # values held in memory at a time; the draws do not depend on it


def paired_difference(
    a: Float[np.ndarray, " instance"], b: Float[np.ndarray, " _"], *, seed: int = 0
) -> Estimate:
    """mean(a − b), with a percentile bootstrap over instances that keeps the pairs together.

    Oracle: `inference.mean` of the differences.

    Raises:
        ValueError: not as many values in `a` as in `b`, or a difference that is no number.
    """
    return inference.mean(_differences(a, b), seed=seed)


def score(target: Int[np.ndarray, " instance"], prediction: Number, index: int | None = None) -> float:
    """Accuracy, or with an `index` F1 of that class (0 where nobody has it), in [0, 1]. Oracle: scikit-learn."""
    return float(_score(np.asarray(target), np.asarray(prediction), index))


def score_difference(
    target: Int[np.ndarray, " instance"], a: Number, b: Number, index: int | None = None, *, seed: int = 0
) -> Estimate:
    """score(a) − score(b) of two models on the same instances, with a percentile bootstrap that keeps them together.

    Oracle: scikit-learn's scores; for accuracy `paired_difference` of what is right.
    """
    n = len(target)
    if n == 0:
        return Estimate(None, None, None, 0)
    value = score(target, a, index) - score(target, b, index)
    if n == 1 or np.array_equal(a, b):
        end = None if n == 1 else value
        return Estimate(value, end, end, n)
    interval = bootstrap(
        (target, a, b),
        lambda t, x, y, axis: _score(t, x, index, axis) - _score(t, y, index, axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _AT_ONCE // n),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high), n)


def _score(target: np.ndarray, prediction: np.ndarray, index: int | None, axis: int = -1) -> np.ndarray:
    if index is None:
        return np.asarray((prediction == target).mean(axis=axis))
    gold, given = target == index, prediction == index
    both, either = (gold & given).sum(axis=axis), gold.sum(axis=axis) + given.sum(axis=axis)
    return np.divide(2.0 * both, either, out=np.zeros(np.shape(either)), where=either > 0)


def paired_permutation_test(
    a: Float[np.ndarray, " instance"], b: Float[np.ndarray, " _"], *, seed: int = 0
) -> float:
    """Two-sided p-value ∈ [1/10,000, 1] of mean(a − b), were it as likely that each pair stands the other way round.

    scipy's: the pairs are turned 9,999 times at random, or in all ways where there are fewer; p is the share of them,
    the observed one among them, whose mean is as far from 0. 1 where there is no instance. Source: Fisher 1935;
    counting the observed one: Phipson & Smyth 2010. Oracle: all sign flips, written out.

    Raises:
        ValueError: not as many values in `a` as in `b`, or a difference that is no number.
    """
    differences = _differences(a, b)
    if not len(differences):
        return 1.0
    found = permutation_test(
        (differences, np.zeros_like(differences)),
        _distance,
        permutation_type="samples",
        vectorized=True,
        n_resamples=DRAWS,
        batch=max(1, _AT_ONCE // len(differences)),
        alternative="greater",
        rng=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def _distance(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(np.abs(np.mean(a - b, axis=axis)))


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if len(a) != len(b):
        raise ValueError(f"pairs are asked for, not {len(a)} values and {len(b)}")
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if not np.isfinite(differences).all():  # NaN compares as not as far, which would look like a small p
        raise ValueError("undefined values have to be left out, and counted, before")
    return differences
