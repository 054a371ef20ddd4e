"""Is one number larger than another on the same instances?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy.stats import bootstrap, monte_carlo_test, permutation_test

from attnaudit.stats import inference
from attnaudit.stats.inference import LEVEL, RESAMPLES, Estimate

Classes = Shaped[np.ndarray, " instance"]
"""Indices of classes, as whole numbers or as floats."""

DRAWS = 9_999
"""Times that all pairs are turned at random: with the observed ones, 10,000."""

_AT_ONCE = 250_000  # values held in memory at a time; the draws do not depend on it

Statistic = Callable[[np.ndarray], np.ndarray]
"""[draw, instance, column] → one number a draw."""


def paired_difference(
    a: Float[np.ndarray, " instance"], b: Float[np.ndarray, " _"], *, seed: int = 0
) -> Estimate:
    """mean(a − b), with a percentile bootstrap over instances that keeps the pairs together.

    Oracle: `inference.mean` of the differences.

    Raises:
        ValueError: not as many values in `a` as in `b`, or a difference that is no number.
    """
    return inference.mean(_differences(a, b), seed=seed)


def paired_permutation_test(
    a: Float[np.ndarray, " instance"], b: Float[np.ndarray, " _"], *, seed: int = 0
) -> float:
    """Two-sided p-value ∈ [1/10,000, 1] of mean(a − b), were it as likely that each pair stands the other way round.

    The pairs are turned 9,999 times at random, or in all ways where there are fewer; p is the share of them,
    the observed one among them, whose mean is as far from 0. 1 where there is no instance. Source: Fisher 1935;
    counting the observed one: Phipson & Smyth 2010. Oracle: all sign flips, written out; of values that are 0 or 1,
    McNemar's exact test.

    Raises:
        ValueError: not as many values in `a` as in `b`, or a difference that is no number.
    """
    differences = _differences(a, b)
    if not differences.any():
        return 1.0

    def distance(turned: np.ndarray) -> np.ndarray:
        return np.asarray(np.abs(np.where(turned, -differences, differences).mean(axis=-1)))

    return _share_as_far(distance, len(differences), 1, seed)


def statistic_difference(
    statistic: Statistic,
    a: Float[np.ndarray, "instance column"],
    b: Float[np.ndarray, "_ column"],
    *,
    seed: int = 0,
) -> Estimate:
    """statistic(a) − statistic(b), with a percentile bootstrap over instances that keeps the pairs together.

    For what is no mean: a median, or a ratio of two columns. Oracle: `paired_difference`, of a mean.

    Raises:
        ValueError: not as many values in `a` as in `b`, or a value that is no number.
    """
    _differences(a, b)
    n = len(a)
    if n == 0:
        return Estimate(None, None, None, 0)
    value = float((statistic(a[None]) - statistic(b[None]))[0])
    if n == 1:
        return Estimate(value, None, None, 1)
    if np.array_equal(a, b):
        return Estimate(value, value, value, n)
    interval = bootstrap(
        (np.arange(n),),
        lambda rows, axis: statistic(a[rows]) - statistic(b[rows]),
        n_resamples=RESAMPLES,
        batch=max(1, _AT_ONCE // a.size),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high), n)


def score(target: Classes, prediction: Classes, index: int | None = None) -> float:
    """Accuracy, or with an `index` F1 of that class (0 where nobody has it), in [0, 1]. Oracle: scikit-learn."""
    return float(_score(_right(target, prediction, index)[None])[0])


def score_difference(
    target: Classes,
    a: Sequence[Classes],
    b: Sequence[Classes],
    index: int | None = None,
    *,
    seed: int = 0,
) -> Estimate:
    """Mean score of the models `a` − that of the models `b` on the same instances, as many of one as of the other.

    With a percentile bootstrap over instances that keeps what all models say of one together. Oracle: scikit-learn's
    scores; for accuracy `paired_difference` of what is right.
    """
    of_a, of_b = (np.concatenate([_right(target, one, index) for one in models], axis=1) for models in (a, b))
    return statistic_difference(_score, of_a, of_b, seed=seed)


def _right(target: Classes, prediction: Classes, index: int | None) -> Float[np.ndarray, "instance column"]:
    """What is right, and of how much that is a share; of a class twice that, and what has it or is given it."""
    if index is None:
        return np.stack([prediction == target, np.ones(len(target))], axis=1).astype(np.float64)
    gold, given = target == index, prediction == index
    return np.stack([2.0 * (gold & given), 1.0 * gold + given], axis=1)


def _score(right: Float[np.ndarray, "draw instance column"]) -> Float[np.ndarray, " draw"]:
    """The mean over models, whose columns stand side by side."""
    sums = right.sum(axis=1)
    found, of = sums[:, ::2], sums[:, 1::2]
    return np.divide(found, of, out=np.zeros_like(of), where=of > 0).mean(axis=1)


def statistic_permutation_test(
    statistic: Statistic,
    a: Float[np.ndarray, "instance column"],
    b: Float[np.ndarray, "_ column"],
    *,
    seed: int = 0,
) -> float:
    """`paired_permutation_test` of statistic(a) − statistic(b). Oracle: all ways to turn few pairs, written out.

    Raises:
        ValueError: not as many values in `a` as in `b`, or a value that is no number.
    """
    _differences(a, b)
    if np.array_equal(a, b):
        return 1.0

    def distance(turned: np.ndarray) -> np.ndarray:
        other = turned[..., None]
        return np.asarray(np.abs(statistic(np.where(other, b, a)) - statistic(np.where(other, a, b))))

    return _share_as_far(distance, len(a), a.shape[1], seed)


def _share_as_far(distance: Statistic, n: int, columns: int, seed: int) -> float:
    """The p-value of a distance that depends on which of the n pairs are turned."""
    if n == 0:
        return 1.0
    batch = max(1, _AT_ONCE // (n * columns))
    nowhere, draw = np.zeros(n, dtype=bool), np.random.default_rng(seed)
    if 2**n <= DRAWS:  # scipy goes through them all
        found = permutation_test(
            (nowhere, ~nowhere),
            lambda turned, _kept, axis: distance(turned),
            permutation_type="samples",
            vectorized=True,
            n_resamples=DRAWS,
            batch=batch,
            alternative="greater",
        )
        return float(found.pvalue)

    def coins(size: tuple[int, int]) -> Bool[np.ndarray, "draw instance"]:
        # A bit a pair is many times faster than the permutations of scipy, which know nothing of pairs.
        words = draw.integers(2**32, size=(size[0], -(-n // 32)), dtype=np.uint32)
        return np.unpackbits(words.view(np.uint8), axis=1, count=n).view(bool)

    found = monte_carlo_test(
        nowhere,
        coins,
        lambda turned, axis: distance(turned),
        vectorized=True,
        n_resamples=DRAWS,
        batch=batch,
        alternative="greater",
    )
    return float(found.pvalue)


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if len(a) != len(b):
        raise ValueError(f"pairs are asked for, not {len(a)} values and {len(b)}")
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if not np.isfinite(differences).all():  # NaN compares as not as far, which would look like a small p
        raise ValueError("undefined values have to be left out, and counted, before")
    return differences
