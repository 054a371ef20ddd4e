"""Only what follows a site is computed again: the layers before it give out what they gave.

Most questions replace the attention of one layer, often the last. Its neighbours before it, in the list of layers
that every transformer has, need not run again. That the answer is the same is part of a model's self-test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from attnaudit.core import Site


@dataclass(frozen=True, slots=True)
class Given:
    """What some layers gave for a batch of so many texts."""

    outputs: Mapping[str, Any]
    batch: int


def layers_before(model: nn.Module, site: Site) -> list[str]:
    """The names of the layers that lie before the one with this site, in the outermost list that holds it."""
    parts = site.name.partition("#")[0].split(".")
    for depth, part in enumerate(parts):
        if part.isdigit():
            parent = ".".join(parts[:depth])
            if isinstance(model.get_submodule(parent), nn.ModuleList):
                return [f"{parent}.{number}" for number in range(int(part))]
    return []


@contextmanager
def recorded(model: nn.Module, names: list[str], batch: int) -> Iterator[Given]:
    """What these layers give in the forward pass inside; a layer that runs twice in it is left out."""
    outputs: dict[str, Any] = {}
    twice: set[str] = set()

    def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        if name in outputs or name in twice:
            outputs.pop(name, None)
            twice.add(name)
        else:
            outputs[name] = output

    with ExitStack() as handles:
        for name in names:
            handle = model.get_submodule(name).register_forward_hook(partial(keep, name))
            handles.callback(handle.remove)
        yield Given(outputs, batch)


@contextmanager
def given_again(model: nn.Module, given: Given, rows: Tensor) -> Iterator[None]:
    """The layers give what they gave, for these rows of their batch, and compute nothing."""

    def chosen(value: Any) -> Any:
        if isinstance(value, Tensor) and value.ndim and len(value) == given.batch:
            return value.index_select(0, rows)
        return type(value)(map(chosen, value)) if type(value) in (tuple, list) else value

    def instead(output: Any, *_inputs: Any, **_more: Any) -> Any:
        return chosen(output)

    with ExitStack() as restore:
        for name, output in given.outputs.items():
            module = model.get_submodule(name)
            before = module.__dict__.get("forward")
            module.forward = partial(instead, output)
            if before is None:
                restore.callback(module.__dict__.pop, "forward")
            else:
                restore.callback(module.__dict__.__setitem__, "forward", before)
        yield


def all_rows(batch: int, draws: int, device: torch.device) -> Tensor:
    """Each text so many times in a row."""
    return torch.arange(batch, device=device).repeat_interleave(draws)
