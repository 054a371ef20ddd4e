"""Models that can be audited, and the way of weights in and out of them."""

from __future__ import annotations

from attnaudit.models.attentive import SCORERS, AttentiveModel
from attnaudit.models.checkpoint import from_plain, load, save, to_plain
from attnaudit.models.encoders import ENCODERS
from attnaudit.models.interface import AuditedModel, TextModel, check_attention
from attnaudit.models.transformer import Transformer

MODELS: dict[str, type[TextModel]] = {"attentive": AttentiveModel, "transformer": Transformer}

__all__ = [
    "ENCODERS",
    "MODELS",
    "SCORERS",
    "AttentiveModel",
    "AuditedModel",
    "TextModel",
    "Transformer",
    "check_attention",
    "from_plain",
    "load",
    "save",
    "to_plain",
]
