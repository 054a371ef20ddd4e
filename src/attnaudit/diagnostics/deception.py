"""Can a model use words and attend elsewhere? One is trained to hide some of them (Pruthi et al. 2020, section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from attnaudit.core import Batch, Trace
from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.models.attentive import POOL, AttentiveModel
from attnaudit.text import TOKENISERS

_LEAST = 1e-6
"""The least share of attention that counts as left for the other words, so that the loss stays finite."""


@dataclass(frozen=True, slots=True)
class Hiding:
    """A goal of training: the labels' loss − weight · ln(share of the attention on permitted words), a text.

    `hidden` are the impermissible tokens of each training text, markers included. Texts with none, or with nothing
    else, are learned from their labels alone.

    Source: Pruthi et al. 2020, equation 2. Oracle: the sums written out, in the tests.
    """

    hidden: Sequence[Bool[Tensor, " token"]]
    weight: float

    def __call__(
        self, trace: Trace, batch: Batch, places: Sequence[int], labels: Float[Tensor, ""]
    ) -> Float[Tensor, ""]:
        """Summed over the batch."""
        attention = trace.attention[POOL][:, 0, 0]
        hidden = pad_sequence([self.hidden[i] for i in places], batch_first=True).to(attention.device)
        hidden = torch.nn.functional.pad(hidden, (0, attention.shape[1] - hidden.shape[1]))
        permitted = (attention * (batch.audit_mask & ~hidden)).sum(dim=1)
        counted = hidden.any(dim=1) & (batch.audit_mask & ~hidden).any(dim=1)
        return labels - self.weight * permitted.clamp_min(_LEAST).log()[counted].sum()


def impermissible(
    model: AttentiveModel, instances: Sequence[Instance], words: Sequence[str]
) -> list[Bool[Tensor, " token"]]:
    """Which tokens of each instance are to be hidden: the given words in any case, or where none are its evidence.

    Raises:
        DataError: in no text there is anything to hide.
    """
    chosen = {word.casefold() for word in words}
    cut, field = TOKENISERS[model.encoding.tokeniser], model.encoding.attended
    found = []
    for instance in instances:
        tokens = cut(instance.fields[field])
        spans = [span for spans in instance.rationales for span in spans if span.field == field]
        here = [
            token.text.casefold() in chosen
            if chosen
            else any(span.covers(token.start, token.end) for span in spans)
            for token in tokens
        ]
        found.append(torch.tensor([False, *here, False]))
    if not any(bool(row.any()) for row in found):
        what = f"the words {', '.join(map(repr, words[:5]))}" if words else "any known evidence"
        raise DataError(
            f"no training text holds {what}, so there is nothing to hide; give `train.goal.words` that the texts hold"
        )
    return found
