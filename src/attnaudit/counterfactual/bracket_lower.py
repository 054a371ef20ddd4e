"""A lower bound on ε-max JSD: attentions that are far away and whose output is within ε.

First along the edges of the simplex, on which the answer nearly always lies when the output is sure; then, for an
output that hangs on a mixture of tokens, by gradient from a few random attentions; then along lines from the best of
both. JSD is convex along a line, so it is largest at an end of a stretch of allowed attentions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from attnaudit.counterfactual.bracket_edges import Edges, on_edge
from attnaudit.readout import LinearReadout, Readout, probabilities
from attnaudit.stats.divergence import jensen_shannon_divergence

_GRID = np.linspace(0.0, 1.0, 14)
_MOST_POINTS = 24_000
_EDGES_AT_ONCE = 512
_ENDS_AT_ONCE = 96
_ZOOM = np.linspace(0.0, 1.0, 11)
_ZOOMS = 8
_DIVES = 3
_KEPT = 2

_STARTS = 12
_DRAWN = 256
_PRICE = 6.0
_SPREAD = 3.0
_CLIMB = 50
_RATES = 1.0, 0.05
_PENALTY = 30.0
_INNER = 0.97

_LINES = 0.65 ** np.arange(10)
_DEPTHS = 0.0, 0.02, 0.1, 0.3, 1.0
_FIRST_ROUNDS, _ROUNDS = 6, 20
_MOST_TARGETS = 24
_SOURCES = 5
_GAIN = 1e-6
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Slopes:
    """JSD and TVD of several attentions, and how both change with each weight."""

    jsd: Float[np.ndarray, " draw"]
    tvd: Float[np.ndarray, " draw"]
    jsd_slope: Float[np.ndarray, "draw token"]
    tvd_slope: Float[np.ndarray, "draw token"]


class Problem:
    """One instance: how far is an attention, and is its output within ε?

    What enters the tanh, or the logits of a linear read-out, is linear in attention: `features` holds it once for
    all weight on one token, and mixing rows of it is cheaper than starting from attention.
    """

    def __init__(self, own: Float[np.ndarray, " token"], readout: Readout, epsilon: float) -> None:
        self.own, self.epsilon = own, epsilon
        self.edges = Edges(own)
        self._output = probabilities(readout.logits(own))
        if isinstance(readout, LinearReadout):
            self._outer: np.ndarray | None = None
            self._outer_bias: np.ndarray | float = 0.0
            self.features = readout.coefficients.T + readout.bias
        else:
            self._outer, self._outer_bias = readout.outer, readout.outer_bias
            self.features = readout.inner.T + readout.inner_bias

    def tvd(self, features: Float[np.ndarray, "*draw feature"]) -> Float[np.ndarray, "*draw"]:
        """How far the output is from the model's own."""
        return 0.5 * np.abs(probabilities(self._logits(features)) - self._output).sum(axis=-1)

    def allowed(self, features: Float[np.ndarray, "*draw feature"]) -> Bool[np.ndarray, "*draw"]:
        """Whether that is at most ε."""
        return self.tvd(features) <= self.epsilon

    def jsd(self, weights: Float[np.ndarray, "*draw token"]) -> Float[np.ndarray, "*draw"]:
        """How far the attention is from the model's own."""
        return np.asarray(jensen_shannon_divergence(weights, self.own))

    def slopes(self, weights: Float[np.ndarray, "draw token"]) -> Slopes:
        """Both distances and their gradients."""
        middle = np.maximum(0.5 * (self.own + weights), _TINY)
        rise = np.log(np.maximum(weights, _TINY) / middle)
        jsd = 0.5 * ((weights * rise).sum(axis=1) + np.log(np.maximum(self.own, _TINY) / middle) @ self.own)
        features = weights @ self.features
        output = probabilities(self._logits(features))
        moved = output - self._output
        sign = 0.5 * np.sign(moved)
        back = output * (sign - (sign * output).sum(axis=1, keepdims=True))
        if self._outer is not None:
            back = (back @ self._outer) * (1 - np.tanh(features) ** 2)
        return Slopes(jsd, 0.5 * np.abs(moved).sum(axis=1), 0.5 * rise, back @ self.features.T)

    def _logits(self, features: Float[np.ndarray, "*draw feature"]) -> Float[np.ndarray, "*draw output"]:
        return features if self._outer is None else np.tanh(features) @ self._outer.T + self._outer_bias


