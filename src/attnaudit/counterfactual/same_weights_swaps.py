"""Re-assignments within the slab that are far: all of them counted out, or a mix of two improved swap by swap."""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from jaxtyping import Int

from attnaudit.counterfactual.same_weights_problem import Order, Problem, Reassignment

_GAIN = 1e-12
"""Nats that a swap must gain, so that rounding cannot go round in circles."""


def counted_out(problem: Problem) -> Reassignment:
    """The furthest allowed re-assignment of a handful of tokens, exactly."""
    orders = _all_orders(len(problem.alpha))
    logits = problem.alpha[orders] @ problem.evidence
    jsd = problem.gain[np.arange(len(problem.alpha)), orders].sum(axis=1)
    jsd[(logits < problem.low) | (logits > problem.high)] = -1.0
    jsd[0] = 0.0  # the own order, whatever rounding says of its logit
    best = int(jsd.argmax())
    return Reassignment(orders[best], float(jsd[best]), float(jsd[best]))


def improved(problem: Problem, order: Order, *, further: bool = True) -> Order:
    """The given re-assignment brought inside the slab and made further by swaps of two tokens' weights.

    A swap changes JSD and logit in a few operations, so each round looks at all n². Inside, it takes the swap that
    gains most and stays inside; outside, the one that comes inside at the least cost, or else the cheapest of those
    that come at least halfway to the nearest. Ends where no swap helps, which may be outside; with
    `further` false, as soon as it is inside.
    """
    order = order.copy()
    n = len(order)
    for _ in range(10 * n):
        at = problem.at(order)
        now = max(problem.low - at, at - problem.high, 0.0)
        if now == 0 and not further:
            break
        weights = problem.alpha[order]
        got = problem.gain[:, order]
        had = got.diagonal()
        gain = got + got.T - had[:, None] - had
        logit = at + (problem.evidence[:, None] - problem.evidence) * (weights - weights[:, None])
        beyond = np.maximum(np.maximum(problem.low - logit, logit - problem.high), 0.0)
        nearest = float(beyond.min())
        if nearest >= now * (1 - _GAIN) and now > 0:
            break
        gain[beyond > (0.5 * (now + nearest) if nearest > 0 else 0.0)] = -np.inf
        first, second = divmod(int(gain.argmax()), n)
        if now == 0 and gain[first, second] <= _GAIN:
            break
        order[[first, second]] = order[[second, first]]
    return order


def mixed(problem: Problem, outside: Order, inside: Order) -> Order:
    """`inside`, with as much of `outside` as keeps below the slab's upper side.

    The two differ by cycles, each of which can be taken from either; those that gain most are tried first.
    """
    order, at = inside.copy(), problem.at(inside)
    rows = []
    for cycle in _cycles(outside, inside):
        further = problem.gain[cycle, outside[cycle]].sum() - problem.gain[cycle, inside[cycle]].sum()
        moved = problem.evidence[cycle] @ (problem.alpha[outside[cycle]] - problem.alpha[inside[cycle]])
        rows.append((float(further), float(moved), cycle))
    for further, moved, cycle in sorted(rows, key=lambda row: -row[0]):
        if further > 0 and at + moved <= problem.high:
            order[cycle] = outside[cycle]
            at += moved
    return order


def _cycles(a: Order, b: Order) -> list[Int[np.ndarray, " member"]]:
    """Sets of tokens among which both give out the same weights, as small as can be, where they differ."""
    holder = np.empty_like(a)
    holder[a] = np.arange(len(a))
    following = holder[b].tolist()  # who has in `a` what this token has in `b`
    left = set(np.flatnonzero(a != b).tolist())
    cycles = []
    while left:
        cycle, token = [], min(left)
        while token in left:
            left.remove(token)
            cycle.append(token)
            token = following[token]
        cycles.append(np.array(cycle))
    return cycles


@cache
def _all_orders(n: int) -> Int[np.ndarray, "order token"]:
    """All n! permutations, the own order first."""
    return np.array(list(permutations(range(n))))
