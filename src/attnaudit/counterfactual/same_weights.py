"""The same weights on other tokens: the re-assignment furthest from the model's own attention within ε.

ε-max JSD may pile all weight on two tokens, and for long texts such an attention nearly always exists. Here the
multiset of weights is kept, so sharpness and entropy are the model's own; what may change is which token has which.
With f(a, b) one token's part of the JSD, the question is: maximise Σ f(α_t, α_π(t)) over permutations π with
lo ≤ Σ s_t α_π(t) ≤ hi. f is submodular, so without the slab the reversed order is the maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from attnaudit.case import Case, cases
from attnaudit.core import Batch, Trace
from attnaudit.counterfactual.exact import slab
from attnaudit.counterfactual.outcome import Rows, epsilon_of
from attnaudit.counterfactual.same_weights_bound import bounded
from attnaudit.counterfactual.same_weights_branch import branched
from attnaudit.counterfactual.same_weights_problem import Problem, Reassignment, part, reversed_order, tight
from attnaudit.counterfactual.same_weights_swaps import counted_out, improved, mixed
from attnaudit.models.interface import AuditedModel
from attnaudit.stats.divergence import LN2, jensen_shannon_divergence
from attnaudit.stats.draws import generator

COUNTED = 7
"""Up to so many tokens all n! re-assignments are counted out."""

THOROUGH = 100
"""Up to so many tokens bounds that are still apart are drawn together by branch and bound."""

NODES = 500
"""So many branches it may look at, a text."""

LONG = 200
"""Texts of more tokens are solved on a sample."""

LONGEST = 1000
"""Texts of more tokens are not solved."""


@dataclass(frozen=True, slots=True)
class SameWeights:
    """The re-assignment of the model's own weights furthest from them whose output stays within `epsilon`.

    One row an instance: `attention_jsd` in nats ∈ [0, ln 2] is that of the re-assignment that was found and is
    stored, `certified_upper_jsd` a bound that none exceeds; where they meet, the value is exact. Linear binary
    read-outs only, else `unsupported`. Up to 200 tokens every text is solved; of 201 to 1,000 a share of
    `long_share`, drawn for each text by itself (the others are `not_run`); longer ones are over `budget`.
    Source: the question is that of Jain & Wallace 2019, section 4.2.2, with the weights kept; relaxing one
    constraint of an assignment problem is Lagrangian relaxation (Fisher 1981), see `docs/methods.md`.
    Oracle: all n! re-assignments of short texts, and random ones within ε of longer ones.
    """

    epsilon: float | None = None
    long_share: float = 0.1

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs no forward pass beyond the trace; milliseconds at 20 tokens, some ten at 180, a second at 1,000."""
        epsilon = epsilon_of(self.epsilon, batch)
        rows = Rows("same_weights", model.sites[0].name, epsilon)
        for case in cases(model, batch, trace, needed_by="same_weights"):
            if status := self._left_out(case, seed):
                rows.add_undefined(case, status)
                continue
            found = furthest_reassignment(case.attention, *slab(case, epsilon))
            weights = case.attention[found.order][None]
            # As the row has it: the same sum in another order of tokens may round above the bound.
            jsd = float(np.asarray(jensen_shannon_divergence(weights, case.attention))[0])
            rows.add(case, weights, keep_weights=True, upper=[max(found.upper, jsd)])
        return rows.table()

    def _left_out(self, case: Case, seed: int) -> str:
        """Why this text is not solved; empty where it is."""
        n = len(case.attention)
        if case.binary is None:
            return "unsupported"
        if n < 2:
            return "too_short"
        if n > LONGEST:
            return "budget"
        drawn = n <= LONG or generator(seed, case.instance_id, "same_weights").random() < self.long_share
        return "" if drawn else "not_run"


def furthest_reassignment(
    alpha: Float[np.ndarray, " token"], evidence: Float[np.ndarray, " token"], low: float, high: float
) -> Reassignment:
    """The furthest re-assignment with low ≤ evidence · weights ≤ high, between two bounds.

    Args:
        alpha: the model's own weights, which are within the slab; they sum to 1.
        evidence: how much the logit gains for a unit of weight on each token.
        low: least allowed evidence · weights; may be −∞.
        high: largest allowed; may be ∞.
    """
    order = reversed_order(alpha)
    # With the own attention at 0 no digits are lost to a large logit.
    own = float(evidence @ alpha)
    shifted, low, high = evidence - own, min(low - own, 0.0), max(high - own, 0.0)
    at = float(shifted @ alpha[order])
    if low <= at <= high:
        jsd = min(float(part(alpha, alpha[order]).sum()), LN2)
        return Reassignment(order, jsd, jsd)
    problem = Problem.of(alpha, shifted, low, high) if at > high else Problem.of(alpha, -shifted, -high, -low)
    return counted_out(problem) if len(alpha) <= COUNTED else relaxed(problem)


def relaxed(problem: Problem, *, nodes: int = NODES) -> Reassignment:
    """Both bounds where the reversed order pushes the logit above the slab, by relaxation, repair and swaps."""
    own, order = np.arange(len(problem.alpha)), reversed_order(problem.alpha)
    best = problem.best(own, improved(problem, order, further=False))
    bound = bounded(problem, outside=order, inside=best)
    best = problem.best(best, bound.inside)
    for start in (mixed(problem, bound.outside, bound.inside), bound.outside, bound.inside, best, own):
        best = problem.best(best, improved(problem, start))
        if tight(problem.jsd(best), bound.upper):
            break
    jsd = problem.jsd(best)
    upper = min(max(bound.upper, jsd), LN2)
    if len(own) > THOROUGH or tight(jsd, upper):
        return Reassignment(best, jsd, upper)
    return branched(problem, best, upper, nodes=nodes)
