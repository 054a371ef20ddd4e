"""Gradients of the output with respect to the words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Batch
from attnaudit.importance.objective import PREDICTED_PROBABILITY, predicted_probability
from attnaudit.models.interface import AuditedModel


@dataclass(frozen=True, slots=True)
class GradientNorm:
    """‖∂p/∂e_t‖₂: how fast the predicted probability changes with the vector of each token, in whatever direction.

    Through attention as well. Values ≥ 0, no upper bound. Source: Simonyan et al. 2014, for the vectors of words.
    Oracle: captum's `Saliency` on the embedding.
    """

    objective: ClassVar[str] = PREDICTED_PROBABILITY

    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Costs one forward and one backward pass a step."""
        gradients, _ = _gradients(model, batch, detached=False)
        return torch.stack([gradient.norm(dim=-1) for gradient in gradients], dim=1)


@dataclass(frozen=True, slots=True)
class Gradient:
    """|e_t · ∂p/∂e_t|: the derivative of the predicted probability by the one-hot entry of the word present.

    With `detached`, attention weights are constants and the gradient flows only through the encoder's states,
    as in the paper; else it flows through attention as well. Values ≥ 0, no upper bound. A saturated output has
    gradient 0 everywhere (status `constant`).

    Source: Jain & Wallace 2019, algorithm 1. Oracle: captum's `InputXGradient` on the embedding (full), and a
    graph written out with the weights as constants (detached).
    """

    detached: bool = True
    objective: ClassVar[str] = PREDICTED_PROBABILITY

    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Costs one forward and one backward pass a step."""
        gradients, embedding = _gradients(model, batch, detached=self.detached)
        return torch.stack([(gradient * embedding).sum(dim=-1).abs() for gradient in gradients], dim=1)


def _gradients(
    model: AuditedModel, batch: Batch, *, detached: bool
) -> tuple[list[Float[Tensor, "batch token dim"]], Float[Tensor, "batch token dim"]]:
    """The derivative of the predicted probability of each step by the vectors of the tokens, and these."""
    embedding = model.embed(batch).detach().requires_grad_(True)
    constant = (lambda _site, weights: weights.detach()) if detached else None
    # cuDNN refuses the backward pass of an LSTM that is not in training mode.
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
        explained = predicted_probability(model.trace(batch, embedding=embedding, intervention=constant))
        gradients = [
            # Rows do not meet in the model, so the gradient of the sum holds each row's own.
            torch.autograd.grad(step.sum(), embedding, retain_graph=True)[0]
            for step in explained.unbind(dim=1)
        ]
    return gradients, embedding.detach()
