"""Numbers of pieces as numbers of words: a word's score is the sum of its pieces'."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Batch


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
