"""The attention that is shown of a model: that of its one pooling site, or the rows its prediction is read from."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Batch, Trace
from attnaudit.models.interface import AuditedModel


@runtime_checkable
class ReadsRows(Protocol):
    """A model that says from which rows of its last site it reads: `first`, `last` or `all`."""

    @property
    def row(self) -> str:
        """Which rows."""


def shown(model: AuditedModel, batch: Batch, trace: Trace) -> Float[Tensor, "batch token"]:
    """The mean over the heads of the last site, as people show it; what markers have is in it."""
    attention = trace.attention[model.sites[-1]].mean(dim=1)
    return rows_read(model, batch, attention) if isinstance(model, ReadsRows) else attention[:, 0]


def rows_read(
    model: ReadsRows, batch: Batch, attention: Float[Tensor, "batch query token"]
) -> Float[Tensor, "batch token"]:
    """The row, or the mean of the rows, that the prediction is read from."""
    lengths = batch.token_mask.sum(dim=1)
    match model.row:
        case "first":
            return attention[:, 0]
        case "last":
            return attention[torch.arange(len(batch), device=lengths.device), lengths - 1]
        case _:
            real = batch.token_mask[:, :, None]
            return (attention * real).sum(dim=1) / lengths[:, None]
