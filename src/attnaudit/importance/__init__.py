"""How much did each token matter? One entry a measure: `(model, batch) → scores [batch, step, token]`."""

from __future__ import annotations

from typing import ClassVar, Protocol

from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Batch
from attnaudit.importance.from_attention import Pooled
from attnaudit.importance.gradient import Gradient, GradientNorm
from attnaudit.importance.integrated import IntegratedGradients
from attnaudit.importance.leave_one_out import LeaveOneOut
from attnaudit.importance.readings import AllLayers, AttentionGradient, Rollout
from attnaudit.models.interface import AuditedModel


class Measure(Protocol):
    """Anything that gives each token a score, and names the number that the scores explain."""

    objective: ClassVar[str]

    def __call__(self, model: AuditedModel, batch: Batch) -> Float[Tensor, "batch step token"]:
        """Scores ≥ 0; those of markers and padding are not read."""


MEASURES: dict[str, Measure] = {
    "attention": Pooled(),
    "attention_all_layers": AllLayers(),
    "attention_rollout": Rollout(),
    "attention_gradient": AttentionGradient(),
    "gradient_detached": Gradient(detached=True),
    "gradient_full": Gradient(detached=False),
    "gradient_norm": GradientNorm(),
    "integrated_gradients": IntegratedGradients(),
    "leave_one_out": LeaveOneOut(),
}
