"""An upper bound for the same-weights question: the slab priced into an assignment problem (Lagrangian relaxation).

For every price μ ≥ 0 of the logit, max over all permutations of JSD − μ (logit − high) is at least the constrained
maximum, and is a linear assignment. As a function of μ it is the upper envelope of lines, one a permutation, hence
convex.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment

from attnaudit.counterfactual.same_weights_problem import CLOSE, Order, Problem

ASSIGNMENTS = 20
"""At most so many prices are tried; a handful suffices nearly always."""

_ROUNDING = 1e-12


class Bound(NamedTuple):
    """`upper` (nats) is exceeded by no allowed re-assignment; the two are best at its price, above `high` and not."""

    upper: float
    outside: Order
    inside: Order


def bounded(problem: Problem, *, outside: Order, inside: Order) -> Bound:
    """The least upper bound over prices, to `CLOSE`.

    Two permutations, one above `high` and one not, are two lines of the envelope. Where they cross is the next price:
    if no line is above the crossing, that is the minimum, else the line found there replaces the one on its side
    (Handler & Zang 1980). The crossing is a lower bound of the minimum, so it is known when to stop.
    """
    high = problem.high
    upper, least = problem.jsd(outside), problem.jsd(inside)
    priced, potentials = np.outer(problem.evidence, problem.alpha), _potentials(problem)
    for _ in range(ASSIGNMENTS):
        above, below = problem.at(outside) - high, problem.at(inside) - high
        price = max(problem.jsd(outside) - problem.jsd(inside), 0.0) / (above - below)
        crossing = problem.jsd(outside) - price * above
        if not math.isfinite(price) or upper - max(crossing, least) <= CLOSE:
            break
        worth = problem.gain - price * priced - potentials
        # What is taken from a row or a column changes no choice, and near 0 the assignment is many times faster.
        worth -= worth.max(axis=1, keepdims=True)
        order = linear_sum_assignment(worth, maximize=True)[1]
        over = problem.at(order) - high
        value = problem.jsd(order) - price * over
        upper = min(upper, value + _ROUNDING * (1 + price * problem.steepest))
        if problem.allows(order):
            least = max(least, problem.jsd(order))
        if over > 0:
            outside = order
        else:
            inside = order
    return Bound(upper, outside, inside)


def _potentials(problem: Problem) -> Float[np.ndarray, " token"]:
    """Prices of the weights at which the reversed order is best for every token when the logit is free.

    `gain` is a Monge array along the sorted weights, so it is enough that neighbours would not change places.
    """
    ranked = np.argsort(problem.alpha, kind="stable")
    # Rows in the order of the weights they get, so that the diagonal is the reversed order.
    gain = problem.gain[ranked[::-1]][:, ranked]
    here, following = gain.diagonal(), gain.diagonal(1)
    step = 0.5 * ((following - here[:-1]) + (here[1:] - gain.diagonal(-1)))
    potentials = np.zeros(len(ranked))
    potentials[ranked[1:]] = np.cumsum(step)
    return potentials
