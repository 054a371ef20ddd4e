"""Instances in batches: as large as memory has room for, of alike lengths, and smaller where a device has less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch

from attnaudit import memory, text
from attnaudit.core import Batch
from attnaudit.errors import ModelError
from attnaudit.instance import Instance
from attnaudit.models.interface import TextModel

TOKENS = 8_192
"""Most padded tokens in a batch; a CPU gains nothing from more."""

ALIKE = 0.8
"""Least length in a batch, as a share of its longest: a fifth of padding costs what larger batches gain."""

TOKENS_GPU = 131_072
"""A GPU does."""


def in_batches(
    model: TextModel, instances: Sequence[Instance], ask: Callable[[Sequence[int], Batch], None]
) -> None:
    """`ask` for all instances, with the positions of those in a batch; batches as large as the memory limit allows.

    Where a batch is too large for the device all the same, its halves are asked, and so on.

    Raises:
        ModelError: one text alone is too much.
    """
    lengths = [model.length(instance) for instance in instances]

    def encode(positions: Sequence[int]) -> None:
        ask(positions, model.encode([instances[i] for i in positions]))

    by_length(model, lengths, encode, name=lambda position: instances[position].id)


def by_length(
    model: TextModel,
    lengths: Sequence[int],
    ask: Callable[[Sequence[int]], None],
    *,
    name: Callable[[int], str],
) -> None:
    """`ask` for the positions of all lengths, those of alike ones together, in batches as `in_batches` makes them.

    Raises:
        ModelError: one position alone is too much; `name` says of which instance it is.
    """
    waiting = text.length_batches(lengths, budget=_tokens(model), alike=ALIKE)[::-1]
    while waiting:
        positions = waiting.pop()
        if _fits(partial(ask, positions)):
            continue
        if len(positions) == 1:
            raise ModelError(
                f"the device has too little memory for instance `{name(positions[0])}` alone "
                f"({lengths[positions[0]]} tokens); compute on the CPU, or leave texts of such length out"
            )
        half = len(positions) // 2
        waiting += [positions[half:], positions[:half]]


def _tokens(model: TextModel) -> int:
    """Padded tokens in a batch, by what the memory limit has room for."""
    most = TOKENS if model.device.type == "cpu" else TOKENS_GPU
    return max(1, min(most, memory.limit() // model.bytes_per_token))


def _fits(call: Callable[[], None]) -> bool:
    """Whether the device had memory for it. The failed call is over when this returns, and its tensors are gone."""
    try:
        call()
    except torch.OutOfMemoryError:
        pass
    else:
        return True
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return False
