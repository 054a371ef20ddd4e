"""A lower bound on ε-max JSD: attentions that are far away and whose output is within ε.

First on the edges of the simplex, then by steps of linear programs from the best of those and from a few random
attentions, then along lines from the best of all.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from attnaudit.counterfactual.bracket_ascent import ascend, farthest, starts
from attnaudit.counterfactual.bracket_on_edges import best_on_edges
from attnaudit.counterfactual.bracket_problem import Problem

_FEW, _MANY = 4, 24
_KEPT = 4
_DIGITS = 5
_LINES = 0.65 ** np.arange(10)
_SHARES = 1.0, 0.98, 0.9, 0.7, 0.1
_FIRST_ROUNDS, _ROUNDS = 6, 20
_MOST_TARGETS = 24
_SOURCES = 5
_GAIN = 1e-6
_ZOOM = np.linspace(0.0, 1.0, 11)
_ZOOMS = 4


def farthest_found(problem: Problem) -> Float[np.ndarray, " token"]:
    """The farthest allowed attention of all that were tried; the model's own when there is no other.

    Oracle: dense grids over the edges, and over the whole simplex of three tokens.
    """
    on_edges = best_on_edges(problem)
    if on_edges and problem.jsd(on_edges[0]) >= problem.edges.alone.max() - _GAIN:
        return on_edges[0]
    tried = [problem.own, *on_edges, *starts(problem, _FEW)]
    return _best(problem, [*on_edges, *(ascend(problem, weights) for weights in tried)])


def farther(problem: Problem, weights: Float[np.ndarray, " token"]) -> Float[np.ndarray, " token"]:
    """The given allowed attention, or a farther one found from many more starts; for where a bracket stays open."""
    return _best(problem, [weights, *(ascend(problem, start) for start in starts(problem, _MANY)[_FEW:])])


def _best(problem: Problem, found: list[Float[np.ndarray, " token"]]) -> Float[np.ndarray, " token"]:
    """The farthest after the farthest few, no two as far as each other, were polished."""
    distance = problem.jsd(np.stack(found)).round(_DIGITS)
    _, first = np.unique(-distance, return_index=True)
    polished = [polish(problem, found[k], _FIRST_ROUNDS) for k in first[:_KEPT]]
    best = max([problem.own, *polished], key=lambda weights: float(problem.jsd(weights)))
    return polish(problem, best, _ROUNDS)


def polish(
    problem: Problem, weights: Float[np.ndarray, " token"], rounds: int
) -> Float[np.ndarray, " token"]:
    """The farthest allowed attention reached by so many straight steps from an allowed one, or fewer."""
    value = float(problem.jsd(weights))
    for _ in range(rounds):
        targets = _targets(problem, weights)
        here, there = weights @ problem.features, targets @ problem.features
        allowed = problem.allowed(here + _LINES[:, None, None] * (there - here))
        lines = np.flatnonzero(allowed.any(axis=0))
        if not len(lines):
            break
        longest = allowed.argmax(axis=0)[lines]
        distance = problem.jsd(weights + _LINES[longest, None] * (targets[lines] - weights))
        top = int(distance.argmax())
        if distance[top] <= value + _GAIN:
            break
        weights = _stretched(problem, weights, targets[lines[top]], int(longest[top]))
        value = float(problem.jsd(weights))
    return weights


def _targets(problem: Problem, weights: Float[np.ndarray, " token"]) -> Float[np.ndarray, "target token"]:
    """Where to go: all weight to one token, one token's weight to another, or the best of the linearised problem."""
    moved, slope = problem.moved(weights @ problem.features), problem.output_slope(weights)
    identity = np.eye(len(weights))
    near = np.argsort(np.sign(moved) @ slope)[:_MOST_TARGETS]
    sources = np.argsort(-weights)[:_SOURCES]
    sources = sources[weights[sources] > 0]
    swapped = weights + weights[sources, None, None] * (identity[near] - identity[sources, None])
    gain, constant = problem.jsd_slope(weights), moved - slope @ weights
    ahead = [farthest(gain, slope, constant, share * problem.epsilon) for share in _SHARES]
    return np.vstack(
        [identity[near], swapped.reshape(-1, len(weights)), *(a for a in ahead if a is not None)]
    )


def _stretched(
    problem: Problem, weights: Float[np.ndarray, " token"], target: Float[np.ndarray, " token"], line: int
) -> Float[np.ndarray, " token"]:
    """How far the step can be taken between one of the lengths tried and the next longer."""
    inside, outside = _LINES[line], _LINES[max(line - 1, 0)]
    here, there = weights @ problem.features, target @ problem.features
    for _ in range(_ZOOMS):
        length = inside + (outside - inside) * _ZOOM
        allowed = problem.allowed(here + length[:, None] * (there - here))
        allowed[0], allowed[-1] = True, False
        last = int(allowed.argmin()) - 1
        inside, outside = length[last], length[last + 1]
    return weights + inside * (target - weights)