def farthest_found(problem: Problem) -> Float[np.ndarray, " token"]:
    """The farthest allowed attention of all that were tried; the model's own when there is no other.

    Oracle: dense grids over the edges, and over the whole simplex of three tokens.
    """
    on_edges = best_on_edges(problem)
    if on_edges and problem.jsd(on_edges[0]) >= problem.edges.alone.max() - _GAIN:
        return on_edges[0]
    found = [
        polish(problem, weights, _FIRST_ROUNDS) for weights in on_edges + climb(problem, starts(problem))
    ]
    best = max([problem.own, *found], key=lambda weights: float(problem.jsd(weights)))
    return polish(problem, best, _ROUNDS)


def best_on_edges(problem: Problem) -> list[Float[np.ndarray, " token"]]:
    """The farthest allowed attentions on edges, the farthest first; no two on the same edge."""
    alone = problem.edges.alone
    single = np.where(problem.allowed(problem.features), alone, 0.0)
    best = float(single.max())
    found = {(int(t), int(t)): (float(single[t]), 1.0) for t in np.flatnonzero(single == best) if best > 0}
    for first, second in _edges(problem):
        if np.maximum(alone[first], alone[second]).max() <= best:
            continue
        stretch = _ends(problem, first, second, best)
        for _ in range(_ZOOMS):
            stretch = stretch.hopeful(problem.edges, best)
            if not len(stretch.first):
                break
            stretch = stretch.zoomed(problem)
            value = problem.edges.jsd(stretch.first, stretch.second, stretch.inside)
            for k in np.argsort(-value)[:_KEPT]:
                edge = int(stretch.first[k]), int(stretch.second[k])
                found[edge] = max(found.get(edge, (0.0, 0.0)), (float(value[k]), float(stretch.inside[k])))
            best = max(best, float(value.max()))
    top = sorted(found.items(), key=lambda item: -item[1][0])[:_KEPT]
    return [on_edge(len(alone), *edge, share) for edge, (_, share) in top]


