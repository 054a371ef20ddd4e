"""JSD from one attention on the edges of the simplex, where all weight is on one token or on two.

JSD is convex, so it is largest at a vertex; the vertices of the simplex cut by one half-space lie on its edges.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from scipy.special import rel_entr

from attnaudit.stats.divergence import LN2

_AT_ONCE = 512
_BISECTIONS = 40
_FLAT = 1e-9


class Edges:
    """The edges of the simplex as seen from `own`; `alone` is the JSD of all weight on one token, in nats."""

    def __init__(self, own: Float[np.ndarray, " token"]) -> None:
        self.own = own
        self.alone = 0.5 * (1 - own) * LN2 + part(own, np.ones_like(own))

    def jsd(
        self,
        first: Int[np.ndarray, "..."],
        second: Int[np.ndarray, "..."],
        share: Float[np.ndarray, "..."],
    ) -> Float[np.ndarray, "..."]:
        """`share` of the weight on token `first`, the rest on token `second`, which must be another."""
        one, other = self.own[first], self.own[second]
        rest = 0.5 * np.maximum(1 - one - other, 0.0) * LN2
        return rest + part(one, share) + part(other, 1 - share)

    def most(self, floor: float) -> Float[np.ndarray, " token"]:
        """The largest weight that each token can have in a β that is at least `floor` away.

        The rest is then on the farthest other token, since JSD is convex; bisection of where that falls to `floor`.
        """
        near = np.flatnonzero(self.alone < floor)
        other = np.full(len(near), int(self.alone.argmax()))
        low, high = np.zeros(len(near)), np.ones(len(near))
        for _ in range(_BISECTIONS):
            middle = 0.5 * (low + high)
            reaches = self.jsd(near, other, middle) >= floor
            low, high = np.where(reaches, middle, low), np.where(reaches, high, middle)
        most = np.ones(len(self.own))
        most[near] = high
        return most

    def chords(
        self, least: Float[np.ndarray, " token"], most: Float[np.ndarray, " token"]
    ) -> tuple[Float[np.ndarray, " token"], Float[np.ndarray, " token"]]:
        """Slope and height at 0 of the chord of each token's part of the JSD between two weights."""
        width = most - least
        bottom = part(self.own, least)
        slope = np.where(width > _FLAT, (part(self.own, most) - bottom) / np.maximum(width, _FLAT), 0.0)
        reach = np.maximum(bottom - slope * least, part(self.own, most) - slope * most)
        return slope, reach

    def farthest(self, cut: Float[np.ndarray, " token"]) -> float:
        """The largest JSD where cut · β ≥ 0, exactly; −1 where there is no such β.

        The values of the chord, no less than those of the convex JSD, say which crossings need looking at.
        """
        allowed = cut >= 0
        inside, outside = np.flatnonzero(allowed), np.flatnonzero(~allowed)
        if not len(inside):
            return -1.0
        best = float(self.alone[inside].max())
        outside = outside[self.alone[outside] > best]
        if not len(outside):
            return best
        share = cut[outside] / (cut[outside] - cut[inside, None])
        chord = self.alone[outside] + share * (self.alone[inside, None] - self.alone[outside])
        rows, columns = np.nonzero(chord > best)
        chord = chord[rows, columns]
        while len(chord):
            top = np.argpartition(-chord, _AT_ONCE)[:_AT_ONCE] if len(chord) > _AT_ONCE else slice(None)
            at = rows[top], columns[top]
            best = max(best, float(self.jsd(inside[at[0]], outside[at[1]], share[at]).max()))
            if isinstance(top, slice):
                break
            chord[top] = -1.0
            left = chord > best
            rows, columns, chord = rows[left], columns[left], chord[left]
        return best

    def vertex(self, cuts: Float[np.ndarray, "cut token"]) -> Float[np.ndarray, " token"] | None:
        """The farthest β on an edge where cut · β ≥ 0 for every cut; None where no edge has one.

        With two parallel cuts, a slab, that is the farthest of all. Costs n² numbers a cut.
        """
        first, second = np.triu_indices(len(self.own), 1)
        low, high = np.zeros(len(first)), np.ones(len(first))
        for cut in cuts:
            rise = cut[first] - cut[second]
            share = -cut[second] / np.where(rise == 0, 1.0, rise)
            low = np.where(rise > 0, np.maximum(low, share), low)
            high = np.where(rise < 0, np.minimum(high, share), high)
            high = np.where((rise == 0) & (cut[second] < 0), -1.0, high)
        open_ = np.flatnonzero(low <= high)
        if not len(open_):
            return None
        first, second = np.tile(first[open_], 2), np.tile(second[open_], 2)
        share = np.concatenate([low[open_], high[open_]])
        top = int(self.jsd(first, second, share).argmax())
        return on_edge(len(self.own), int(first[top]), int(second[top]), float(share[top]))


def on_edge(n_tokens: int, first: int, second: int, share: float) -> Float[np.ndarray, " token"]:
    """`share` of the weight on token `first`, the rest on token `second`, which may be the same."""
    weights = np.zeros(n_tokens)
    weights[second] = 1 - share
    weights[first] += share
    return weights


def part(a: Float[np.ndarray, "..."], b: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """One token's part of the JSD: ½ [a ln(2a/(a+b)) + b ln(2b/(a+b))], by continuity at 0."""
    middle = 0.5 * (a + b)
    return 0.5 * (rel_entr(a, middle) + rel_entr(b, middle))
