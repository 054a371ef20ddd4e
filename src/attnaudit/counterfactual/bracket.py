"""A certified bracket of ε-max JSD where no exact solution is known: several outputs, or a tanh before them.

The question is that of `exact`: among all attentions whose output stays within ε (TVD) of the model's own, how far
(JSD) can one be? What is allowed is no longer a polytope. So one attention is found that is far (`bracket_lower`),
and it is proved that none is further than so much (`bracket_upper`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnaudit.counterfactual.bracket_lower import farther, farthest_found
from attnaudit.counterfactual.bracket_problem import Problem
from attnaudit.counterfactual.bracket_relaxation import Relaxation
from attnaudit.counterfactual.bracket_upper import CLOSED, BranchAndBound
from attnaudit.readout import LinearReadout, Readout
from attnaudit.stats.divergence import LN2

_ROUNDING = 1e-9
_OPEN = 0.01


@dataclass(frozen=True, slots=True)
class Bracket:
    """`lower` ≤ ε-max JSD ≤ `upper`, in nats ∈ [0, ln 2].

    `weights` is an allowed attention at distance `lower`; `trivial` is the largest distance with no regard to the
    output, that of all weight on the token with the least attention.
    """

    lower: float
    upper: float
    weights: Float[np.ndarray, " token"]
    trivial: float

    @property
    def exact(self) -> bool:
        """Whether the two bounds meet, to 1e-6."""
        return self.upper - self.lower <= CLOSED


def bracket(
    attention: Float[np.ndarray, " token"], readout: Readout, epsilon: float, *, nodes: int = 7
) -> Bracket:
    """The bracket of one instance; `nodes` limits the regions of branch and bound, and more never loosen `upper`.

    A linear read-out of two classes is solved exactly, with n² numbers in memory; `exact` spares long texts that.

    Source: Jain & Wallace 2019, section 4.2.2 (the question); the method is ours, see `docs/methods.md`.
    Oracle: brute force over dense grids on few tokens, the exact solution where the read-out is linear and binary.
    """
    problem, relaxation = Problem(attention, readout, epsilon), Relaxation(attention, readout, epsilon)
    trivial = float(problem.edges.alone.max())
    if len(attention) == 1:
        return Bracket(0.0, 0.0, attention, 0.0)
    if isinstance(readout, LinearReadout) and len(readout.bias) == 2:
        weights = problem.edges.vertex(relaxation.ratios())
        weights = attention if weights is None else weights
        upper = float(problem.jsd(weights))
    else:
        weights = farthest_found(problem)
        upper = trivial
        if relaxation.binding:
            search = BranchAndBound(problem.edges, relaxation, float(problem.jsd(weights)))
            upper = min(trivial, search.upper(nodes))
        if upper - problem.jsd(weights) > _OPEN * upper:
            weights = farther(problem, weights)
    lower = float(problem.jsd(weights))
    return Bracket(lower, min(max(lower, upper) + _ROUNDING, LN2), weights, trivial)
