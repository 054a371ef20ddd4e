"""The share of small p-values of a rank correlation, made comparable between short texts and long ones.

The p-value of a text of n tokens knows n: with the same true correlation it is small in few short texts and in all
long ones. So every text is cut to the same number of tokens first, drawn at random, as species are counted in samples
of one size in ecology.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from attnaudit.stats.draws import generator
from attnaudit.stats.inference import SIGNIFICANT
from attnaudit.stats.rank_bulk import of_one_length

_AT_ONCE = 2**20
"""Most pairs of drawn tokens that are compared at a time: what a core's cache holds."""


def rarefied_share(
    firsts: Sequence[Float[np.ndarray, " _"]],
    seconds: Sequence[Float[np.ndarray, " _"]],
    ids: Sequence[str],
    *,
    m: int = 8,
    draws: int = 20,
    seed: int = 0,
) -> Float[np.ndarray, " text"]:
    """For each text, the share ∈ [0, 1] of draws of m of its tokens on which τ-b has p ≤ .05.

    NaN where the text has fewer than m tokens, or where τ exists in no draw since one ranking is flat; draws without
    a τ are left out of the share. A text's draws depend on `seed` and its id alone, not on the other texts.

    Args:
        firsts: a score for each token of each text, by one measure.
        seconds: the same by the other measure.
        ids: what tells the texts apart.
        m: tokens of a draw, at least 2.
        draws: draws of each text.
        seed: of the draws.

    Source: rarefaction, Sanders 1968 and Hurlbert 1971; its use on p-values is our own. Oracle: scipy's `kendalltau`
    in a plain loop, and all subsets of m tokens of a short text.

    Raises:
        ValueError: m is below 2, or draws below 1.
    """
    if m < 2 or draws < 1:
        raise ValueError(f"at least 2 tokens and 1 draw are needed, not {m} and {draws}")
    found = np.full(len(ids), np.nan)
    long_enough = [place for place, scores in enumerate(firsts) if len(scores) >= m]
    at_once = max(1, _AT_ONCE // (m * m * draws))
    for start in range(0, len(long_enough), at_once):
        some = long_enough[start : start + at_once]
        tokens = [drawn_tokens(len(firsts[k]), ids[k], m=m, draws=draws, seed=seed) for k in some]
        a, b = (
            np.concatenate([np.asarray(scores[k])[drawn] for k, drawn in zip(some, tokens, strict=True)])
            for scores in (firsts, seconds)
        )
        p_values = of_one_length(a, b)[1].reshape(len(some), draws)
        there = np.isfinite(p_values).sum(axis=1)
        small = (p_values <= SIGNIFICANT).sum(axis=1)
        found[some] = np.divide(small, there, out=np.full(len(some), np.nan), where=there > 0)
    return found


def drawn_tokens(n: int, instance_id: str, *, m: int, draws: int, seed: int) -> Int[np.ndarray, "draw token"]:
    """Which m of the n tokens of a text are drawn each time, without replacement."""
    draw = generator(seed, instance_id, "rarefied")
    return draw.permuted(np.broadcast_to(np.arange(n), (draws, n)), axis=1)[:, :m].copy()
