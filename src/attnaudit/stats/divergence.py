"""How far apart two distributions are: TVD and JSD.

All along the last axis, in float64, natural logarithm. The other axes broadcast.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

Values = Float[np.ndarray, "..."] | np.float64
"""One value a row: an array, or a number where there is one row."""

_SMALLEST = np.finfo(np.float64).tiny

LN2 = float(np.log(2.0))
"""The largest value of the Jensen–Shannon divergence, in nats."""


def total_variation_distance(p: ArrayLike, q: ArrayLike) -> Values:
    """½ Σ |p − q| ∈ [0, 1] (0 = same).

    For a binary output this is |p₁ − q₁|. Source: Jain & Wallace 2019, equation 2.
    Oracle: half the `cityblock` distance of scipy.
    """
    return 0.5 * np.abs(_array(p) - _array(q)).sum(axis=-1)


def jensen_shannon_divergence(p: ArrayLike, q: ArrayLike) -> Values:
    """½ KL(p‖m) + ½ KL(q‖m), m = (p + q)/2, in nats ∈ [0, ln 2] (0 = same; symmetric).

    Source: Jain & Wallace 2019, section 4.2.2. Oracle: the square of scipy's `jensenshannon` distance.
    """
    p, q = _array(p), _array(q)
    # H(m) − ½ H(p) − ½ H(q): the same number, and a logarithm is several times faster than a relative entropy.
    value = 0.5 * (negative_entropy(p) + negative_entropy(q)) - negative_entropy(0.5 * (p + q))
    return np.clip(value, 0.0, LN2)


def negative_entropy(p: np.ndarray) -> Values:
    """Σ p ln p along the last axis, in nats ≤ 0, with 0 ln 0 = 0. Oracle: scipy's `entropy`, negated."""
    return (p * np.log(np.maximum(p, _SMALLEST))).sum(axis=-1)


def _array(values: ArrayLike) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
