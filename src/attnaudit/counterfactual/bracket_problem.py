"""One instance as the search for a far attention sees it: how far is an attention, and is its output within ε?"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from attnaudit.counterfactual.bracket_edges import Edges
from attnaudit.readout import LinearReadout, Readout, probabilities
from attnaudit.stats.divergence import jensen_shannon_divergence

_TINY = 1e-12


class Problem:
    """Distances of attentions from the model's own, of their outputs, and how both change with each weight.

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

    def moved(self, features: Float[np.ndarray, "*draw feature"]) -> Float[np.ndarray, "*draw output"]:
        """The output less the model's own."""
        return probabilities(self._logits(features)) - self._output

    def tvd(self, features: Float[np.ndarray, "*draw feature"]) -> Float[np.ndarray, "*draw"]:
        """How far the output is from the model's own."""
        return np.asarray(0.5 * np.abs(self.moved(features)).sum(axis=-1))

    def allowed(self, features: Float[np.ndarray, "*draw feature"]) -> Bool[np.ndarray, "*draw"]:
        """Whether that is at most ε."""
        return np.asarray(self.tvd(features) <= self.epsilon)

    def jsd(self, weights: Float[np.ndarray, "*draw token"]) -> Float[np.ndarray, "*draw"]:
        """How far the attention is from the model's own."""
        return np.asarray(jensen_shannon_divergence(weights, self.own))

    def jsd_slope(self, weights: Float[np.ndarray, " token"]) -> Float[np.ndarray, " token"]:
        """How JSD changes with each weight."""
        weights = np.maximum(weights, _TINY)
        return 0.5 * np.log(2 * weights / (self.own + weights))

    def output_slope(self, weights: Float[np.ndarray, " token"]) -> Float[np.ndarray, "output token"]:
        """How the output changes with each weight."""
        features = weights @ self.features
        output = probabilities(self._logits(features))
        slope = self.features.T
        if self._outer is not None:
            slope = (self._outer * (1 - np.tanh(features) ** 2)) @ slope
        return output[:, None] * (slope - output @ slope)

    def _logits(self, features: Float[np.ndarray, "*draw feature"]) -> Float[np.ndarray, "*draw output"]:
        return features if self._outer is None else np.tanh(features) @ self._outer.T + self._outer_bias
