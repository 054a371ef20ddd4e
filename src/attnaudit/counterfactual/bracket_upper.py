"""An upper bound on ε-max JSD by branch and bound: how far can attention be, at most, with the output within ε?

In each region of the simplex, half-spaces that hold all allowed attentions are gathered by a linear program and
folded into one, over which the largest JSD is known exactly. Where the lines that stand for tanh are too far from
it, the region is split in two at an input of one hidden unit, or at a weight where the chord that stands for JSD is.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from attnaudit.counterfactual.bracket_edges import Edges, part
from attnaudit.counterfactual.bracket_program import Program
from attnaudit.counterfactual.bracket_relaxation import Cut, Envelope, Relaxation

CLOSED = 1e-6
"""Bounds this close to each other, in nats, count as met."""

_ROUNDING = 1e-9
_MOST_CUTS = 24
_SHALLOW = 1e-4
_MARGIN = 0.1
# One half-space already knows the JSD exactly on its edges, so the chords cost it less than they seem to.
_DISCOUNT = 0.25
_FAINT = 1e-6


class Split(NamedTuple):
    """Two halves, `above` · β ≥ 0 and ≤ 0. If the weight of one token is split, which token it is, and where."""

    above: Float[np.ndarray, " token"]
    token: int = -1
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the simplex: where `wall` · β ≥ 0 for every wall.

    In it each weight is between `least` and `most`, each unit's input is at most `largest`, and all allowed
    attentions have `fold` · β ≥ 0. None of them is further away than `bound`. No `split`: no more can be done.
    """

    bound: float
    least: Float[np.ndarray, " token"]
    most: Float[np.ndarray, " token"]
    largest: Float[np.ndarray, " unit"]
    walls: tuple[Float[np.ndarray, " token"], ...] = ()
    cuts: tuple[Cut, ...] = ()
    fold: Float[np.ndarray, " token"] | None = None
    split: Split | None = None


class BranchAndBound:
    """The search for an upper bound; attentions no further than `floor`, which is reached, are of no interest."""

    def __init__(self, edges: Edges, relaxation: Relaxation, floor: float) -> None:
        self._edges, self._relaxation, self._floor = edges, relaxation, floor

    def upper(self, nodes: int) -> float:
        """The bound after at most `nodes` regions were looked at; more never make it worse."""
        closed, made = self._floor, 1
        start = self._bounded(self._whole())
        heap = [(-start.bound, made, start)]
        while heap and -heap[0][0] > closed:
            region = heap[0][2]
            if region.split is None:
                closed = max(closed, region.bound)
                heapq.heappop(heap)
                continue
            if made + 2 > nodes:
                break
            heapq.heappop(heap)
            for half in self._halves(region, region.split):
                made += 1
                heapq.heappush(heap, (-half.bound, made, half))
        return max([closed, *(region.bound for _, _, region in heap)])

    def _whole(self) -> Region:
        """All attentions that are further than the floor."""
        most = self._edges.most(self._floor - _ROUNDING)
        least = np.zeros_like(most)
        slope, height = self._edges.chords(least, most)
        far = slope + height.sum() - (self._floor - _ROUNDING)
        largest = self._relaxation.within(self._relaxation.hull(), far)
        return Region(float(self._edges.alone.max()), least, most, largest)

    def _halves(self, region: Region, split: Split) -> Iterator[Region]:
        for sign in (1, -1):
            wall = sign * split.above / np.abs(split.above).max() + _ROUNDING
            least, most = region.least, region.most
            if split.token >= 0:
                side = least.copy() if sign > 0 else most.copy()
                side[split.token] = split.at
                least, most = (side, most) if sign > 0 else (least, side)
            largest = self._relaxation.within(region.largest, wall)
            if region.fold is not None:
                largest = self._relaxation.within(largest, region.fold)
            yield self._bounded(
                replace(region, least=least, most=most, largest=largest, walls=(*region.walls, wall))
            )

    def _bounded(self, region: Region) -> Region:
        """The region with its bound, its fold and where to split it."""
        envelope = self._relaxation.envelope(region.largest)
        if (envelope.low > envelope.high).any():
            return replace(region, bound=self._floor, split=None)
        slope, height = self._edges.chords(region.least, region.most)
        value = slope + height.sum()
        program = Program(value, len(region.walls) + len(region.cuts) + _MOST_CUTS)
        cuts = list(region.cuts)
        for normal in (*region.walls, *(cut.normal for cut in cuts)):
            program.add(normal)
        bound, fold = region.bound, region.fold
        while True:
            tried = program.fold
            reached = -1.0 if program.empty else float((value + tried).max()) + _ROUNDING
            size = float(np.abs(tried).max())
            if size > 0:
                farthest = self._edges.farthest(tried / size)
                reached = farthest if program.empty else min(reached, farthest)
            if reached < bound:
                bound = max(reached, self._floor)
                fold = tried / size if size > 0 else fold
            if bound <= self._floor + CLOSED or program.empty:
                return replace(region, bound=bound, split=None)
            cut, worth = self._relaxation.tightest(program.weights, envelope)
            if worth > -_SHALLOW or program.full:
                break
            cuts.append(cut)
            program.add(cut.normal)
        prices = program.multipliers[len(region.walls) :]
        kept = [(price, each) for price, each in zip(prices, cuts, strict=True) if price > 0]
        largest = region.largest if fold is None else self._relaxation.within(region.largest, fold)
        # Where all tokens are equally far no cut has a price; then the cut that is tightest here says what to split.
        coefficients = _FAINT * cut.coefficients + sum(price * each.coefficients for price, each in kept)
        split = self._split(region, program.weights, envelope, coefficients)
        return replace(
            region, bound=bound, largest=largest, cuts=tuple(each for _, each in kept), fold=fold, split=split
        )

    def _split(
        self,
        region: Region,
        weights: Float[np.ndarray, " token"],
        envelope: Envelope,
        coefficients: Float[np.ndarray, " unit"],
    ) -> Split | None:
        """Where a line costs the bound most at the given attention: that of a unit's tanh or of a token's JSD."""
        inputs = np.clip(self._relaxation.inputs(weights), envelope.low, envelope.high)
        slope, height = envelope.lines(inputs)
        of_units = coefficients * (slope * inputs + height - np.tanh(inputs))
        slope, height = self._edges.chords(region.least, region.most)
        weights = np.clip(weights, region.least, region.most)
        of_tokens = _DISCOUNT * (slope * weights + height - part(self._edges.own, weights))
        if max(of_units.max(initial=0.0), of_tokens.max()) < _FAINT * CLOSED:
            return None
        if of_units.max(initial=0.0) >= of_tokens.max():
            unit = int(of_units.argmax())
            at = _between(envelope.low[unit], inputs[unit], envelope.high[unit])
            return Split(self._relaxation.inner[unit] + self._relaxation.inner_bias[unit] - at)
        token = int(of_tokens.argmax())
        at = _between(region.least[token], weights[token], region.most[token])
        above = np.full(len(weights), -at)
        above[token] += 1.0
        return Split(above, token, at)


def _between(low: float, at: float, high: float) -> float:
    """The given place, but never so near an end that one half is nearly the whole."""
    margin = _MARGIN * (high - low)
    return float(np.clip(at, low + margin, high - margin))
