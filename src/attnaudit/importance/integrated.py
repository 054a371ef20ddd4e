"""Integrated gradients: what each word adds on the way from no words at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Batch
from attnaudit.importance.objective import PREDICTED_PROBABILITY
from attnaudit.models.interface import AuditedModel


@dataclass(frozen=True, slots=True)
class IntegratedGradients:
    """|Σ_d e_td ∫₀¹ ∂p(λe)/∂e_td dλ|, p the probability of the class that is predicted for the whole text.

    From vectors of zeros for every word and marker, by Gauss–Legendre quadrature with `steps` nodes; through the
    attention as well. Before the absolute value, words and markers together add up to p(e) − p(0) (completeness), but
    for the error of the quadrature. Values ≥ 0. Source: Sundararajan et al. 2017, equation 1.
    Oracle: captum's `IntegratedGradients`.
    """

    steps: int = 50
    objective: ClassVar[str] = PREDICTED_PROBABILITY

    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Costs `steps` forward and backward passes, in memory one of each."""
        return attributed(model, batch, self.steps).abs()


def attributed(model: AuditedModel, batch: Batch, steps: int) -> Float[Tensor, "batch step token"]:
    """The attributions with their signs, for markers too."""
    whole = model.embed(batch).detach()
    with torch.no_grad():
        predicted = model.trace(batch).logits.argmax(dim=-1, keepdim=True)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    total = torch.zeros(predicted.shape[0], predicted.shape[1], *whole.shape[1:], device=whole.device)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        embedding = (float(node) * whole).requires_grad_(True)
        # cuDNN refuses the backward pass of an LSTM that is not in training mode.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            trace = model.trace(batch, embedding=embedding)
            explained = torch.softmax(trace.logits.double(), dim=-1).gather(-1, predicted)[..., 0]
            for step, probability in enumerate(explained.unbind(dim=1)):
                (gradient,) = torch.autograd.grad(probability.sum(), embedding, retain_graph=True)
                total[:, step] += float(weight) * gradient
    return (total * whole[:, None]).sum(dim=-1)
