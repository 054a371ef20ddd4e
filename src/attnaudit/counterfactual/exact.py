"""ε-max JSD of a linear binary read-out, solved exactly.

The question: among all attentions whose output stays within ε (TVD) of the model's own, how far (JSD) can one be?
With logit(β) = s·β + b the allowed β are the simplex cut by the slab lo ≤ s·β ≤ hi. JSD from α is convex, so
its largest value is at a vertex of that polytope, and a vertex has at most two non-zero weights: all on one token
inside the slab, or on the point of an edge between two tokens where it crosses a side of the slab.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from attnaudit.case import Case
from attnaudit.stats.divergence import LN2

_Numbers = Float[np.ndarray, "..."] | np.float64 | float

_SMALLEST = np.finfo(np.float64).tiny


class Adversary(NamedTuple):
    """`share` of the weight on token `first`, the rest on token `second` (the same token when all is on one).

    `jsd` is its divergence from the model's own attention, in nats. `first` is −1 when no other attention
    is within ε: then the model's own is the answer, at 0.
    """

    jsd: float
    first: int
    second: int
    share: float

    def weights(self, own: Float[np.ndarray, " token"]) -> Float[np.ndarray, " token"]:
        """The attention itself."""
        if self.first < 0:
            return own
        weights = np.zeros_like(own)
        weights[self.second] = 1 - self.share
        weights[self.first] += self.share
        return weights


def slab(case: Case, epsilon: float) -> tuple[Float[np.ndarray, " token"], float, float]:
    """Evidence s and the bounds lo, hi such that TVD ≤ ε is the same as lo ≤ s·β ≤ hi (binary outputs)."""
    assert case.binary is not None
    evidence = case.binary.coefficients[1] - case.binary.coefficients[0]
    bias = float(case.binary.bias[1] - case.binary.bias[0])
    logit = float(evidence @ case.attention) + bias
    # Either class's probability, from the side where no digits are lost.
    one, zero = _sigmoid(logit), _sigmoid(-logit)
    low = math.log(one - epsilon) - math.log(zero + epsilon) if one > epsilon else -math.inf
    high = math.log(one + epsilon) - math.log(zero - epsilon) if zero > epsilon else math.inf
    return evidence, low - bias, high - bias


def farthest_within(case: Case, epsilon: float) -> Adversary:
    """The exact solution for one instance of a binary model with two or more tokens.

    Tokens are visited by rising attention, that is by falling JSD of "all weight on this one". Along an edge JSD
    is convex, so no point of it exceeds the better of its two ends: when the next token's own value is
    not above the best found, nothing better is left.
    """
    alpha = case.attention
    evidence, low, high = slab(case, epsilon)
    alone = on_edge(alpha, 0.0, 1.0)
    best = Adversary(0.0, -1, -1, 1.0)
    inside = np.flatnonzero((evidence >= low) & (evidence <= high))
    if len(inside):
        first = int(inside[alone[inside].argmax()])
        best = Adversary(float(alone[first]), first, first, 1.0)
    order = np.argsort(-alone, kind="stable")
    for rank, token in enumerate(order[:-1]):
        if alone[token] <= best.jsd:
            break
        others = order[rank + 1 :]
        for side in (low, high):
            if math.isinf(side):
                continue
            crossing = others[(evidence[others] < side) != (evidence[token] < side)]
            crossing = crossing[evidence[crossing] != evidence[token]]
            if not len(crossing):
                continue
            share = np.clip((side - evidence[crossing]) / (evidence[token] - evidence[crossing]), 0.0, 1.0)
            value = on_edge(alpha[token], alpha[crossing], share)
            at = int(value.argmax())
            if value[at] > best.jsd:
                best = Adversary(float(value[at]), int(token), int(crossing[at]), float(share[at]))
    return best._replace(jsd=min(max(best.jsd, 0.0), LN2))


def on_edge(first: _Numbers, second: _Numbers, share: _Numbers) -> Any:
    """JSD from the own attention of `share` on one token and the rest on another, whose own weights are given.

    Arrays or numbers that broadcast, and what comes of them.

    All other tokens lose their weight; what is left of the definition is ln 2 and six numbers of the form x ln x.
    """
    rest = 1 - share
    own = _xlogx(first) + _xlogx(second)
    return LN2 + 0.5 * (own + _xlogx(share) + _xlogx(rest) - _xlogx(first + share) - _xlogx(second + rest))


def _xlogx(x: _Numbers) -> Any:
    return x * np.log(np.maximum(x, _SMALLEST))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
