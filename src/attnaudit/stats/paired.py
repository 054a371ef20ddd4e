"""Is one number larger than another on the same instances?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from attnaudit.stats import inference
from attnaudit.stats.inference import Estimate

DRAWS = 9_999
"""Random sign flips of a test: with the observed signs, 10,000."""

_AT_ONCE = 250_000  # flipped values held in memory at a time; the draws do not depend on it
_SAME = 1e-12
"""Sums that differ by less than this share of the sum of absolute differences are called equal: rounding."""


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

    The signs of all differences are drawn 9,999 times; p is the share of draws, the observed one among them, whose
    mean is as far from 0. 1 where there is no instance. Source: Fisher 1935; counting the observed one: Phipson &
    Smyth 2010. Oracle: scipy's `permutation_test` of all sign flips.

    Raises:
        ValueError: not as many values in `a` as in `b`, or a difference that is no number.
    """
    differences = _differences(a, b)
    n = len(differences)
    draw, words = np.random.default_rng(seed), -(-n // 32)
    total = differences.sum()
    least = abs(total) - _SAME * np.abs(differences).sum()
    at_once, as_far = max(1, _AT_ONCE // max(n, 1)), 0
    for start in range(0, DRAWS, at_once):
        random = draw.integers(0, 2**32, (min(at_once, DRAWS - start), words), dtype=np.uint32)
        kept = np.unpackbits(random.view(np.uint8), axis=1, count=n)
        as_far += int((np.abs(2 * (kept @ differences) - total) >= least).sum())
    return (as_far + 1) / (DRAWS + 1)


def _differences(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if len(a) != len(b):
        raise ValueError(f"pairs are asked for, not {len(a)} values and {len(b)}")
    differences = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if not np.isfinite(differences).all():  # NaN compares as not as far, which would look like a small p
        raise ValueError("undefined values have to be left out, and counted, before")
    return differences
