"""How the output of one instance follows from its attention, as numbers: linear, or through a small tanh layer.

All in float64, over the audited tokens and the allowed classes of one instance. The encoder's states are fixed; only
attention is free.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, slots=True)
class LinearReadout:
    """logits = coefficients · attention + bias."""

    coefficients: Float[np.ndarray, "output token"]
    bias: Float[np.ndarray, " output"]

    def logits(self, attention: Float[np.ndarray, "*draw token"]) -> Float[np.ndarray, "*draw output"]:
        """The logits under the given attention."""
        return attention @ self.coefficients.T + self.bias


@dataclass(frozen=True, slots=True)
class TanhReadout:
    """logits = outer · tanh(inner · attention + inner_bias) + outer_bias (the paper's QA and NLI models)."""

    inner: Float[np.ndarray, "hidden token"]
    inner_bias: Float[np.ndarray, " hidden"]
    outer: Float[np.ndarray, "output hidden"]
    outer_bias: Float[np.ndarray, " output"]

    def logits(self, attention: Float[np.ndarray, "*draw token"]) -> Float[np.ndarray, "*draw output"]:
        """The logits under the given attention."""
        return np.tanh(attention @ self.inner.T + self.inner_bias) @ self.outer.T + self.outer_bias


Readout = LinearReadout | TanhReadout


def probabilities(logits: Float[np.ndarray, "*draw output"]) -> Float[np.ndarray, "*draw output"]:
    """The softmax along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
