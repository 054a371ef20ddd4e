"""`exact.farthest_within` for many short texts at a time: the same visits, a token of every text in each."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from attnaudit.counterfactual.exact import Adversary, farthest_within, on_edge, slab
from attnaudit.counterfactual.padded import Padded
from attnaudit.stats.divergence import LN2


def farthest_within_each(block: Padded, epsilon: float) -> list[Adversary]:
    """The exact solution of each case of a block, binary and of two or more tokens each.

    Costs a few passes over the block, one for each token that the slowest of its texts must visit.
    Oracle: `farthest_within`, a case at a time.
    """
    if len(block.cases) == 1:
        return [farthest_within(block.cases[0], epsilon)]
    alpha, real = block.attention, block.real
    evidence, sides = np.zeros_like(alpha), np.empty((2, len(alpha)))
    for row, case in enumerate(block.cases):
        of_case, sides[0, row], sides[1, row] = slab(case, epsilon)
        evidence[row, : len(of_case)] = of_case
    alone = np.where(real, on_edge(alpha, 0.0, 1.0), -np.inf)
    inside = (evidence >= sides[0, :, None]) & (evidence <= sides[1, :, None])
    alone_inside = np.where(inside, alone, -np.inf)
    first = alone_inside.argmax(axis=1)
    jsd = alone_inside.max(axis=1)
    first[jsd <= 0] = -1  # no single token is allowed (or all weight is there already)
    second, share = first.copy(), np.ones(len(alpha))
    jsd = np.maximum(jsd, 0.0)
    order = np.argsort(-alone, axis=1, kind="stable")
    open_rows = np.arange(len(alpha))
    for rank in range(alpha.shape[1] - 1):
        token = order[open_rows, rank]
        going_on = (alone[open_rows, token] > jsd[open_rows]) & (rank < block.lengths[open_rows] - 1)
        open_rows, token = open_rows[going_on], token[going_on]
        if not len(open_rows):
            break
        for side in sides:
            value, other, at = _best_crossing(
                alpha[open_rows], evidence[open_rows], real[open_rows], side[open_rows], token
            )
            better = value > jsd[open_rows]
            rows = open_rows[better]
            jsd[rows], first[rows], second[rows], share[rows] = (
                value[better],
                token[better],
                other[better],
                at[better],
            )
    return [
        Adversary(min(value, LN2), one, other, part)
        for value, one, other, part in zip(
            jsd.tolist(), first.tolist(), second.tolist(), share.tolist(), strict=True
        )
    ]


def _best_crossing(
    alpha: Float[np.ndarray, "case token"],
    evidence: Float[np.ndarray, "case token"],
    real: Bool[np.ndarray, "case token"],
    side: Float[np.ndarray, " case"],
    token: Int[np.ndarray, " case"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the edges from a token of each case across one side of its slab: the best JSD, the other end, the share."""
    row = np.arange(len(alpha))
    own, side = evidence[row, token, None], side[:, None]
    crosses = real & ((evidence < side) != (own < side)) & np.isfinite(side)
    share = np.divide(side - evidence, own - evidence, out=np.zeros_like(evidence), where=crosses)
    share = np.clip(share, 0.0, 1.0)
    value = np.where(crosses, on_edge(alpha[row, token, None], alpha, share), -np.inf)
    other = value.argmax(axis=1)
    return value[row, other], other, share[row, other]
