"""What leaving tokens out means: to delete them, so that the text is shorter, or to put a mask in their place.

Queries stay whole, and so do the candidates of a cloze question: a class whose word is gone can still be the answer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from attnaudit import text
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
        **dict[str, Any]((name, cut(values)) for name, values in _of_tokens(chosen).items()),
    )


def deleted(
    batch: Batch, rows: Int[Tensor, " row"], gone: Bool[Tensor, "row token"], *, pad: int = text.PAD
) -> Batch:
    """The given rows of a batch, each without its tokens in `gone`, as ids and masks alone; padded to the longest."""
    chosen = _ids_alone(batch).take(rows)
    kept = chosen.token_mask & ~gone
    lengths = kept.sum(dim=1, keepdim=True)
    width = int(lengths.max())
    places = (~kept).to(torch.uint8).argsort(dim=1, stable=True)[:, :width]  # what stays, in reading order
    real = torch.arange(width, device=gone.device) < lengths
    gathered = {name: values.gather(1, places) for name, values in _of_tokens(chosen).items()}
    gathered["token_ids"] = gathered["token_ids"].masked_fill(~real, pad)
    gathered["audit_mask"] &= real
    return replace(chosen, **gathered | {"token_mask": real})


def masked(batch: Batch, rows: Int[Tensor, " row"], gone: Bool[Tensor, "row token"], mask_id: int) -> Batch:
    """The given rows of a batch, each with `mask_id` for its tokens in `gone`, as ids and masks alone.

    A masked token is read by the encoder like any other and may be attended to.
    """
    chosen = _ids_alone(batch).take(rows)
    return replace(chosen, token_ids=chosen.token_ids.masked_fill(gone, mask_id))


def _of_tokens(batch: Batch) -> dict[str, Any]:
    """What the batch has for each of its tokens."""
    names = ("token_ids", "token_mask", "audit_mask", "segment_ids", "word_ids")
    return {name: values for name in names if (values := getattr(batch, name)) is not None}


def _ids_alone(batch: Batch) -> Batch:
    return replace(batch, instance_ids=(), tokens=(), offsets=())
