"""Numbers of pieces as numbers of words: a word's score is the sum of its pieces'."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from attnaudit.core import Batch


def word_numbers(batch: Batch) -> Int[Tensor, "batch token"]:
    """The number of each token's word, in reading order, −1 where none is audited; a token of a text model is one."""
    if batch.word_ids is not None:
        return batch.word_ids
    return torch.where(batch.audit_mask, batch.audit_mask.cumsum(dim=1) - 1, -1)


def units(batch: Batch, row: int, text: str) -> tuple[list[str], list[tuple[int, int] | None], list[bool]]:
    """Of one text what is shown and audited: tokens, their characters (None for markers), and which are audited.

    Where tokens are pieces, these are the words, and markers are left out.
    """
    if batch.word_ids is None:
        tokens = batch.tokens[row]
        return list(tokens), list(batch.offsets[row]), batch.audit_mask[row, : len(tokens)].tolist()
    spans: dict[int, tuple[int, int]] = {}
    for word, span in zip(batch.word_ids[row].tolist(), batch.offsets[row], strict=False):
        if word >= 0 and span is not None:
            spans[word] = span
    ordered = [spans[word] for word in sorted(spans)]
    return [text[start:end] for start, end in ordered], list(ordered), [True] * len(ordered)


def by_word(batch: Batch, values: Float[Tensor, "batch step token"]) -> list[Float[Tensor, "step word"]]:
    """For each row its numbers by audited word, in reading order; by audited token where tokens are words."""
    if batch.word_ids is None:
        return [row[:, audited] for row, audited in zip(values, batch.audit_mask, strict=True)]
    found = []
    for row, words in zip(values, batch.word_ids, strict=True):
        of_words = words >= 0
        sums = torch.zeros(len(row), int(words.max()) + 1, dtype=values.dtype, device=values.device)
        found.append(sums.index_add_(1, words[of_words], row[:, of_words]))
    return found
