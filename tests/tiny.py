"""Deterministic models and corpora, small enough for any test; documentation and examples use them too."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch

from attnaudit import text
from attnaudit.instance import Instance
from attnaudit.models.attentive import AttentiveModel
from attnaudit.spec import Spec

WORDS = tuple(f"{first}{second}" for first in "bdfgklmnprst" for second in "aeiou")


def instances(*lengths: int, seed: int = 0) -> list[Instance]:
    """Texts of the given numbers of words, each with a question of three words, of alternating class."""
    draw = random.Random(seed)
    return [
        Instance(
            f"tiny/{number}",
            {"text": " ".join(draw.choices(WORDS, k=length)), "question": " ".join(draw.choices(WORDS, k=3))},
            number % 2,
        )
        for number, length in enumerate(lengths)
    ]


def model(
    encoder: str = "bilstm",
    attention: str = "additive",
    *,
    query: bool = False,
    classes: tuple[str, ...] = ("negative", "positive"),
    cloze: bool = False,
    seed: int = 0,
    sharp: float = 4.0,
) -> AttentiveModel:
    """An untrained model whose attention and output are spread out enough to tell things apart."""
    vocabulary = text.vocabulary([[text.Token(word, 0, 1) for word in WORDS]])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = AttentiveModel(
            vocabulary,
            classes,
            query="question" if query else None,
            cloze=cloze,
            encoder=encoder,
            attention=attention,
            embedding=12,
            hidden=16,
        )
        with torch.no_grad():
            for name, value in made.named_parameters():
                if name in ("scorer.direction.weight", "readout.weight", "readout.output.weight"):
                    value *= sharp * 3
    return made.eval().requires_grad_(False)


def small_spec(**changes: Any) -> Spec:
    """A whole audit in seconds."""
    plain: dict[str, Any] = {
        "task": {"name": "planted", "train": 240, "dev": 60, "test": 60, "longest": 30},
        "model": {"embedding": 24, "hidden": 16},
        "train": {"epochs": 3, "learning_rate": 5e-3},
        "measures": ["attention", "gradient_detached", "gradient_full", "leave_one_out"],
        "counterfactuals": [
            {"name": "permuted", "draws": 20},
            "uniform",
            "adversarial_exact",
            {"name": "adversarial_search", "steps": 40},
        ],
    }
    return Spec.parse(plain | changes)


def outputs(made: AttentiveModel, texts: Sequence[Instance]) -> torch.Tensor:
    """Class probabilities in float64, [instance, output]."""
    with torch.no_grad():
        return torch.softmax(made.trace(made.encode(texts)).logits[:, 0].double(), dim=-1)
