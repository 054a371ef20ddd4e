"""Readings of attention as one more measure of importance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Batch
from attnaudit.errors import UnsupportedModelError
from attnaudit.importance.objective import NONE
from attnaudit.importance.readings import LastLayer
from attnaudit.models.interface import AuditedModel
from attnaudit.models.shown import ReadsRows


@dataclass(frozen=True, slots=True)
class Pooled:
    """The weights of the one site that pools the text; of a transformer, the last layer's. The mean over the heads.

    In [0, 1], summing to 1 over the audited tokens; of a transformer to less, by what its markers have (`LastLayer`).
    Source: Jain & Wallace 2019, section 2. Oracle: a softmax written out by hand.
    """

    objective: ClassVar[str] = NONE

    @torch.no_grad()
    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Weights, 0 on markers and padding.

        Raises:
            UnsupportedModelError: the model is no transformer, and does not have exactly one pooling site.
        """
        if isinstance(model, ReadsRows):
            return LastLayer()(model, batch)
        if [site.kind for site in model.sites] != ["pool"]:
            raise UnsupportedModelError(
                "the measure `attention` needs a model with one pooling site, "
                f"found {[f'{site.name} ({site.kind})' for site in model.sites]}"
            )
        return model.trace(batch).attention[model.sites[0]].mean(dim=1)
