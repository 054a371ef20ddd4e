"""What happens to the output when a token is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Batch
from attnaudit.importance.objective import OUTPUT_TVD
from attnaudit.models.interface import AuditedModel, delete_each


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """TVD between the output with and without each token; the text is encoded and attended to anew.

    Values in [0, 1], 0 on markers and padding. Source: Jain & Wallace 2019, algorithm 1 (leave one out).
    Oracle: the literal loop, one forward pass a token.
    """

    objective: ClassVar[str] = OUTPUT_TVD

    @torch.no_grad()
    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """One step only; see `delete_each` for the cost."""
        # In float64, so that saturated outputs still tell their tokens apart.
        without = torch.softmax(delete_each(model, batch).double(), dim=-1)
        kept, where = (~batch.audit_mask).max(dim=1)
        if kept.all():  # at a marker or at padding nothing is left out
            output = without[torch.arange(len(batch), device=where.device), where]
        else:
            output = torch.softmax(model.trace(batch).logits[:, 0].double(), dim=-1)
        change = 0.5 * (without - output[:, None, :]).abs().sum(dim=-1)
        return (change * batch.audit_mask)[:, None, :]
