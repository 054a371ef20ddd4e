"""One instance of the same-weights question as numbers, turned so that the reversed order is above the slab."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import rel_entr

CLOSE = 1e-6
"""Nats between two bounds that nobody would tell apart; the work ends there."""

TIGHT = 0.005
"""Bounds that differ by no more than this share of the upper one are near enough for one text."""

Order = Int[np.ndarray, " token"]
"""Token t gets the weight of token order[t]: a permutation."""


class Reassignment(NamedTuple):
    """Token t gets the weight of token `order[t]`, at a JSD of `jsd`; none allowed is above `upper` (both nats)."""

    order: Order
    jsd: float
    upper: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Maximise Σ gain[t, order[t]] over permutations with low ≤ evidence · alpha[order] ≤ high, where low ≤ 0 ≤ high.

    `evidence` is shifted so that the own order is at 0, and has the sign with which the reversed order is above
    `high`.
    """

    alpha: Float[np.ndarray, " token"]
    evidence: Float[np.ndarray, " token"]
    low: float
    high: float
    gain: Float[np.ndarray, "token token"]

    @classmethod
    def of(cls, alpha: Float[np.ndarray, " token"], evidence: np.ndarray, low: float, high: float) -> Problem:
        """With `gain[t, j]`, the part of the JSD (nats) when token t gets the weight of token j."""
        return cls(alpha, evidence, float(low), float(high), part(alpha[:, None], alpha[None, :]))

    @property
    def steepest(self) -> float:
        """Most that a unit of weight can move the logit."""
        return float(np.abs(self.evidence).max())

    def jsd(self, order: Order) -> float:
        """JSD from the own weights, in nats."""
        return float(self.gain[np.arange(len(order)), order].sum())

    def at(self, order: Order) -> float:
        """By how much the logit moves."""
        return float(self.evidence @ self.alpha[order])

    def allows(self, order: Order) -> bool:
        """Whether the output stays within the slab."""
        return bool(self.low <= self.at(order) <= self.high)

    def best(self, known: Order, other: Order) -> Order:
        """The further of the two, if the other is allowed."""
        return other if self.allows(other) and self.jsd(other) > self.jsd(known) else known


def tight(jsd: float, upper: float) -> bool:
    """Whether two bounds are so near that no more work is put into them."""
    return upper - jsd <= CLOSE + TIGHT * upper


def part(a: Float[np.ndarray, "*#any"], b: Float[np.ndarray, "*#any"]) -> Float[np.ndarray, "*#any"]:
    """One token's part of the JSD (nats): ½ [a ln(2a/(a+b)) + b ln(2b/(a+b))], by continuity at 0."""
    middle = 0.5 * (a + b)
    return np.asarray(0.5 * (rel_entr(a, middle) + rel_entr(b, middle)))


def reversed_order(alpha: Float[np.ndarray, " token"]) -> Order:
    """The largest weight to the token with the least, and so on: the furthest of all re-assignments."""
    ranked = np.argsort(alpha, kind="stable")
    order = np.empty_like(ranked)
    order[ranked] = ranked[::-1]
    return order
