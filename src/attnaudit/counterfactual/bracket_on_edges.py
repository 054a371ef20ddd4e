"""The farthest allowed attentions with all weight on one token or two, where the answer lies if the output is sure.

JSD is convex along an edge, so it is largest at an end of a stretch of allowed attentions: those ends are looked for
on a grid and then more closely, on all edges that may be better than the best so far at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from attnaudit.counterfactual.bracket_edges import Edges, on_edge
from attnaudit.counterfactual.bracket_problem import Problem

_GRID = np.linspace(0.0, 1.0, 14)
_MOST_POINTS = 24_000
_EDGES_AT_ONCE = 512
_ENDS_AT_ONCE = 96
_ZOOM = np.linspace(0.0, 1.0, 11)
_ZOOMS = 8
_DIVES = 3
_KEPT = 2


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
