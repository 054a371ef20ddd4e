"""Fine-tune a transformer to classify texts, and leave it in a folder that can be audited.

AdamW with a tenth of the steps to warm up and a linear way down, batches of similar lengths, gradients of norm 1 at
most; kept is the epoch with the best accuracy on the development split. Everything drawn comes from the seed and the
number of the epoch, so that a training taken up again after its last whole epoch ends with the same bits.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from attnaudit import text
from attnaudit.core import Progress, silent
from attnaudit.errors import DataError, ModelError, StoreError
from attnaudit.instance import Instance
from attnaudit.models.pieces import TRUNCATE, Pieces, pieces
from attnaudit.models.pretrained import without_remarks
from attnaudit.stats.classification import classification_scores
from attnaudit.train import Epoch, Learned, Schedule, bucketed, keep, take_up

_WARM_UP = 0.1
_EVALUATION_TOKENS = 16_384
_NOT_DECAYED = ("bias", "norm.weight")
"""How the names of parameters end that are not decayed, in small letters."""


def finetune(
    model: Any,
    tokenizer: Any,
    train: Sequence[Instance],
    dev: Sequence[Instance],
    settings: Schedule,
    *,
    attended: str = "text",
    query: str | None = None,
    longest: int = 512,
    seed: int = 0,
    half: bool = False,
    checkpoint: Path | None = None,
    progress: Progress = silent,
) -> tuple[list[Epoch], int]:
    """Train a classifier of `transformers` in place; it ends with the weights of the best epoch, in evaluation mode.

    Args:
        model: with as many outputs as there are classes.
        tokenizer: its own, a fast one.
        train: instances with targets.
        dev: instances on which the best epoch is chosen.
        settings: epochs, texts in a step, learning rate at its height, weight decay of all but biases and norms.
        attended: the field that is read, …
        query: … and the one behind it, if any.
        longest: most pieces of a text; what does not fit is left out at the end of the attended field.
        seed: of dropout and the order of batches.
        half: compute in bfloat16 where that is exact enough, with weights in float32.
        checkpoint: file that holds the last whole epoch; written after each one, taken up when it exists.
        progress: told after each batch.

    Returns:
        What each epoch gave, and the number of the one that was kept (the first of the best).

    Raises:
        DataError: an instance has no word, or lacks a field.
        ModelError: the loss became infinite or NaN.
    """

    def cut(instances: Sequence[Instance]) -> list[Pieces]:
        return [
            pieces(tokenizer, one, attended=attended, query=query, longest=longest, too_long=TRUNCATE)
            for one in instances
        ]

    rows, dev_rows = cut(train), cut(dev)
    targets, dev_targets = (
        torch.tensor([_target(instance) for instance in instances]) for instances in (train, dev)
    )
    optimiser = torch.optim.AdamW(
        _groups(model, settings.weight_decay), lr=settings.learning_rate, fused=True
    )
    steps = settings.epochs * math.ceil(len(rows) / settings.batch)
    pad = tokenizer.pad_token_id or 0
    state = Learned()
    if checkpoint is not None and checkpoint.exists():
        state = take_up(checkpoint, model, optimiser) or state
    for number in range(len(state.epochs) + 1, settings.epochs + 1):
        torch.manual_seed(_mixed(seed, number))
        model.train()
        total = 0.0
        batches = bucketed(
            [len(row.ids) for row in rows], settings.batch, np.random.default_rng([seed, number])
        )
        for done, some in enumerate(batches, start=1):
            at = (number - 1) * len(batches) + done
            for group in optimiser.param_groups:
                group["lr"] = settings.learning_rate * _height(at, steps)
            optimiser.zero_grad()
            with _autocast(half):
                logits = model(**_inputs(model, tokenizer, [rows[i] for i in some], pad)).logits
            loss = nn.functional.cross_entropy(logits.float(), targets[some])
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            total += loss.item() * len(some)
            progress("training", at, steps)
        model.eval()
        if not math.isfinite(total):
            raise ModelError(
                f"training diverged in epoch {number}: the loss is {total}. Give a smaller `--learning-rate` "
                f"(now {settings.learning_rate:g})"
            )
        dev_loss, scores = _evaluated(model, tokenizer, dev_rows, dev_targets, pad)
        state.epochs.append(Epoch(number, total / len(rows), dev_loss, scores))
        if state.best == 0 or _quality(state.epochs[-1]) > _quality(state.epochs[state.best - 1]):
            state.best = number
            state.best_state = {name: value.detach().clone() for name, value in model.state_dict().items()}
        if checkpoint is not None:
            keep(checkpoint, model, optimiser, state)
    model.load_state_dict(state.best_state)
    model.eval()
    return state.epochs, state.best


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """A model and its tokeniser as the library keeps them, whole or not at all; the folder must not be there yet.

    Raises:
        StoreError: the folder is there, or cannot be written.
    """
    if folder.exists():
        raise StoreError(f"{folder}: is there already; give another `--output`, or remove it")
    draft = folder.with_name(f"{folder.name}.partial-model")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with without_remarks():
            model.save_pretrained(draft)
            tokenizer.save_pretrained(draft)
        draft.rename(folder)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror}") from None


def can_halve() -> bool:
    """Whether this processor multiplies bfloat16 itself; else it would be slower than float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _target(instance: Instance) -> int:
    if not isinstance(instance.target, int):
        raise DataError(f"instance `{instance.id}` has no target, so nothing can be learned from it")
    return instance.target


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    learned = {name: value for name, value in model.named_parameters() if value.requires_grad}
    kept = [value for name, value in learned.items() if name.lower().endswith(_NOT_DECAYED)]
    decayed = [value for name, value in learned.items() if not name.lower().endswith(_NOT_DECAYED)]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": kept, "weight_decay": 0.0}]


