"""The stages of an audit as pairs of calls, literal and ours, on the same model and the same texts."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch

from attnaudit import text
from attnaudit.core import Batch
from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models.attentive import AttentiveModel
from attnaudit.models.interface import delete_each
from attnaudit.stats.rank_bulk import kendall_tau_b_each
from attnaudit.train import Schedule, fit
from benchmarks.literal import protocol
from benchmarks.literal.model import LiteralModel

DRAWS = 100
EPSILON = 0.01
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage on so many texts; `literal` is None where it would take too long to wait for."""

    texts: int
    literal: Callable[[], object] | None
    ours: Callable[[], object]


def paper_model(encoder: str = "bilstm") -> AttentiveModel:
    """Untrained, of the paper's sizes (embedding 300, hidden 128), additive attention."""
    torch.manual_seed(0)
    words = [text.Token(f"word{letter}{n}", 0, 1) for letter in "abcdefgh" for n in range(500)]
    vocabulary = text.vocabulary([words])
    return AttentiveModel(vocabulary, ("no", "yes"), tokeniser="words-1", encoder=encoder).eval()


def random_texts(model: AttentiveModel, length: int, count: int) -> list[Instance]:
    """Words of the vocabulary that the tokeniser leaves whole, all texts of one length."""
    draw = random.Random(length)
    tokenise = text.TOKENISERS[model.settings["tokeniser"]]
    whole = [word for word in model.vocabulary.words[4:] if len(tokenise(word)) == 1]
    return [Instance(f"{n}", {"text": " ".join(draw.choices(whole, k=length))}, n % 2) for n in range(count)]


def stages(
    model: AttentiveModel, length: int, *, texts: int | None = None, literal: bool = True
) -> dict[str, Stage]:
    """All stages for texts of one length; a packed LSTM is handed texts of one length too."""
    count = max(2, 1600 // length) if texts is None else texts
    instances = random_texts(model, length, count)
    batch = model.encode(instances)
    plain = LiteralModel(model)
    learned = random_texts(model, length, max(2 * _BATCH, 5120 // length))
    made = {
        "forward pass": (lambda: plain(batch), lambda: model.trace(batch)),
        "gradient": (lambda: protocol.gradient(plain, batch), lambda: _gradient(model, batch)),
        "leave-one-out": (lambda: protocol.leave_one_out(plain, batch), lambda: delete_each(model, batch)),
        f"{DRAWS} permutations": (
            lambda: protocol.permutation(plain, batch, DRAWS),
            lambda: _counterfactual("permuted", model, batch, draws=DRAWS),
        ),
        "ε-max JSD": (
            lambda: protocol.search(plain, batch, EPSILON),
            lambda: _counterfactual("adversarial_exact", model, batch, epsilon=EPSILON),
        ),
        "τ-b": _tau(length, count),
        "training": (lambda: _literal_epoch(model, learned), lambda: _epoch(model, learned)),
    }
    counts = {"training": len(learned)}
    return {
        name: Stage(counts.get(name, count), once if literal else None, ours)
        for name, (once, ours) in made.items()
    }


def _gradient(model: AttentiveModel, batch: Batch) -> torch.Tensor:
    with torch.enable_grad():
        return MEASURES["gradient_detached"](model, batch)


def _counterfactual(name: str, model: AttentiveModel, batch: Batch, **settings: object) -> object:
    with torch.no_grad():
        return COUNTERFACTUALS[name](**settings)(model, batch, model.trace(batch), seed=0)


def _tau(length: int, count: int) -> tuple[Callable[[], object], Callable[[], object]]:
    draw = np.random.default_rng(0)
    firsts, seconds = ([draw.random(length) for _ in range(count)] for _ in range(2))
    as_tensors = [[torch.from_numpy(ranking) for ranking in side] for side in (firsts, seconds)]
    return lambda: protocol.kendall(*as_tensors), lambda: kendall_tau_b_each(firsts, seconds)


def _literal_epoch(model: AttentiveModel, instances: list[Instance]) -> None:
    plain = LiteralModel(model).train()
    steps = protocol.optimisers(plain)
    for start in range(0, len(instances), _BATCH):
        some = instances[start : start + _BATCH]
        targets = torch.tensor([instance.target for instance in some])
        protocol.training_step(plain, steps, model.encode(some), targets)


def _epoch(model: AttentiveModel, instances: list[Instance]) -> None:
    with torch.enable_grad():
        fit(
            deepcopy(model).requires_grad_(True),
            instances,
            instances[:2],
            Schedule(1, _BATCH, 1e-3, 1e-5),
            seed=0,
        )
