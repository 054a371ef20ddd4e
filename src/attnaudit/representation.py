"""What a model's states and attention look like on each text, before any question is asked of them.

States that all point the same way leave attention nothing to choose between: re-weighting them changes little.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnaudit.core import Batch, Trace
from attnaudit.models.interface import AuditedModel
from attnaudit.models.shown import shown


class Seen(NamedTuple):
    """One row of the table `diagnostic`, without the instance: a quantity of the audited model."""

    quantity: str
    value: float | None
    status: str


def representation(model: AuditedModel, batch: Batch, trace: Trace) -> list[list[Seen]]:
    """For each text conicity, entropy of attention, and the shares of attention on punctuation and special tokens.

    conicity: the mean cosine of the states of the audited tokens with their mean, in [−1, 1], for our models nearly
    always above 0 (Chandrahas et al. 2018; Mohankumar et al. 2020, section 2.3). attention_entropy: in nats, over the
    audited tokens. punctuation_mass: on tokens of punctuation alone. special_mass: on tokens that are not audited.
    Costs no forward pass. Oracle: numpy and scipy, in the tests.
    """
    weights = shown(model, batch, trace).double()
    audited = batch.audit_mask
    inside = weights * audited
    mass = inside.sum(dim=1)
    shares = inside / mass.clamp_min(torch.finfo(torch.float64).tiny)[:, None]
    quantities = {
        "attention_entropy": torch.special.entr(shares).sum(dim=1),
        "punctuation_mass": (shares * _punctuation(batch)).sum(dim=1),
        "special_mass": (weights.sum(dim=1) - mass).clamp_min(0.0),
    }
    states = getattr(trace.states, "tokens", None)
    rows = [
        [Seen(name, values[i].item(), "ok") for name, values in quantities.items()] for i in range(len(batch))
    ]
    for i, row in enumerate(rows):
        if states is None:
            row.append(Seen("conicity", None, "unsupported"))
            continue
        value = conicity(states[i][audited[i]].double())
        row.append(Seen("conicity", value, "ok" if value is not None else "constant"))
    return rows


def conicity(states: Float[Tensor, "token dim"]) -> float | None:
    """The mean cosine of the states with their mean; None where the mean is no direction."""
    centre = states.mean(dim=0)
    if centre.norm() == 0:
        return None
    return torch.cosine_similarity(states, centre[None]).mean().item()


def _punctuation(batch: Batch) -> Bool[Tensor, "batch token"]:
    marks = torch.zeros_like(batch.audit_mask)
    for row, tokens in enumerate(batch.tokens):
        marks[row, : len(tokens)] = torch.tensor(_marks(tokens))
    return marks & batch.audit_mask


def _marks(tokens: Sequence[str]) -> list[bool]:
    """Which tokens consist of punctuation alone."""
    return [bool(token) and all(unicodedata.category(c).startswith("P") for c in token) for token in tokens]
