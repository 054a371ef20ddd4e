"""What leaving a token out means. So far: delete it, so that the text is one token shorter."""

from __future__ import annotations

from dataclasses import replace

import torch
from jaxtyping import Int
from torch import Tensor

from attnaudit.core import Batch


def without_token(batch: Batch, rows: Int[Tensor, " row"], position: int) -> Batch:
    """The given rows of a batch, each with the token at `position` deleted (not masked); queries stay whole."""

    chosen = batch.take(rows)

    def cut(values: Tensor) -> Tensor:
        return torch.cat([values[:, :position], values[:, position + 1 :]], dim=1)

    return replace(
        chosen,
        tokens=tuple(row[:position] + row[position + 1 :] for row in chosen.tokens),
        offsets=tuple(row[:position] + row[position + 1 :] for row in chosen.offsets),
        token_ids=cut(chosen.token_ids),
        token_mask=cut(chosen.token_mask),
        audit_mask=cut(chosen.audit_mask),
    )
