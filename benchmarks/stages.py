"""The stages of an audit as pairs of calls, the literal protocol's and ours, on the same model and the same texts."""

from __future__ import annotations

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from captum.attr import FeatureAblation, InputXGradient, IntegratedGradients

from attnaudit import text
from attnaudit.case import Case
from attnaudit.core import Batch
from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.counterfactual.exact import farthest_within
from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models.attentive import AttentiveModel
from attnaudit.models.interface import delete_each
from attnaudit.readout import LinearReadout
from attnaudit.stats.rank_bulk import kendall_tau_b_each
from attnaudit.train import Schedule, fit
from benchmarks.literal import protocol
from benchmarks.literal.model import LiteralModel

DRAWS = 100
EPSILON = 0.01
_BATCH = 32
_SPREAD = 0.2
"""Texts of a batch are up to so much longer or shorter than the mean, as in batches of texts of similar length."""


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
    """Words of the vocabulary that the tokeniser leaves whole; lengths around the given one, which is their mean."""
    draw = random.Random(length)
    tokenise = text.TOKENISERS[model.settings["tokeniser"]]
    whole = [word for word in model.vocabulary.words[4:] if len(tokenise(word)) == 1]
    lengths = [
        round(length * (1 - _SPREAD + 2 * _SPREAD * (n + 0.5) / count)) if count > 1 else length
        for n in range(count)
    ]
    return [
        Instance(f"{n}", {"text": " ".join(draw.choices(whole, k=lengths[n]))}, n % 2) for n in range(count)
    ]


def stages(model: AttentiveModel, length: int, *, texts: int, literal: bool = True) -> dict[str, Stage]:
    """All stages on texts of about one length; counterfactuals start from texts that are encoded."""
    instances = random_texts(model, length, texts)
    batch, plain = model.encode(instances), LiteralModel(model).requires_grad_(False)
    with torch.no_grad():
        trace, encoded = model.trace(batch), plain.encode(batch)
    learned = random_texts(model, length, max(4 * _BATCH, 5120 // length))

    def counterfactual(name: str, **settings: object) -> Callable[[], object]:
        return lambda: COUNTERFACTUALS[name](**settings)(model, batch, trace, seed=0)

    made = {
        "forward pass": (lambda: plain(batch), lambda: model.trace(batch)),
        "gradient": (lambda: protocol.gradient(plain, batch), lambda: _gradient(model, batch)),
        "leave-one-out": (lambda: protocol.leave_one_out(plain, batch), lambda: delete_each(model, batch)),
        f"{DRAWS} permutations": (
            lambda: protocol.permutation(plain, batch, DRAWS, encoded),
            counterfactual("permuted", draws=DRAWS),
        ),
        "ε-max JSD": (
            lambda: protocol.search(plain, batch, EPSILON, encoded=encoded),
            counterfactual("adversarial_exact", epsilon=EPSILON),
        ),
        "same-weights adversary": (None, counterfactual("same_weights", epsilon=EPSILON, long_share=1.0)),
        "τ-b": _tau([len(tokens) - 2 for tokens in batch.tokens]),
        "training": (lambda: _literal_epoch(model, learned), lambda: _epoch(model, learned)),
    }
    counts = {"training": len(learned)}
    return {
        name: Stage(counts.get(name, texts), once if literal else None, ours)
        for name, (once, ours) in made.items()
    }


def exact_extremes(tokens: int) -> dict[str, Stage]:
    """ε-max JSD of one long text: as texts are, and where nothing can be left out.

    At worst attention is nearly uniform, and no token alone is within ε: then no edge is better than another by far.
    """
    draw = np.random.default_rng(0)
    usual = np.exp(2 * draw.normal(size=tokens))
    flat = 1 + 1e-3 * draw.random(tokens)
    apart = np.where(np.arange(tokens) % 2, 1, -1) * (1 + draw.random(tokens))
    made = {"usual": (usual, draw.normal(0, 2, tokens)), "worst": (flat, apart)}
    found = {}
    for name, (weights, evidence) in made.items():
        attention = weights / weights.sum()
        readout = LinearReadout(np.stack([np.zeros(tokens), evidence]), np.array([0, -evidence @ attention]))
        case = Case(name, attention, readout)
        found[name] = Stage(1, None, partial(farthest_within, case, EPSILON))
    return found


def beside_captum(model: AttentiveModel, length: int, texts: int) -> dict[str, Stage]:
    """Importance by captum on the same model; its ablation puts zeros in a word's place, ours deletes the word."""
    batch = model.encode(random_texts(model, length, texts))
    model = deepcopy(model).requires_grad_(False)
    embedding = model.embed(batch).detach()
    with torch.no_grad():
        predicted = model.trace(batch).logits[:, 0].argmax(-1)

    def probability(vectors: torch.Tensor) -> torch.Tensor:
        return model.trace(batch, embedding=vectors).output[:, 0]

    def repeated(vectors: torch.Tensor) -> torch.Tensor:
        many = batch.take(torch.arange(len(vectors)) % len(batch))
        return model.trace(many, embedding=vectors).output[:, 0]

    tokens = torch.arange(embedding.shape[1])[None, :, None].expand(1, -1, embedding.shape[-1])

    def ablation() -> object:
        with torch.no_grad():
            return FeatureAblation(probability).attribute(embedding, target=predicted, feature_mask=tokens)

    def integrated() -> object:
        with torch.enable_grad():
            return IntegratedGradients(repeated).attribute(
                embedding, target=predicted, n_steps=50, internal_batch_size=8 * len(batch)
            )

    def gradient() -> object:
        with torch.enable_grad():
            return InputXGradient(probability).attribute(
                embedding.clone().requires_grad_(True), target=predicted
            )

    return {
        "leave-one-out (`FeatureAblation`)": Stage(texts, ablation, lambda: delete_each(model, batch)),
        "gradient (`InputXGradient`)": Stage(
            texts, gradient, lambda: MEASURES["gradient_full"](model, batch)
        ),
        "integrated gradients (`IntegratedGradients`)": Stage(
            texts, integrated, lambda: MEASURES["integrated_gradients"](model, batch)
        ),
    }


def _gradient(model: AttentiveModel, batch: Batch) -> torch.Tensor:
    with torch.enable_grad():
        return MEASURES["gradient_detached"](model, batch)


def _tau(lengths: list[int]) -> tuple[Callable[[], object], Callable[[], object]]:
    draw = np.random.default_rng(0)
    firsts, seconds = ([draw.random(length) for length in lengths] for _ in range(2))
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
