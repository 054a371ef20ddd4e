"""ε-max JSD of a linear binary read-out, solved exactly.

The question: among all attentions whose output stays within ε (TVD) of the model's own, how far (JSD) can one be?
With logit(β) = s·β + b the allowed β are the simplex cut by the slab lo ≤ s·β ≤ hi. JSD from α is convex, so
its largest value is at a vertex of that polytope, and a vertex has at most two non-zero weights: all on one token
inside the slab, or on the point of an edge between two tokens where it crosses a side of the slab.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from scipy.special import rel_entr

from attnaudit.core import Batch, Trace
from attnaudit.counterfactual.outcome import Case, Rows, cases, epsilon_of
from attnaudit.models.interface import AuditedModel
from attnaudit.stats.divergence import LN2


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


@dataclass(frozen=True, slots=True)
class AdversarialExact:
    """The attention furthest from the model's own whose output stays within `epsilon` of it. One row an instance.

    JSD in nats ∈ [0, ln 2], certified: no attention within ε is further away. The attention is stored.
    Source: Jain & Wallace 2019, section 4.2.2 (the question); the solution is ours, see `docs/methods.md`.
    Oracle: all vertices of the polytope, counted out; a linear-programming description of its feasibility.
    """

    epsilon: float | None = None

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs no forward pass beyond the trace; n² operations an instance at worst, usually a few times n."""
        epsilon = epsilon_of(self.epsilon, batch)
        rows = Rows("adversarial_exact", model.sites[0].name, epsilon)
        for case in cases(model, batch, trace, needed_by="adversarial_exact"):
            if case.binary is None:
                rows.add_undefined(case, "unsupported")
            elif len(case.attention) < 2:
                rows.add_undefined(case, "too_short")
            else:
                adversary = farthest_within(case, epsilon)
                weights = adversary.weights(case.attention)
                rows.add(case, weights[None], keep_weights=True, upper=[adversary.jsd])
        return rows.table()


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
    alone = 0.5 * (1 - alpha) * LN2 + _part(alpha, np.ones_like(alpha))
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
            value = 0.5 * np.maximum(1 - alpha[token] - alpha[crossing], 0.0) * LN2
            value += _part(np.full(len(crossing), alpha[token]), share) + _part(alpha[crossing], 1 - share)
            at = int(value.argmax())
            if value[at] > best.jsd:
                best = Adversary(float(value[at]), int(token), int(crossing[at]), float(share[at]))
    return best._replace(jsd=min(best.jsd, LN2))


def _part(a: Float[np.ndarray, " token"], b: Float[np.ndarray, " token"]) -> Float[np.ndarray, " token"]:
    """One token's part of the JSD: ½ [a ln(2a/(a+b)) + b ln(2b/(a+b))], by continuity at 0."""
    middle = 0.5 * (a + b)
    return 0.5 * (rel_entr(a, middle) + rel_entr(b, middle))


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))
