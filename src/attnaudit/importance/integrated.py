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

_TOKENS = 4096
"""Most tokens that go forwards and backwards at a time: few texts are taken at several nodes together."""


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
        """Costs `steps` forward and backward passes; a large batch is held once in memory, for one of them."""
        return attributed(model, batch, self.steps).abs()


def attributed(model: AuditedModel, batch: Batch, steps: int) -> Float[Tensor, "batch step token"]:
    """The attributions with their signs, for markers too."""
    whole = model.embed(batch).detach()
    with torch.no_grad():
        predicted = model.trace(batch).logits.argmax(dim=-1, keepdim=True)
    nodes, weights = (
        torch.as_tensor(values, dtype=whole.dtype, device=whole.device)
        for values in np.polynomial.legendre.leggauss(steps)
    )
    total = torch.zeros(predicted.shape[0], predicted.shape[1], *whole.shape[1:], device=whole.device)
    at_once = max(1, _TOKENS // batch.token_ids.numel())
    for node, weight in zip(((nodes + 1) / 2).split(at_once), (weights / 2).split(at_once), strict=True):
        many = batch.take(torch.arange(len(batch)).repeat(len(node)))
        embedding = (node[:, None, None, None] * whole).flatten(0, 1).requires_grad_(True)
        # cuDNN refuses the backward pass of an LSTM that is not in training mode.
        with torch.enable_grad(), torch.backends.cudnn.flags(enabled=False):
            output = torch.softmax(model.trace(many, embedding=embedding).logits.double(), dim=-1)
            explained = output.gather(-1, predicted.repeat(len(node), 1, 1))[..., 0]
            for step, probability in enumerate(explained.unbind(dim=1)):
                (gradient,) = torch.autograd.grad(probability.sum(), embedding, retain_graph=True)
                by_node = gradient.view(len(node), *whole.shape)
                total[:, step] += torch.einsum("n,nbtd->btd", weight, by_node)
    return (total * whole[:, None]).sum(dim=-1)
