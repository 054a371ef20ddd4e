"""How far apart two distributions are: TVD and JSD.

All along the last axis, in float64, natural logarithm. The other axes broadcast.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.special import rel_entr

Values = Float[np.ndarray, "..."] | np.float64
"""One value a row: an array, or a number where there is one row."""

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
    middle = 0.5 * (p + q)
    value = 0.5 * (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=-1)
    return np.clip(value, 0.0, LN2)


def _array(values: ArrayLike) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)
