"""Half-spaces that hold every attention whose output stays within ε: what an upper bound may rest on.

TVD ≤ ε bounds every class's probability from below, p_k ≥ y_k − ε, and every ratio, p_k / p_l ≥ (y_k − ε)/(y_l + ε).
In logits z these are z_k − Σ_l w_l z_l ≥ H(w) + logit(y_k − ε) for any weights w over the other classes, since
ln Σ exp z_l ≥ w·z + H(w) (Gibbs), and z_k − z_l ≥ ln((y_k − ε)/(y_l + ε)): half-spaces of z. They are so of β too when the
read-out is linear; a tanh is first replaced by a line above it (or below, for negative coefficients) on the
interval that its input can take.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from attnaudit.counterfactual.readout import LinearReadout, Readout, TanhReadout, probabilities

_ROUNDING = 1e-10


class Box(NamedTuple):
    """The interval that each hidden unit's input can take."""

    low: Float[np.ndarray, " hidden"]
    high: Float[np.ndarray, " hidden"]


class Lines(NamedTuple):
    """For each hidden unit a line `slope` · x + `height` on one side of tanh."""

    slope: Float[np.ndarray, " hidden"]
    height: Float[np.ndarray, " hidden"]

    def at(self, inputs: Float[np.ndarray, " hidden"]) -> Float[np.ndarray, " hidden"]:
        """The height of each line above the given input."""
        return self.slope * inputs + self.height


class Touch(NamedTuple):
    """The largest input at which the tangent through the left end of the interval still lies below (`inside`), and the
    smallest at which it does not (`outside`): the touching point between them, to rounding."""

    inside: Float[np.ndarray, " hidden"]
    outside: Float[np.ndarray, " hidden"]
