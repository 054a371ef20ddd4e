"""What leaving a token out means. So far: delete it, so that the text is one token shorter."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from attnaudit.core import Batch


def without_token(batch: Batch, rows: Int[Tensor, " row"], position: int) -> Batch:
    """The given rows of a batch, each with the token at `position` deleted (not masked)."""

    def cut(values: Tensor) -> Tensor:
        chosen = values[rows]
        return torch.cat([chosen[:, :position], chosen[:, position + 1 :]], dim=1)

    numbers = rows.tolist()
    return Batch(
        instance_ids=tuple(batch.instance_ids[i] for i in numbers),
        tokens=tuple(batch.tokens[i][:position] + batch.tokens[i][position + 1 :] for i in numbers),
        offsets=tuple(batch.offsets[i][:position] + batch.offsets[i][position + 1 :] for i in numbers),
        token_ids=cut(batch.token_ids),
        token_mask=cut(batch.token_mask),
        audit_mask=cut(batch.audit_mask),
    )
