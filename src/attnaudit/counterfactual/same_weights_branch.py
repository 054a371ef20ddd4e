"""Branch and bound for the same-weights question in short texts, where one large weight makes the relaxation loose.

The relaxation in effect mixes re-assignments; where few weights dominate, none such exists. So it is decided
first where the largest weight goes, then the next, and each branch is bounded by the same relaxation of what is left.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment

from attnaudit.counterfactual.same_weights_problem import CLOSE, Order, Problem, Reassignment, tight
from attnaudit.counterfactual.same_weights_swaps import improved

_ROUNDING = 1e-12
_PRICES = 8


def branched(problem: Problem, known: Order, upper: float, *, nodes: int) -> Reassignment:
    """Both bounds, drawn together by looking at `nodes` branches at most, the one with the largest bound first.

    A branch is the tokens that get the largest weights, in order of weight. It enters with the bound at its parent's
    price, and is bounded at prices of its own when its turn comes.
    """
    ranked, number = np.argsort(-problem.alpha, kind="stable"), count()
    best, jsd = known, problem.jsd(known)
    heap: list[tuple[float, int, tuple[int, ...]]] = [(-upper, next(number), ())]
    while heap and nodes > 0 and not tight(jsd, -heap[0][0]):
        entered, _, taken = heapq.heappop(heap)
        branch = _Branch.of(problem, ranked, taken)
        bound, price, found = branch.bounded(jsd)
        nodes -= 1
        for order in found:
            best = problem.best(best, improved(problem, order))
        jsd = problem.jsd(best)
        for token, below in branch.children(price) if bound > jsd + CLOSE else ():
            nodes -= 1
            if (least := min(below, bound, -entered)) > jsd + CLOSE:
                heapq.heappush(heap, (-least, next(number), (*taken, token)))
    # What was left out was at most `CLOSE` above the best of its time.
    left = max(jsd + CLOSE, -heap[0][0] if heap else 0.0)
    return Reassignment(best, jsd, max(jsd, min(upper, left)))


@dataclass(frozen=True, slots=True)
class _Branch:
    """What is left of a problem when the largest weights have been given to the tokens `taken`.

    `sure` nats and `moved` logits are settled; `gain` and `priced` are what each free weight would add to them on
    each free token.
    """

    problem: Problem
    ranked: Order
    taken: Int[np.ndarray, " gone"]
    tokens: Int[np.ndarray, " left"]
    weights: Int[np.ndarray, " left"]
    gain: Float[np.ndarray, "left left"]
    priced: Float[np.ndarray, "left left"]
    sure: float
    moved: float

    @classmethod
    def of(cls, problem: Problem, ranked: Order, taken: tuple[int, ...]) -> _Branch:
        """With the weights `ranked`, the largest first."""
        gone, at = ranked[: len(taken)], np.array(taken, dtype=int)
        weights, tokens = ranked[len(taken) :], np.setdiff1d(ranked, at)
        return cls(
            problem,
            ranked,
            at,
            tokens,
            weights,
            gain=problem.gain[np.ix_(tokens, weights)],
            priced=np.outer(problem.evidence[tokens], problem.alpha[weights]),
            sure=float(problem.gain[at, gone].sum()),
            moved=float(problem.evidence[at] @ problem.alpha[gone]),
        )

    def children(self, price: float) -> Iterator[tuple[int, float]]:
        """Each token that may get the next weight, and the bound at this price if it does."""
        worth, rest = self._worth(price)
        for row, token in enumerate(self.tokens.tolist()):
            left = np.delete(worth[:, 1:], row, axis=0)
            rows, columns = linear_sum_assignment(left, maximize=True)
            yield token, rest + float(worth[row, 0] + left[rows, columns].sum())

    def at_price(self, price: float) -> tuple[float, Order]:
        """The bound at a price of the logit (below 0 a price of the other side), and the re-assignment best at it."""
        worth, rest = self._worth(price)
        rows, columns = linear_sum_assignment(worth, maximize=True)
        order = np.empty_like(self.ranked)
        order[self.taken] = self.ranked[: len(self.taken)]
        order[self.tokens[rows]] = self.weights[columns]
        return rest + float(worth[rows, columns].sum()), order

    def _worth(self, price: float) -> tuple[np.ndarray, float]:
        """What each free weight is worth on each free token, and what is to be added to the sum of them."""
        side = self.problem.high if price > 0 else self.problem.low
        rest = self.sure - (price * (self.moved - side) if price else 0.0)
        return self.gain - price * self.priced, rest + _ROUNDING * (1 + abs(price) * self.problem.steepest)

    def bounded(self, enough: float) -> tuple[float, float, list[Order]]:
        """The least bound over prices, its price, and what was best on either side; −∞ where nothing is allowed.

        Ends early where the bound is no longer above `enough`.
        """
        problem = self.problem
        upper, order = self.at_price(0.0)
        if problem.allows(order):
            return upper, 0.0, [order]
        above = problem.at(order) > problem.high
        sign, side = (1.0, problem.high) if above else (-1.0, -problem.low)
        # Largest weights to the tokens that pull the logit back most: nothing comes nearer.
        back = order.copy()
        by_pull = self.tokens[np.argsort(sign * problem.evidence[self.tokens], kind="stable")]
        back[by_pull] = self.weights
        if sign * problem.at(back) > side + _ROUNDING * (1 + problem.steepest):
            return -math.inf, 0.0, []
        outside, inside, best = order, back, 0.0
        for _ in range(_PRICES):
            over, under = sign * problem.at(outside) - side, sign * problem.at(inside) - side
            price = (problem.jsd(outside) - problem.jsd(inside)) / max(over - under, _ROUNDING)
            crossing = problem.jsd(outside) - price * over
            if price <= 0 or upper - crossing <= CLOSE or upper <= enough:
                break
            value, order = self.at_price(sign * price)
            if value < upper:
                upper, best = value, sign * price
            if sign * problem.at(order) > side:
                outside = order
            else:
                inside = order
        return upper, best, [outside, inside]
