"""A transformer's outputs with each word left out, many texts and words in one pass.

A word goes with all of its pieces. Three ways: its pieces are deleted, so that the text is shorter; each is replaced
by the mask the model was pre-trained with; or they stay, and no token may attend to them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from attnaudit.core import Batch
from attnaudit.errors import UnsupportedModelError
from attnaudit.models.removal import deleted, masked

REMOVALS = ("delete", "mask", "attention_mask")

_TOKENS = 8_192
"""Most padded tokens in one forward pass; a CPU gains nothing from more."""


def logits_without(
    logits_of: Callable[[Batch], Float[Tensor, "batch output"]],
    batch: Batch,
    removal: str,
    *,
    pad: int,
    mask: int | None,
    at_once: int = _TOKENS,
) -> Float[Tensor, "batch token output"]:
    """Logits with the word of each piece left out, at the word's first piece; untouched ones everywhere else.

    A text of one word keeps its logits. Costs one forward pass a word.

    Args:
        logits_of: one forward pass of the model.
        batch: with the word of each piece.
        removal: one of `REMOVALS`.
        pad: the number of the piece that fills a batch up.
        mask: that of the mask, if there is one.
        at_once: most padded tokens in one forward pass.

    Raises:
        UnsupportedModelError: the model has no mask, and that is what words are to be replaced by.
    """
    if removal == "mask" and mask is None:
        raise UnsupportedModelError(
            "words cannot be masked: the tokeniser has no mask token; leave words out by `delete` or `attention_mask`"
        )
    assert batch.word_ids is not None
    logits = logits_of(batch)
    without = logits[:, None].repeat(1, batch.token_ids.shape[1], 1)
    rows, places, gone = _each_word(batch, batch.word_ids)
    lengths = batch.token_mask.sum(dim=1)[rows]
    if removal == "delete":
        lengths = lengths - gone.sum(dim=1)
    order = lengths.argsort(stable=True)
    start = 0
    while start < len(order):
        stop = start + 1  # sorted by length, so that the last of a pass is its longest
        while stop < len(order) and int(lengths[order[stop]]) * (stop + 1 - start) <= at_once:
            stop += 1
        some = order[start:stop]
        width = int(batch.token_mask[rows[some]].sum(dim=1).max())
        fewer = _narrow(batch, width)
        cut = gone[some][:, :width]
        match removal:
            case "delete":
                removed = deleted(fewer, rows[some], cut, pad=pad)
            case "mask":
                assert mask is not None
                removed = masked(fewer, rows[some], cut, mask)
            case _:
                removed = fewer.take(rows[some])
                removed = replace(removed, token_mask=removed.token_mask & ~cut)
        without[rows[some], places[some]] = logits_of(removed)
        start = stop
    return without


def _each_word(
    batch: Batch, words: Int[Tensor, "batch token"]
) -> tuple[Int[Tensor, " word"], Int[Tensor, " word"], Bool[Tensor, "word token"]]:
    """Of every word of texts with two or more: its row, the place of its first piece, and which are its pieces."""
    counts = words.max(dim=1).values + 1
    rows = torch.repeat_interleave(
        torch.arange(len(batch), device=words.device), torch.where(counts > 1, counts, 0)
    )
    begins = torch.zeros_like(rows)
    begins[1:] = (rows[1:] == rows[:-1]).long()
    number = torch.arange(len(rows), device=words.device)
    first_of_row = torch.where(begins == 0, number, 0).cummax(dim=0).values if len(rows) else number
    gone = words[rows] == (number - first_of_row)[:, None]
    return rows, gone.to(torch.uint8).argmax(dim=1), gone


def _narrow(batch: Batch, width: int) -> Batch:
    """The same texts in a batch of that width, as ids and masks alone; what is cut off must be padding."""

    def cut(values: Tensor | None) -> Tensor | None:
        return None if values is None else values[:, :width]

    return replace(
        batch,
        instance_ids=(),
        tokens=(),
        offsets=(),
        token_ids=batch.token_ids[:, :width],
        token_mask=batch.token_mask[:, :width],
        audit_mask=batch.audit_mask[:, :width],
        segment_ids=cut(batch.segment_ids),
        word_ids=cut(batch.word_ids),
    )
