"""Half-spaces that hold every attention whose output stays within ε: what an upper bound may rest on.

Three steps lead from TVD ≤ ε to a half-space of attentions. (1) For weights w over classes with y_k > ε, w · ln p is
concave in p, so it is least where one class gives all of ε: w · ln p ≥ w · ln y − max_k w_k ln(y_k / (y_k − ε)).
Also ln p_k − ln p_l ≥ ln((y_k − ε)/(y_l + ε)). (2) ln p = z − ln Σ exp z, and ln Σ exp z ≥ v · z + H(v) for any
weights v (Gibbs), which makes it linear in the logits z. (3) A linear read-out is done; else each tanh is replaced
by a line above it on the interval that its input can take.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import entr

from attnaudit.readout import LinearReadout, Readout, probabilities

_ROUNDING = 1e-10
_BISECTIONS = 24
_STEPS = 12
_FLAT = 1e-7
_SMALLEST = 1e-200
# Far above what rounding takes from a sum of the terms of a half-space.
_EPSILON = 1e-13


class Cut(NamedTuple):
    """`normal` · β ≥ 0 wherever the output is within ε; `coefficients` are those of the tanh relaxed in it."""

    normal: Float[np.ndarray, " token"]
    coefficients: Float[np.ndarray, " unit"]


class Envelope(NamedTuple):
    """The least concave function above tanh on low … high: straight from `low` to where it touches, then tanh itself.

    The touching point lies between `inside` and `outside`, which differ by rounding alone.
    """

    low: Float[np.ndarray, " unit"]
    high: Float[np.ndarray, " unit"]
    inside: Float[np.ndarray, " unit"]
    outside: Float[np.ndarray, " unit"]

    @classmethod
    def over(cls, low: Float[np.ndarray, " unit"], high: Float[np.ndarray, " unit"]) -> Envelope:
        """By bisection of tanh t − tanh low = (1 − tanh² t)(t − low), which has its root in 0 … −low."""
        inside, outside = np.zeros_like(low), np.maximum(-low, 0.0)
        bottom = np.tanh(low)
        for _ in range(_BISECTIONS):
            middle = 0.5 * (inside + outside)
            value = np.tanh(middle)
            beyond = value - bottom >= (1 - value * value) * (middle - low)
            outside = np.where(beyond, middle, outside)
            inside = np.where(beyond, inside, middle)
        return cls(low, high, inside, outside)

    def lines(
        self, inputs: Float[np.ndarray, " unit"]
    ) -> tuple[Float[np.ndarray, " unit"], Float[np.ndarray, " unit"]]:
        """Slope and height at 0 of the line above tanh that is lowest at the input."""
        # A tangent at or beyond the touching point lies above tanh from `low` on.
        point = np.where(self.low >= 0, inputs, np.maximum(inputs, self.outside))
        value = np.tanh(point)
        slope = 1 - value * value
        height = value - slope * point
        # The chord does so where all of the interval is before the touching point.
        left, right, width = np.tanh(self.low), np.tanh(self.high), self.high - self.low
        steep = np.where(width > _FLAT, (right - left) / np.maximum(width, _FLAT), 0.0)
        reach = np.maximum(left - steep * self.low, right - steep * self.high)
        chord = self.high <= self.inside
        return np.where(chord, steep, slope), np.where(chord, reach, height)


class Relaxation:
    """What TVD ≤ ε implies for one instance: logits = direct · β + bias + outer · tanh(inner · β + inner_bias).

    tanh is odd, so each hidden unit stands twice, as itself and mirrored, and a negative coefficient of the one is a
    positive coefficient of the other: lines above tanh are all that is needed, and a unit's smallest input
    is minus the largest of its mirror image. A linear read-out has no units.
    """

    def __init__(self, own: Float[np.ndarray, " token"], readout: Readout, epsilon: float) -> None:
        output = probabilities(readout.logits(own))
        if isinstance(readout, LinearReadout):
            self._direct, self._bias = readout.coefficients, readout.bias
            self._outer = np.zeros((len(output), 0))
            inner, inner_bias = np.zeros((0, len(own))), np.zeros(0)
        else:
            self._direct, self._bias = np.zeros((len(output), len(own))), readout.outer_bias
            self._outer = readout.outer
            inner, inner_bias = readout.inner, readout.inner_bias
        self.inner = np.concatenate([inner, -inner])
        self.inner_bias = np.concatenate([inner_bias, -inner_bias])
        self._kept = np.flatnonzero(output > epsilon + _ROUNDING)
        kept = output[self._kept]
        self._log_kept = np.log(kept)
        self._cost = self._log_kept - np.log(kept - epsilon)
        self._ratios = np.log(kept - epsilon)[:, None] - np.log(output + epsilon)
        self._share = output
        self._gaps = _doubled(self._outer[self._kept, None] - self._outer)

    @property
    def binding(self) -> bool:
        """Whether anything follows: when no class has more than ε, nothing does."""
        return len(self._kept) > 0

    def ratios(self) -> Float[np.ndarray, "cut token"]:
        """The half-spaces of a linear read-out that bound the ratios p_k / p_l; with two classes they say all."""
        ahead = self._direct[self._kept, None] - self._direct
        constant = (self._bias[self._kept, None] - self._bias) - self._ratios
        other = self._kept[:, None] != np.arange(len(self._bias))
        return (ahead + constant[..., None])[other]

    def inputs(self, weights: Float[np.ndarray, " token"]) -> Float[np.ndarray, " unit"]:
        """The input of every unit under the given attention."""
        return self.inner @ weights + self.inner_bias

    def hull(self) -> Float[np.ndarray, " unit"]:
        """The largest input of each unit over all attentions."""
        return self.inner.max(axis=1, initial=-np.inf) + self.inner_bias

    def envelope(self, largest: Float[np.ndarray, " unit"]) -> Envelope:
        """The envelope of each unit whose input is at most `largest`, and that of its mirror image likewise."""
        return Envelope.over(-np.roll(largest, len(largest) // 2), largest)

    def within(
        self, largest: Float[np.ndarray, " unit"], half: Float[np.ndarray, " token"]
    ) -> Float[np.ndarray, " unit"]:
        """The largest input of each unit where half · β ≥ 0, if less than the given.

        That is the least, over multipliers m ≥ 0, of max_i (inner_i + m half_i), and any m gives a bound.
        """
        rows = np.arange(len(self.inner))
        low, high = np.zeros(len(rows)), 4 * np.ptp(self.inner, axis=1)
        best = largest - self.inner_bias
        for _ in range(_STEPS):
            middle = 0.5 * (low + high)
            lifted = self.inner + middle[:, None] * half
            top = lifted.argmax(axis=1)
            best = np.minimum(best, lifted[rows, top] + _ROUNDING)
            short = half[top] < 0
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return best + self.inner_bias

    def tightest(self, weights: Float[np.ndarray, " token"], envelope: Envelope) -> tuple[Cut, float]:
        """The half-space that the given attention violates most, made as tight as can be there, and its value."""
        inputs = np.clip(self.inputs(weights), envelope.low, envelope.high)
        slope, height = envelope.lines(inputs)
        straight = self._direct @ weights + self._bias
        ahead = self._gaps @ (slope * inputs + height) + straight[self._kept, None] - straight
        combinations, least = self._statements(ahead)
        coefficients = _doubled(combinations @ self._outer)
        steep = coefficients * slope
        constant = steep @ self.inner_bias + coefficients @ height + combinations @ self._bias - least
        normals = combinations @ self._direct + steep @ self.inner + constant[:, None]
        scale = np.maximum(np.abs(normals).max(axis=1), _SMALLEST)
        values = normals @ weights / scale
        row = int(values.argmin())
        lost = _EPSILON * (steep @ np.abs(self.inner_bias) + coefficients @ height + np.abs(least))[row]
        normal = (normals[row] + lost) / scale[row] + _ROUNDING
        return Cut(normal, coefficients[row] / scale[row]), float(values[row])

    def _statements(
        self, ahead: Float[np.ndarray, "kept output"]
    ) -> tuple[Float[np.ndarray, "statement output"], Float[np.ndarray, " statement"]]:
        """combination · z ≥ least, for each kept class, for those that lost together, and for the worst pair.

        `ahead` is how far a kept class's logit can at most be above each other one's.
        """
        n_kept, n_outputs = ahead.shape
        weights = np.zeros((n_kept + 1, n_outputs))
        weights[np.arange(n_kept), self._kept] = 1.0
        rivals = probabilities(-ahead)
        first = int(self._log_kept.argmax())
        lost = np.flatnonzero(rivals[first, self._kept] <= self._share[self._kept])
        lost = lost if len(lost) else np.array([first])
        weights[n_kept, self._kept[lost]] = 1 / self._cost[lost]
        weights[n_kept] /= weights[n_kept].sum()
        rivals = np.concatenate([rivals, rivals[first, None]])
        on_kept = weights[:, self._kept]
        least = on_kept @ self._log_kept - (on_kept * self._cost).max(axis=1) + entr(rivals).sum(axis=1)
        row, rival = np.unravel_index(int((ahead - self._ratios).argmin()), ahead.shape)
        pair = np.zeros(n_outputs)
        pair[self._kept[row]] += 1.0
        pair[rival] -= 1.0
        return np.vstack([weights - rivals, pair]), np.append(least, self._ratios[row, rival])


def _doubled(coefficients: Float[np.ndarray, "*row hidden"]) -> Float[np.ndarray, "*row unit"]:
    """Coefficients of the units and of their mirror images, none negative."""
    return np.concatenate([np.maximum(coefficients, 0.0), np.maximum(-coefficients, 0.0)], axis=-1)
