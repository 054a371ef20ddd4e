"""Kendall's τ-b of very many pairs of short rankings: all pairs of tokens of all texts of one length at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from jaxtyping import Float, Int
from scipy.special import ndtr

from attnaudit.stats.rank import Correlation, kendall_tau_b

_AT_ONCE = 2**20
"""Most pairs of tokens that are compared at a time: what a core's cache holds."""

_LONG = 200
"""Texts of more tokens are left to the plain way, which sorts: from there on it is the faster one."""

_EXACT = 33
"""Rankings without ties are compared with all permutations up to this length, as scipy does."""


def kendall_tau_b_each(
    firsts: Sequence[Float[np.ndarray, " _"]], seconds: Sequence[Float[np.ndarray, " _"]]
) -> list[Correlation]:
    """`kendall_tau_b` of each of the first rankings with the second at its place.

    Costs n² comparisons a text of n tokens, without a Python step a text. Oracle: `kendall_tau_b`, to 1e-12.
    """
    by_length: dict[int, list[int]] = {}
    for place, ranking in enumerate(firsts):
        by_length.setdefault(len(ranking), []).append(place)
    found: dict[int, Correlation] = {}
    for length, places in by_length.items():
        if length < 2 or length > _LONG:
            found.update((place, kendall_tau_b(firsts[place], seconds[place])) for place in places)
            continue
        at_once = max(1, _AT_ONCE // length**2)
        for start in range(0, len(places), at_once):
            some = places[start : start + at_once]
            a, b = (np.stack([rankings[place] for place in some]) for rankings in (firsts, seconds))
            for place, value, p in zip(some, *(x.tolist() for x in of_one_length(a, b)), strict=True):
                flat = math.isnan(value)
                found[place] = Correlation(None, None, "constant") if flat else Correlation(value, p, "ok")
    return [found[place] for place in range(len(firsts))]


def of_one_length(
    a: Float[np.ndarray, "text token"], b: Float[np.ndarray, "text token"]
) -> tuple[Float[np.ndarray, " text"], Float[np.ndarray, " text"]]:
    """τ-b and its p-value of each text, all of them of n ≥ 2 tokens; NaN where a ranking is constant."""
    n = a.shape[1]
    above_a, above_b = (x[:, :, None] > x[:, None, :] for x in (a, b))
    agreeing = np.count_nonzero(above_a & above_b, axis=(1, 2))
    opposed = np.count_nonzero(above_a & above_b.swapaxes(1, 2), axis=(1, 2))
    (ties_a, cubes_a, weights_a), (ties_b, cubes_b, weights_b) = _ties(above_a), _ties(above_b)
    pairs = n * (n - 1) // 2
    constant = (ties_a == pairs) | (ties_b == pairs)
    with np.errstate(divide="ignore", invalid="ignore"):  # constant rankings, and ties of two tokens
        surplus = agreeing - opposed
        tau = surplus / np.sqrt(pairs - ties_a) / np.sqrt(pairs - ties_b)
        variance = (2 * pairs * (2 * n + 5) - weights_a - weights_b) / 18
        variance = variance + 2 * ties_a * ties_b / (2 * pairs) + cubes_a * cubes_b / (18 * pairs * (n - 2))
        p_value = 2 * ndtr(-np.abs(surplus / np.sqrt(variance)))
    fewest = np.minimum(opposed, pairs - opposed)
    exact = (ties_a == 0) & (ties_b == 0) & ((n <= _EXACT) | (fewest <= 1))
    for opposed_pairs in np.unique(fewest[exact]):
        p_value[exact & (fewest == opposed_pairs)] = _share_as_extreme(n, int(opposed_pairs))
    tau = np.clip(tau, -1.0, 1.0)
    return np.where(constant, np.nan, tau), np.where(constant, np.nan, p_value)


def _ties(
    above: np.ndarray,
) -> tuple[Int[np.ndarray, " text"], Int[np.ndarray, " text"], Int[np.ndarray, " text"]]:
    """Of groups of t equal values: Σ t(t−1)/2, Σ t(t−1)(t−2) and Σ t(t−1)(2t+5), a text each."""
    n = above.shape[1]
    others = (
        n - 1 - np.count_nonzero(above, axis=1) - np.count_nonzero(above, axis=2)
    )  # t − 1, for each token
    return (
        others.sum(axis=1) // 2,
        (others * (others - 1)).sum(axis=1),
        (others * (2 * others + 7)).sum(axis=1),
    )


@cache
def _share_as_extreme(n: int, opposed: int) -> float:
    """The share of permutations of n with at most so many inversions, or as many too few, both tails together."""
    if opposed <= 1:
        return min(1.0, 2 / math.factorial(n - opposed))
    if 4 * opposed == n * (n - 1):
        return 1.0
    return min(1.0, 2 * sum(_inversions(n)[: opposed + 1]) / math.factorial(n))


@cache
def _inversions(n: int) -> list[int]:
    """How many permutations of n have 0, 1, 2, … inversions."""
    counts = [1]
    for size in range(2, n + 1):
        wider = [0] * (len(counts) + size - 1)
        for shift in range(size):
            for inversions, count in enumerate(counts):
                wider[inversions + shift] += count
        counts = wider
    return counts
