"""Fit one model by one spec: the paper's training, made fast, that goes on where it was stopped.

Length-bucketed batches, Adam with AMSGrad. A binary text classifier has its loss weighted by class and keeps the
epoch with the best ROC-AUC on the development split; every other model has plain cross-entropy and keeps the best
accuracy. Everything drawn comes from the seed and the number of the epoch, so that a run taken up again after its
last whole epoch ends with the same bits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor, nn

from attnaudit import memory, text
from attnaudit.core import Batch, Progress, Trace, silent
from attnaudit.errors import ModelError
from attnaudit.instance import Instance
from attnaudit.models.attentive import AttentiveModel
from attnaudit.models.encoding import Ids
from attnaudit.stats.classification import classification_scores
from attnaudit.store import write_atomically

_EVALUATION_TOKENS = 16_384
_TRAINING_TOKENS = 32_768
"""Most padded tokens that go forwards and backwards at a time. The loss is a sum, so a batch of longer texts is taken
in parts without changing a step; 32 texts of up to 1,000 tokens are one part, unless the memory limit is lower."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn; `batch` is in texts, `weight_decay` of what the paper's code decays."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch gave: loss on train and dev (nats an instance, weighted by class), scores on dev."""

    number: int
    train_loss: float
    dev_loss: float | None
    dev_scores: dict[str, float | None]


@dataclass(slots=True)
class Learned:
    """All that a training needs to go on from the end of an epoch."""

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)


Goal = Callable[[Trace, Batch, Sequence[int], Tensor], Tensor]
"""What is minimised in place of the labels' loss: from a forward pass, its batch, which of the training instances
these are, and the labels' loss summed over them, another loss summed over them."""


