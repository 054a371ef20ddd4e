"""Branch and bound for the same-weights question in short texts, where one large weight makes the relaxation loose.

A weight goes to one token or another and cannot be shared, which the relaxation overlooks. So it is decided first where the
largest weight goes, then the next, and each branch is bounded by the same relaxation of what is left.
"""

from __future__ import annotations

import heapq
import math
from itertools import count

import numpy as np
from scipy.optimize import linear_sum_assignment

from attnaudit.counterfactual.same_weights_problem import CLOSE, Order, Problem, Reassignment
from attnaudit.counterfactual.same_weights_swaps import improved

TIGHT = 0.005
"""Bounds that differ by less than this share of the upper one are near enough for a text; the work ends there."""

_ROUNDING = 1e-12
_PRICES = 8


def branched(problem: Problem, known: Order, upper: float, *, nodes: int) -> Reassignment:
    """Both bounds, drawn together by looking at `nodes` branches at most, the one with the largest bound first.

    A branch is (bound, tokens that get the largest weights, in order of weight). It enters with the bound at its parent's
    price, and is bounded at prices of its own when its turn comes.
    """
    ranked, number = np.argsort(-problem.alpha, kind="stable"), count()
    best, jsd = known, problem.jsd(known)
    heap: list[tuple[float, int, tuple[int, ...], float | None]] = [(-upper, next(number), (), None)]
    while heap and -heap[0][0] * (1 - TIGHT) > jsd + CLOSE and nodes > 0:
        entered, _, taken, price = heapq.heappop(heap)
        branch = _Branch(problem, ranked, taken)
        bound, price, found = branch.bounded(jsd)
        nodes -= 1
        for order in found:
            best = problem.best(best, improved(problem, order))
        jsd = problem.jsd(best)
        bound = min(bound, -entered)
        if bound <= jsd + CLOSE:
            continue
        for child in branch.children():
            least, order = child.at_price(price)
            best = problem.best(best, order)
            if min(least, bound) > jsd + CLOSE:
                heapq.heappush(heap, (-min(least, bound), next(number), child.taken, price))
            nodes -= 1
        jsd = problem.jsd(best)
    upper = max(jsd, -heap[0][0]) if heap else jsd
    return Reassignment(best, jsd, upper)


class _Branch:
    """What is left of a problem when the largest weights have been given to the tokens `taken`."""

    def __init__(self, problem: Problem, ranked: np.ndarray, taken: tuple[int, ...]) -> None:
        self.problem, self.ranked, self.taken = problem, ranked, taken
        self.tokens = np.setdiff1d(np.arange(len(ranked)), taken)
        self.weights = ranked[len(taken) :]
        self.gain = problem.gain[np.ix_(self.tokens, self.weights)]
        self.priced = np.outer(problem.evidence[self.tokens], problem.alpha[self.weights])
        at = np.array(taken, dtype=int)
        self.sure = float(problem.gain[at, ranked[: len(at)]].sum())
        self.moved = float(problem.evidence[at] @ problem.alpha[ranked[: len(at)]])
        self.steep = float(np.abs(problem.evidence).max())

    def children(self) -> list[_Branch]:
        """One a token that may get the next weight."""
        if len(self.weights) < 2:
            return []
        return [_Branch(self.problem, self.ranked, (*self.taken, int(token))) for token in self.tokens]

    def at_price(self, price: float) -> tuple[float, Order]:
        """The bound at a price of the logit (below 0 a price of the other side), and the re-assignment best at it."""
        rows, columns = linear_sum_assignment(self.gain - price * self.priced, maximize=True)
        order = np.empty_like(self.ranked)
        order[list(self.taken)] = self.ranked[: len(self.taken)]
        order[self.tokens[rows]] = self.weights[columns]
        value = self.sure + self.gain[rows, columns].sum()
        if price:
            side = self.problem.high if price > 0 else self.problem.low
            value -= price * (self.moved + self.priced[rows, columns].sum() - side)
        return float(value) + _ROUNDING * (1 + abs(price) * self.steep), order

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
        if sign * problem.at(back) > side + _ROUNDING * (1 + self.steep):
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