def _height(step: int, steps: int) -> float:
    """The learning rate as a share of its height: up over the first tenth of the steps, then down towards 0."""
    warm = max(1, round(_WARM_UP * steps))
    return step / warm if step <= warm else (steps - step + 1) / (steps - warm + 1)


def _mixed(seed: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _inputs(model: Any, tokenizer: Any, rows: Sequence[Pieces], pad: int) -> dict[str, Tensor]:
    width = max(len(row.ids) for row in rows)
    ids = torch.tensor([[*row.ids, *[pad] * (width - len(row.ids))] for row in rows])
    real = torch.tensor([[1] * len(row.ids) + [0] * (width - len(row.ids)) for row in rows])
    inputs = {"input_ids": ids, "attention_mask": real}
    if "token_type_ids" in tokenizer.model_input_names and hasattr(model.config, "type_vocab_size"):
        segments = [[*row.segments, *[0] * (width - len(row.ids))] for row in rows]
        inputs["token_type_ids"] = torch.tensor(segments)
    return inputs


@torch.no_grad()
def _evaluated(
    model: Any, tokenizer: Any, rows: Sequence[Pieces], targets: Tensor, pad: int
) -> tuple[float, dict[str, float | None]]:
    """Loss and scores, in float32 as they will be audited."""
    logits = torch.empty(len(rows), model.config.num_labels, dtype=torch.float64)
    lengths = [len(row.ids) for row in rows]
    for some in text.length_batches(lengths, budget=_EVALUATION_TOKENS, alike=0.8):
        logits[some] = model(**_inputs(model, tokenizer, [rows[i] for i in some], pad)).logits.double()
    loss = nn.functional.cross_entropy(logits, targets).item()
    return loss, classification_scores(targets.numpy(), torch.softmax(logits, dim=-1).numpy())


def _quality(epoch: Epoch) -> tuple[float, float]:
    return epoch.dev_scores["accuracy"] or 0.0, -(epoch.dev_loss or 0.0)


@contextmanager
def _autocast(half: bool) -> Iterator[None]:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        yield