def fit(
    model: AttentiveModel,
    train: Sequence[Instance],
    dev: Sequence[Instance],
    settings: Schedule,
    *,
    seed: int,
    goal: Goal | None = None,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> tuple[list[Epoch], int]:
    """Train the model in place; it ends with the weights of the best epoch, in evaluation mode.

    Args:
        model: a fresh model (its weights are overwritten when a checkpoint is taken up).
        train: instances with targets.
        dev: instances on which the best epoch is chosen.
        settings: epochs, batch size, learning rate, weight decay.
        seed: of the order of the batches.
        goal: what to minimise in place of the labels' loss. The last epoch is then kept, since no score on the
            development split says how well the goal is met.
        checkpoint: file that holds the last whole epoch; written after each one, taken up when it exists.
        progress: told after each batch.

    Returns:
        What each epoch gave, and the number of the one that was kept (the first of the best).

    Raises:
        ModelError: the loss became infinite or NaN.
    """
    ids, targets, places = _learnable(model, train)
    dev_ids = [model.encoding.ids(instance) for instance in dev]
    dev_targets = np.array([_target(instance) for instance in dev])
    loss_of = _Loss.of(model, targets)
    optimised = _parameter_groups(model)
    optimiser = torch.optim.Adam(
        optimised,
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
        amsgrad=True,
        fused=True,
    )
    at_once = max(1, min(_TRAINING_TOKENS, memory.limit() // model.bytes_per_token))
    state = Learned()
    if checkpoint is not None and checkpoint.exists():
        state = take_up(checkpoint, model, optimiser) or state
    for number in range(len(state.epochs) + 1, settings.epochs + 1):
        model.train()
        total = 0.0
        batches = bucketed(
            [len(row.tokens) for row in ids], settings.batch, np.random.default_rng([seed, number])
        )
        for done, rows in enumerate(batches, start=1):
            optimiser.zero_grad()
            for part in text.length_batches([len(ids[i].tokens) for i in rows], budget=at_once):
                some = [rows[i] for i in sorted(part)]  # one part keeps the batch as it is, to the bit
                batch = model.pad([ids[i] for i in some])
                trace = model.trace(batch)
                loss = loss_of(trace.logits[:, 0], targets[some])
                if goal is not None:
                    loss = goal(trace, batch, [places[i] for i in some], loss)
                (loss / len(rows) if loss_of.mean else loss).backward()
                total += loss.item()
            optimiser.step()
            progress("training", (number - 1) * len(batches) + done, settings.epochs * len(batches))
        model.eval()
        if not math.isfinite(total):
            raise ModelError(
                f"training diverged in epoch {number}: the loss is {total}. Give a smaller `train.learning_rate` "
                f"(now {settings.learning_rate:g})"
            )
        dev_loss, dev_scores = _evaluated(model, dev_ids, dev_targets, loss_of)
        state.epochs.append(Epoch(number, total / len(ids), dev_loss, dev_scores))
        if (
            state.best == 0
            or goal is not None
            or loss_of.quality(state.epochs[-1]) > loss_of.quality(state.epochs[state.best - 1])
        ):
            state.best = number
            state.best_state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        if checkpoint is not None:
            keep(checkpoint, model, optimiser, state)
    model.load_state_dict(state.best_state)
    model.eval()
    return state.epochs, state.best


def predict(model: AttentiveModel, instances: Sequence[Instance]) -> Float[np.ndarray, "instance output"]:
    """The logits of each instance, in float64, in the order given."""
    return _predicted(model, [model.encoding.ids(instance) for instance in instances])


@torch.no_grad()
def _predicted(model: AttentiveModel, ids: Sequence[Ids]) -> Float[np.ndarray, "instance output"]:
    logits = torch.empty(len(ids), len(model.classes), dtype=torch.float64)
    lengths = [len(row.tokens) for row in ids]
    for rows in text.length_batches(lengths, budget=_EVALUATION_TOKENS, alike=0.8):
        logits[rows] = model.trace(model.pad([ids[i] for i in rows])).logits[:, 0].double().cpu()
    return logits.numpy()


def bucketed(lengths: Sequence[int], size: int, draw: np.random.Generator) -> list[list[int]]:
    """Positions in batches of `size` texts of similar length, in random order.

    Sorted by length with up to ±10 % of noise, cut, and the batches shuffled: little padding, and other
    company in each epoch.
    """
    noisy = np.asarray(lengths) * draw.uniform(0.9, 1.1, len(lengths))
    order = np.argsort(noisy, kind="stable")
    batches = [order[i : i + size].tolist() for i in range(0, len(order), size)]
    return [batches[i] for i in draw.permutation(len(batches))]


@dataclass(frozen=True, slots=True)
class _Loss:
    """Cross-entropy in nats, summed over a batch.

    A binary text classifier weights class 1 by (number of class 0 / number of class 1) and steps on the sum, as the
    published code does; every other model has no weights and steps on the mean (`mean`).
    """

    class_1_weight: Tensor | None
    mean: bool

    @classmethod
    def of(cls, model: AttentiveModel, targets: Int[Tensor, " instance"]) -> _Loss:
        if len(model.classes) != 2 or model.encoding.query is not None:
            return cls(None, mean=True)
        return cls((len(targets) - targets.sum()) / targets.sum(), mean=False)

    def __call__(self, logits: Float[Tensor, "batch output"], targets: Int[Tensor, " batch"]) -> Tensor:
        if self.class_1_weight is None:
            return torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
        return torch.nn.functional.binary_cross_entropy_with_logits(
            logits[:, 1] - logits[:, 0],
            targets.to(logits.dtype),
            pos_weight=self.class_1_weight.to(logits),
            reduction="sum",
        )

    def quality(self, epoch: Epoch) -> tuple[float, float]:
        """What epochs are compared by: ROC-AUC on dev (accuracy where the loss has no weights), else the loss."""
        main = epoch.dev_scores["accuracy" if self.mean else "roc_auc"]
        return main or 0.0, -math.inf if epoch.dev_loss is None else -epoch.dev_loss


def _parameter_groups(model: AttentiveModel) -> list[dict[str, Any]]:
    """What is learned; the scorer of a text classifier is not decayed, as in the published code."""
    learned = {name: value for name, value in model.named_parameters() if value.requires_grad}
    if model.encoding.query is not None:
        return [{"params": list(learned.values())}]
    decayed = [value for name, value in learned.items() if not name.startswith("scorer.")]
    return [{"params": decayed}, {"params": list(model.scorer.parameters()), "weight_decay": 0.0}]


def _learnable(
    model: AttentiveModel, instances: Sequence[Instance]
) -> tuple[list[Ids], Int[Tensor, " instance"], list[int]]:
    """Ids, targets and places of what can be learned from: the gold class must be one that can be the answer."""
    ids = [model.encoding.ids(instance) for instance in instances]
    targets = [_target(instance) for instance in instances]
    kept = [i for i, row in enumerate(ids) if row.candidates is None or targets[i] in row.candidates]
    if not kept:
        raise ModelError("in no training instance the gold answer is among the possible ones")
    return [ids[i] for i in kept], torch.tensor([targets[i] for i in kept], device=model.device), kept


def _evaluated(
    model: AttentiveModel, ids: Sequence[Ids], targets: Int[np.ndarray, " instance"], loss_of: _Loss
) -> tuple[float | None, dict[str, float | None]]:
    logits = torch.from_numpy(_predicted(model, ids))
    probabilities = torch.softmax(logits, dim=-1).numpy()
    scores = classification_scores(targets, probabilities)
    possible = np.isfinite(
        logits.numpy()[np.arange(len(targets)), targets]
    )  # of the others the loss is infinite
    if not possible.any():
        return None, scores
    loss = loss_of(logits[possible], torch.from_numpy(targets[possible])).item() / int(possible.sum())
    return loss, scores


def _target(instance: Instance) -> int:
    if instance.target is None:
        raise ValueError(f"instance `{instance.id}` has no target, so nothing can be learned from it")
    return instance.target


def keep(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer, state: Learned) -> None:
    """Everything at once or nothing: a kill leaves the last epoch whole."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in state.best_state.items()}
    for number, slots in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{number}.{slot}": value for slot, value in slots.items()}
    epochs = [{name: getattr(epoch, name) for name in Epoch.__slots__} for epoch in state.epochs]
    metadata = {"best": str(state.best), "epochs": json.dumps(epochs)}
    whole = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    write_atomically(path, serialise(whole, metadata))


def take_up(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> Learned | None:
    """The state at the end of the last whole epoch; None when the file was damaged, so that training starts anew."""
    try:
        with safe_open(str(path), framework="pt", device=str(next(model.parameters()).device)) as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except SafetensorError:
        return None
    model.load_state_dict(_under("model.", tensors))
    slots: dict[int, dict[str, Any]] = {}
    for name, value in _under("optimiser.", tensors).items():
        number, slot = name.split(".", 1)
        slots.setdefault(int(number), {})[slot] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": slots})
    epochs = [Epoch(**values) for values in json.loads(metadata["epochs"])]
    return Learned(epochs, int(metadata["best"]), _under("best.", tensors))


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
