"""An upper bound on ε-max JSD by branch and bound: how far can attention be, at most, with the output within ε?

In each region of the simplex, half-spaces that hold all allowed attentions are gathered by a linear program and folded
into one, beyond which the largest JSD is known exactly. Where the lines that stand for tanh are too far from it, the
region is split in two at an input of one hidden unit.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnaudit.counterfactual.bracket_edges import Edges
from attnaudit.counterfactual.bracket_program import Program
from attnaudit.counterfactual.bracket_relaxation import Cut, Envelope, Relaxation

CLOSED = 1e-6
"""Bounds this close to each other, in nats, count as met."""

_ROUNDING = 1e-9
_MOST_CUTS = 24
_SHALLOW = 1e-4
_MARGIN = 0.1


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the simplex: where `wall` · β ≥ 0 for every wall, and each unit's input is at most `largest`.

    No allowed attention in it is further away than `bound`; all of them have `fold` · β ≥ 0.
    `split` is the unit and the input at which to split it, None where that would not help.
    """

    bound: float
    largest: Float[np.ndarray, " unit"]
    walls: tuple[Float[np.ndarray, " token"], ...] = ()
    cuts: tuple[Cut, ...] = ()
    fold: Float[np.ndarray, " token"] | None = None
    split: tuple[int, float] | None = None


class BranchAndBound:
    """The search for an upper bound; attentions no further than `floor`, which is reached, are of no interest."""

    def __init__(self, edges: Edges, relaxation: Relaxation, floor: float) -> None:
        self._edges, self._relaxation, self._floor = edges, relaxation, floor
        self._value = edges.chords(floor - _ROUNDING)

    def upper(self, nodes: int) -> float:
        """The bound after at most `nodes` regions were looked at; more never make it worse."""
        closed, made = self._floor, 1
        start = self._bounded(Region(float(self._edges.alone.max()), self._start()))
        heap = [(-start.bound, made, start)]
        while heap and -heap[0][0] > closed:
            region = heap[0][2]
            if region.split is None or region.bound <= self._floor + CLOSED:
                closed = max(closed, region.bound)
                heapq.heappop(heap)
                continue
            if made + 2 > nodes:
                break
            heapq.heappop(heap)
            for half in self._halves(region):
                made += 1
                heapq.heappush(heap, (-half.bound, made, half))
        return max([closed, *(region.bound for _, _, region in heap)])

    def _start(self) -> Float[np.ndarray, " unit"]:
        """The largest inputs of the attentions that are further than the floor."""
        return self._relaxation.within(self._relaxation.hull(), self._value - (self._floor - _ROUNDING))

    def _halves(self, region: Region) -> Iterator[Region]:
        assert region.split is not None
        unit, at = region.split
        above = self._relaxation.inner[unit] + self._relaxation.inner_bias[unit] - at
        above = above / np.abs(above).max()
        for wall in (above + _ROUNDING, _ROUNDING - above):
            largest = self._relaxation.within(region.largest, wall)
            if region.fold is not None:
                largest = self._relaxation.within(largest, region.fold)
            yield self._bounded(
                Region(region.bound, largest, (*region.walls, wall), region.cuts, region.fold)
            )

    def _bounded(self, region: Region) -> Region:
        """The region with its bound, its fold and where to split it."""
        envelope = self._relaxation.envelope(region.largest)
        if (envelope.low > envelope.high).any():
            return Region(self._floor, region.largest)
        program = Program(self._value, len(region.walls) + len(region.cuts) + _MOST_CUTS)
        cuts = list(region.cuts)
        for normal in (*region.walls, *(cut.normal for cut in cuts)):
            program.add(normal)
        bound, fold = region.bound, region.fold
        while True:
            if program.multipliers.any():
                tried = program.fold / np.abs(program.fold).max()
                reached = max(self._edges.farthest(tried), self._floor)
                bound, fold = (reached, tried) if reached < bound else (bound, fold)
            if bound <= self._floor + CLOSED or program.empty:
                return Region(bound, region.largest)
            cut, value = self._relaxation.tightest(program.weights, envelope)
            if value > -_SHALLOW or program.full:
                break
            cuts.append(cut)
            program.add(cut.normal)
        prices = program.multipliers[len(region.walls) :]
        priced = prices > 0
        kept = tuple(cut for cut, has_price in zip(cuts, priced, strict=True) if has_price)
        largest = region.largest if fold is None else self._relaxation.within(region.largest, fold)
        split = self._split(program.weights, envelope, prices[priced], kept)
        return Region(bound, largest, region.walls, kept, fold, split)

    def _split(
        self,
        weights: Float[np.ndarray, " token"],
        envelope: Envelope,
        prices: Float[np.ndarray, " cut"],
        cuts: tuple[Cut, ...],
    ) -> tuple[int, float] | None:
        """The unit whose line costs the bound most at the given attention, and its input there."""
        if not cuts or not len(envelope.low):
            return None
        inputs = np.clip(self._relaxation.inputs(weights), envelope.low, envelope.high)
        slope, height = envelope.lines(inputs)
        coefficients = prices @ np.stack([cut.coefficients for cut in cuts])
        cost = coefficients * (slope * inputs + height - np.tanh(inputs))
        unit = int(cost.argmax())
        if cost[unit] < _ROUNDING:
            return None
        # Never so near an end that one half is nearly the whole.
        margin = _MARGIN * (envelope.high[unit] - envelope.low[unit])
        return unit, float(np.clip(inputs[unit], envelope.low[unit] + margin, envelope.high[unit] - margin))
