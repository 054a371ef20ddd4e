"""Could a model with other attention make the same predictions? One is trained to.

Unlike an adversary found for one text, all attentions of such a model come from one set of weights (Wiegreffe &
Pinter 2019, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from attnaudit.batches import ALIKE, TOKENS
from attnaudit.core import Batch, Trace
from attnaudit.instance import Instance
from attnaudit.models.attentive import POOL, AttentiveModel
from attnaudit.text import length_batches

_LEAST = 1e-12
"""Weights below this count as this: their logarithm would be minus infinity, and one token decide the loss."""


class Imitated(NamedTuple):
    """What is to be imitated, and kept away from, of one text."""

    output: Float[Tensor, " output"]
    attention: Float[Tensor, " token"]


@dataclass(frozen=True, slots=True)
class Imitating:
    """A goal of training: TVD(output, the other's) − weight · KL(attention ‖ the other's), a text.

    Source: Wiegreffe & Pinter 2019, equation 1; TVD is the whole of ½ Σ |y − y′|, where the published code takes half
    of that. Oracle: the sums written out, in the tests.
    """

    others: Sequence[Imitated]
    weight: float

    def __call__(
        self, trace: Trace, batch: Batch, places: Sequence[int], _labels: Float[Tensor, ""]
    ) -> Float[Tensor, ""]:
        """Summed over the batch."""
        device = batch.token_ids.device
        outputs = torch.stack([self.others[i].output for i in places]).to(device)
        others = pad_sequence([self.others[i].attention for i in places], batch_first=True).to(device)
        attention = trace.attention[POOL][:, 0, 0]
        others = torch.nn.functional.pad(others, (0, attention.shape[1] - others.shape[1]))
        tvd = 0.5 * (trace.output[:, 0] - outputs).abs().sum()
        ratio = attention.clamp_min(_LEAST).log() - others.clamp_min(_LEAST).log()
        return tvd - self.weight * (attention * ratio).sum()


@torch.no_grad()
def imitated(model: AttentiveModel, instances: Sequence[Instance]) -> list[Imitated]:
    """Output and attention of the model on each instance, on the CPU; one forward pass a text."""
    ids = [model.encoding.ids(instance) for instance in instances]
    found: dict[int, Imitated] = {}
    for rows in length_batches([len(row.tokens) for row in ids], budget=TOKENS, alike=ALIKE):
        trace = model.trace(model.pad([ids[i] for i in rows]))
        outputs, weights = trace.output[:, 0].cpu(), trace.attention[POOL][:, 0, 0].cpu()
        for row, i in enumerate(rows):
            found[i] = Imitated(outputs[row].clone(), weights[row, : len(ids[i].tokens)].clone())
    return [found[i] for i in range(len(ids))]
