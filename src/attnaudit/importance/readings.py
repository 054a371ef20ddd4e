"""Readings of the attention of many layers and heads: which of its numbers is taken for the importance of a token.

Each is another explanation, and none is the attention of the model. All look at the rows from which the model reads
its prediction: the marker's, the last token's, or the mean of all where it reads them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Attention, Batch, Site, Trace
from attnaudit.errors import UnsupportedModelError
from attnaudit.importance.objective import NONE, predicted_probability
from attnaudit.models.interface import AuditedModel
from attnaudit.models.shown import ReadsRows, rows_read


@dataclass(frozen=True, slots=True)
class LastLayer:
    """The last site's rows that the prediction is read from: the mean of its heads, or one `head` (0 is the first).

    In [0, 1]; what markers have is left out, so that words sum to 1 or less. Oracle: `output_attentions` of the
    model's own library.
    """

    head: int | None = None
    objective: ClassVar[str] = NONE

    @torch.no_grad()
    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Costs a forward pass."""
        attention = model.trace(batch).attention[model.sites[-1]]
        if self.head is not None:
            if self.head >= attention.shape[1]:
                raise UnsupportedModelError(
                    f"there is no head {self.head}: the last site has {attention.shape[1]}, counted from 0"
                )
            attention = attention[:, [self.head]]
        return _read(model, batch, attention.mean(dim=1))


@dataclass(frozen=True, slots=True)
class AllLayers:
    """The same of all layers and heads, in the mean. In [0, 1]. Oracle: `output_attentions`, averaged."""

    objective: ClassVar[str] = NONE

    @torch.no_grad()
    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Costs a forward pass."""
        layers = _layers(model, model.trace(batch))
        return _read(model, batch, torch.stack([layer.mean(dim=1) for layer in layers]).mean(dim=0))


@dataclass(frozen=True, slots=True)
class Rollout:
    """Attention multiplied through the layers, each mixed half and half with what the residual hands on.

    Ã = ∏ (½ Ā + ½ I), Ā the mean of a layer's heads. In [0, 1]. Source: Abnar & Zuidema 2020, section 3.
    Oracle: the product written out, a text at a time.
    """

    objective: ClassVar[str] = NONE

    @torch.no_grad()
    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Costs a forward pass and layers × tokens³ multiplications."""
        layers = _layers(model, model.trace(batch))
        same = torch.eye(layers[0].shape[-1], dtype=layers[0].dtype, device=layers[0].device)
        rolled = same.expand(len(batch), -1, -1)
        for layer in layers:
            rolled = (0.5 * layer.mean(dim=1) + 0.5 * same) @ rolled
        return _read(model, batch, rolled)


@dataclass(frozen=True, slots=True)
class AttentionGradient:
    """|α · ∂p/∂α| of the last site, summed over heads and queries: what the weights are worth to the prediction.

    p the probability of the predicted class; to first order what taking the weights away would change. Values ≥ 0.
    Source: Serrano & Smith 2019, section 3.2 (gradient × attention), for many heads. Oracle: finite differences.
    """

    objective: ClassVar[str] = "probability of the predicted class"

    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Costs a forward pass, and a backward pass through what follows the last site."""
        last = model.sites[-1]
        leaves: list[Attention] = []

        def leaf(site: Site, attention: Attention) -> Attention:
            if site != last:
                return attention
            leaves.append(attention.detach().requires_grad_(True))
            return leaves[-1]

        with torch.enable_grad():
            explained = predicted_probability(model.trace(batch, intervention=leaf))[:, 0]
            (gradient,) = torch.autograd.grad(explained.sum(), leaves)
        return (gradient * leaves[0]).sum(dim=(1, 2)).abs().detach()[:, None] * batch.audit_mask[:, None]


def _layers(model: AuditedModel, trace: Trace) -> list[Attention]:
    """The attention within the text, a layer each, from the first to the last."""
    layers = list(trace.attention.values())
    across = [site.name for site in model.sites if site.kind != "self"]
    shapes = {(layer.shape[2], layer.shape[3]) for layer in layers}
    if across or len(shapes) > 1 or any(queries != tokens for queries, tokens in shapes):
        found = f"`{across[0]}`, which does not" if across else "sites of different lengths"
        raise UnsupportedModelError(
            "readings of attention over layers need one stack of them, in which every token attends to all of the "
            f"text; found {found}"
        )
    return layers


def _read(
    model: AuditedModel, batch: Batch, attention: Float[Tensor, "batch query token"]
) -> Float[Tensor, "batch step token"]:
    """The row, or the mean of the rows, that the prediction is read from; 0 on markers and padding."""
    if not isinstance(model, ReadsRows):
        raise UnsupportedModelError("readings of attention need a transformer, which says what rows it reads")
    return (rows_read(model, batch, attention) * batch.audit_mask)[:, None]