def _edges(problem: Problem) -> Iterator[tuple[Int[np.ndarray, " edge"], Int[np.ndarray, " edge"]]]:
    """Edges by falling bound and, where that is much the same, by how near an end is to being allowed."""
    alone, tvd = problem.edges.alone, problem.tvd(problem.features)
    first, second = np.triu_indices(len(alone), 1)
    bound = np.round(np.maximum(alone[first], alone[second]), 2)
    order = np.lexsort((np.minimum(tvd[first], tvd[second]), -bound))[: _MOST_POINTS // len(_GRID)]
    for start in range(0, len(order), _EDGES_AT_ONCE):
        chunk = order[start : start + _EDGES_AT_ONCE]
        yield first[chunk], second[chunk]


@dataclass(frozen=True, slots=True)
class Ends:
    """Ends of allowed stretches: on edge `first`–`second` share `inside` is allowed and share `outside` is not."""

    first: Int[np.ndarray, " end"]
    second: Int[np.ndarray, " end"]
    inside: Float[np.ndarray, " end"]
    outside: Float[np.ndarray, " end"]

    def joined(self, others: Ends) -> Ends:
        """These and the others."""
        pairs = [
            (getattr(self, name), getattr(others, name)) for name in ("first", "second", "inside", "outside")
        ]
        return Ends(*(np.concatenate(pair) for pair in pairs))

    def hopeful(self, edges: Edges, best: float) -> Ends:
        """Those that may be further than `best`, the most hopeful first."""
        hope = edges.jsd(self.first, self.second, self.outside)
        left = np.flatnonzero(np.maximum(hope, edges.jsd(self.first, self.second, self.inside)) > best)
        left = left[np.argsort(-hope[left])][:_ENDS_AT_ONCE]
        return Ends(self.first[left], self.second[left], self.inside[left], self.outside[left])

    def zoomed(self, problem: Problem) -> Ends:
        """The same ends, ten times closer."""
        share = self.inside[:, None] + (self.outside - self.inside)[:, None] * _ZOOM
        allowed = _tvd_on(problem, self.first, self.second, share) <= problem.epsilon
        allowed[:, 0], allowed[:, -1] = True, False
        rows, last = np.arange(len(share)), allowed.argmin(axis=1) - 1
        return Ends(self.first, self.second, share[rows, last], share[rows, last + 1])


def _ends(
    problem: Problem, first: Int[np.ndarray, " edge"], second: Int[np.ndarray, " edge"], best: float
) -> Ends:
    """The ends seen on a grid. What is no further than `best` is not looked at and counts as not allowed."""
    value = problem.edges.jsd(first[:, None], second[:, None], _GRID)
    edge, at = np.nonzero(value > best)
    tvd = np.full((len(first), len(_GRID) + 2), np.inf)
    tvd[edge, at + 1] = _tvd_on(problem, first[edge], second[edge], _GRID[at, None])[:, 0]
    allowed = tvd[:, 1:-1] <= problem.epsilon
    edge, at = np.nonzero(allowed[:, :-1] != allowed[:, 1:])
    left = allowed[edge, at]
    inside, outside = np.where(left, at, at + 1), np.where(left, at + 1, at)
    seen = Ends(first[edge], second[edge], _GRID[inside], _GRID[outside])
    dips = (tvd[:, 1:-1] <= tvd[:, :-2]) & (tvd[:, 1:-1] <= tvd[:, 2:]) & ~allowed & np.isfinite(tvd[:, 1:-1])
    edge, at = np.nonzero(dips)
    deep = np.argsort(tvd[edge, at + 1])[:_ENDS_AT_ONCE]
    return seen.joined(_dipped(problem, first[edge[deep]], second[edge[deep]], at[deep]))


def _dipped(
    problem: Problem,
    first: Int[np.ndarray, " dip"],
    second: Int[np.ndarray, " dip"],
    at: Int[np.ndarray, " dip"],
) -> Ends:
    """The ends of stretches between two points of the grid, looked for where TVD has a dip."""
    left, right = _GRID[np.maximum(at - 1, 0)], _GRID[np.minimum(at + 1, len(_GRID) - 1)]
    low, high, rows = left, right, np.arange(len(at))
    for _ in range(_DIVES):
        share = low[:, None] + (high - low)[:, None] * _ZOOM
        tvd = _tvd_on(problem, first, second, share)
        least = tvd.argmin(axis=1)
        bottom = share[rows, least]
        low, high = share[rows, np.maximum(least - 1, 0)], share[rows, np.minimum(least + 1, len(_ZOOM) - 1)]
    allowed = np.flatnonzero(tvd[rows, least] <= problem.epsilon)
    both = np.tile(allowed, 2)
    outside = np.concatenate([left[allowed], right[allowed]])
    return Ends(first[both], second[both], bottom[both], outside)


def _tvd_on(
    problem: Problem,
    first: Int[np.ndarray, " edge"],
    second: Int[np.ndarray, " edge"],
    share: Float[np.ndarray, "edge point"],
) -> Float[np.ndarray, "edge point"]:
    """TVD at several points of each edge."""
    one, other = problem.features[first][:, None], problem.features[second][:, None]
    return problem.tvd(share[..., None] * one + (1 - share[..., None]) * other)


def starts(problem: Problem) -> Float[np.ndarray, "start token"]:
    """Logits of attentions to climb from: the most promising of many random ones, near the own one and anywhere."""
    draw = np.random.default_rng(0)
    shape = (_DRAWN, len(problem.own))
    logits = np.log(draw.uniform(1e-6, 1.0, shape)) + draw.normal(0.0, _SPREAD, shape)
    logits[1::2] = np.log(problem.own + 1e-3) + draw.normal(0.0, 1.0, shape)[1::2]
    weights = probabilities(logits)
    excess = np.maximum(problem.tvd(weights @ problem.features) - problem.epsilon, 0.0)
    promise = problem.jsd(weights) - _PRICE * excess
    kinds = np.arange(0, _DRAWN, 2), np.arange(1, _DRAWN, 2)
    best = [kind[np.argsort(-promise[kind])[: _STARTS // 2]] for kind in kinds]
    return logits[np.concatenate(best)]


def climb(problem: Problem, logits: Float[np.ndarray, "start token"]) -> list[Float[np.ndarray, " token"]]:
    """Adam on the logits of attention, away from the model's own, with a price on leaving ε: the best on the way."""
    best, kept = np.zeros(len(logits)), np.tile(problem.own, (len(logits), 1))
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for step in range(1, _CLIMB + 1):
        weights = probabilities(logits)
        now = problem.slopes(weights)
        better = (now.tvd <= problem.epsilon) & (now.jsd > best)
        best[better], kept[better] = now.jsd[better], weights[better]
        # The price starts a little early, so that the path runs along the border on the allowed side.
        outside = (now.tvd > _INNER * problem.epsilon)[:, None]
        slope = _PENALTY * outside * now.tvd_slope - now.jsd_slope
        slope = weights * (slope - (slope * weights).sum(axis=1, keepdims=True))
        mean, square = 0.9 * mean + 0.1 * slope, 0.99 * square + 0.01 * slope * slope
        rate = _RATES[0] * (_RATES[1] / _RATES[0]) ** (step / _CLIMB)
        size = np.sqrt(square / (1 - 0.99**step)) + 1e-9
        logits = logits - rate * mean / (1 - 0.9**step) / size
    return [kept[k] for k in np.argsort(-best)[:_KEPT]]


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
    slopes = problem.slopes(weights[None])
    identity = np.eye(len(weights))
    near = np.argsort(slopes.tvd_slope[0])[:_MOST_TARGETS]
    sources = np.argsort(-weights)[:_SOURCES]
    sources = sources[weights[sources] > 0]
    moved = weights + weights[sources, None, None] * (identity[near] - identity[sources, None])
    rise = slopes.tvd_slope[0] - slopes.tvd_slope[0] @ weights
    room = problem.epsilon - slopes.tvd[0]
    ahead = [_linear(slopes.jsd_slope[0], room - depth * problem.epsilon - rise) for depth in _DEPTHS]
    return np.vstack([identity[near], moved.reshape(-1, len(weights)), *(a for a in ahead if a is not None)])


def _linear(
    gain: Float[np.ndarray, " token"], cut: Float[np.ndarray, " token"]
) -> Float[np.ndarray, "1 token"] | None:
    """The distribution with the largest gain where cut · β ≥ 0; None where there is none."""
    inside, outside = np.flatnonzero(cut >= 0), np.flatnonzero(cut < 0)
    if not len(inside):
        return None
    only = int(inside[gain[inside].argmax()])
    if not len(outside):
        return on_edge(len(cut), only, only, 1.0)[None]
    share = cut[outside] / (cut[outside] - cut[inside, None])
    value = gain[outside] + share * (gain[inside, None] - gain[outside])
    row, column = np.unravel_index(int(value.argmax()), value.shape)
    if value[row, column] <= gain[only]:
        return on_edge(len(cut), only, only, 1.0)[None]
    return on_edge(len(cut), int(inside[row]), int(outside[column]), float(share[row, column]))[None]


def _stretched(
    problem: Problem, weights: Float[np.ndarray, " token"], target: Float[np.ndarray, " token"], line: int
) -> Float[np.ndarray, " token"]:
    """How far the step can be taken between one of the lengths tried and the next longer."""
    inside, outside = _LINES[line], _LINES[max(line - 1, 0)]
    here, there = weights @ problem.features, target @ problem.features
    for _ in range(_ZOOMS // 2):
        length = inside + (outside - inside) * _ZOOM
        allowed = problem.allowed(here + length[:, None] * (there - here))
        allowed[0], allowed[-1] = True, False
        last = int(allowed.argmin()) - 1
        inside, outside = length[last], length[last + 1]
    return weights + inside * (target - weights)
