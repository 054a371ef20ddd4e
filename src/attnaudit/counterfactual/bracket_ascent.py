"""From an attention, allowed or not, to one that is allowed and as far as can be reached from there.

Sequential linear programming: JSD and the output are replaced by their tangents, what is farthest then within a part
of the simplex is found exactly, and is gone to if it is allowed in truth. JSD is convex, so this climbs to corners
of what is allowed; where K classes share the output, such corners mix up to K tokens, and edges do not have them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from attnaudit.counterfactual.bracket_problem import Problem
from attnaudit.counterfactual.bracket_program import Program
from attnaudit.readout import probabilities

_STEPS = 12
_MOST_FACES = 14
_CORRECTIONS = 3
_SHRINK, _GROW = 0.4, 2.0
_SMALLEST = 1e-3
_ENOUGH = 1e-5
_LEEWAY = 1.0005

_DRAWN = 256
_PRICE = 6.0
_SPREAD = 3.0


def starts(problem: Problem, count: int) -> Float[np.ndarray, "start token"]:
    """The most promising of many random attentions, half of them near the own one and half anywhere.

    A longer list begins with the shorter ones.
    """
    draw = np.random.default_rng(0)
    shape = (_DRAWN, len(problem.own))
    logits = np.log(draw.uniform(1e-6, 1.0, shape)) + draw.normal(0.0, _SPREAD, shape)
    logits[1::2] = np.log(problem.own + 1e-3) + draw.normal(0.0, 1.0, shape)[1::2]
    weights = probabilities(logits)
    excess = np.maximum(problem.tvd(weights @ problem.features) - problem.epsilon, 0.0)
    promise = problem.jsd(weights) - _PRICE * excess
    anywhere, near = (kind[np.argsort(-promise[kind])] for kind in np.arange(_DRAWN).reshape(-1, 2).T)
    return weights[np.stack([anywhere, near], axis=1).ravel()[:count]]


def ascend(problem: Problem, weights: Float[np.ndarray, " token"]) -> Float[np.ndarray, " token"]:
    """An allowed attention no nearer than the given one, if that is allowed; the model's own where none is reached.

    Costs no forward pass; a few dozen small linear programs.
    """
    allowed = bool(problem.allowed(weights @ problem.features))
    value = float(problem.jsd(weights)) if allowed else -1.0
    radius = 1.0
    for _ in range(_STEPS):
        step = _step(problem, weights, value, radius)
        if step is None:
            break
        before, (weights, value, radius) = value, step
        radius = min(1.0, _GROW * radius)
        if before >= 0 and value - before < _ENOUGH:
            break
    return weights if value >= 0 else problem.own


def _step(
    problem: Problem, weights: Float[np.ndarray, " token"], value: float, radius: float
) -> tuple[Float[np.ndarray, " token"], float, float] | None:
    """A farther allowed attention, its JSD, and the radius at which it was found; None where there is none.

    From an attention that is not allowed (`value` below 0), one that may not be so either, with JSD −1.
    """
    gain, slope = problem.jsd_slope(weights), problem.output_slope(weights)
    here = problem.moved(weights @ problem.features)
    while radius > _SMALLEST:
        moved, there = here, None
        for _ in range(_CORRECTIONS):
            target = farthest(gain, radius * slope, moved - radius * (slope @ weights), problem.epsilon)
            if target is None:
                break
            there = weights + radius * (target - weights)
            arrived = problem.moved(there @ problem.features)
            if 0.5 * np.abs(arrived).sum() <= problem.epsilon:
                reached = float(problem.jsd(there))
                if reached > value:
                    return there, reached, radius
                break
            # The tangent was wrong by so much; the same step again, with that put right.
            moved = arrived - radius * (slope @ (target - weights))
        if value < 0 and there is not None:
            return there, -1.0, radius
        radius *= _SHRINK
    return None


def farthest(
    gain: Float[np.ndarray, " token"],
    slope: Float[np.ndarray, "output token"],
    constant: Float[np.ndarray, " output"],
    epsilon: float,
) -> Float[np.ndarray, " token"] | None:
    """The β with the largest gain · β where ½ Σ |slope · β + constant| ≤ ε; None where no β is.

    That bound is one of half-spaces, a combination of signs each; those are added that the answer so far violates.
    """
    program = Program(gain, _MOST_FACES)
    while True:
        moved = slope @ program.weights + constant
        if 0.5 * np.abs(moved).sum() <= _LEEWAY * epsilon or program.full:
            return program.weights
        signs = 0.5 * np.sign(moved)
        face = epsilon - signs @ constant - signs @ slope
        program.add(face / np.abs(face).max())
        if program.empty:
            return None
