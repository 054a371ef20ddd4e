"""Which number of the model's output is explained."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Trace

PREDICTED_PROBABILITY = "probability of the predicted class"
OUTPUT_TVD = "total variation distance of the output"
NONE = "none: a reading of attention"


def predicted_probability(trace: Trace) -> Float[Tensor, "batch step"]:
    """The probability of the class that the model predicts, in [0, 1].

    For a binary model its gradient is that of the sigmoid output but for the sign, which no measure here keeps.
    In float64: in float32 a confident class 1 would round to 1 and lose its gradient, an equally confident class 0
    would not.
    """
    return torch.softmax(trace.logits.double(), dim=-1).amax(dim=-1)
