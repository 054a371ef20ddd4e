"""Put a model into the state in which its attention can be seen, and give it back as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from attnaudit.errors import UnsupportedModelError


@contextmanager
def ready(model: nn.Module, *, step_by_step: bool = True) -> Iterator[nn.Module]:
    """The model in eval mode, with attention that is computed step by step, and as it was afterwards.

    Models of `transformers` are switched to `eager`, in which every distribution is computed by the model's own code,
    unless told to leave them; the fast path of `nn.MultiheadAttention` is off, since it computes padding otherwise.
    Parameters ask for no gradient inside, which makes those of the inputs cheaper. What was changed is restored on
    the way out, also after an exception.

    Raises:
        UnsupportedModelError: the model cannot be questioned as it is: scripted, or in half precision.
    """
    refuse(model)
    with ExitStack() as restore:
        for module in model.modules():
            if module.training:
                restore.callback(setattr, module, "training", True)
                module.training = False
        for parameter in model.parameters():
            if parameter.requires_grad:
                restore.callback(parameter.requires_grad_, True)
                parameter.requires_grad_(False)
        restore.callback(torch.backends.mha.set_fastpath_enabled, torch.backends.mha.get_fastpath_enabled())
        torch.backends.mha.set_fastpath_enabled(False)
        if step_by_step:
            _to_eager(model, restore)
        yield model


def refuse(model: nn.Module) -> None:
    """Say why a model cannot be questioned as it is, and what can be done; nothing where it can."""
    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedModelError(
            "the model is scripted (TorchScript), so that its attention cannot be reached from outside; give the "
            "model that it was made from"
        )
    half = {p.dtype for p in model.parameters() if p.is_floating_point()} - {torch.float32, torch.float64}
    if half:
        names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in half))
        raise UnsupportedModelError(
            f"the model is in {names}, which moves probabilities by as much as is measured here; use "
            "`model.float()`, or load it with `dtype=torch.float32`"
        )


def _to_eager(model: nn.Module, restore: ExitStack) -> None:
    """Have a model of `transformers` compute attention by its own code, where it can do it in several ways."""
    switch, config = getattr(model, "set_attn_implementation", None), getattr(model, "config", None)
    if switch is None or config is None:
        return
    # Parts of a model (text, vision, …) may each have their own.
    parts = {name: getattr(config, name, None) for name in getattr(config, "sub_configs", ())} | {"": config}
    before = {
        name: getattr(part, "_attn_implementation", None) for name, part in parts.items() if part is not None
    }
    if set(before.values()) <= {None, "eager"}:
        return
    restore.callback(_quietly, switch, before)
    _quietly(switch, "eager")


def _quietly(switch: Any, implementation: str | dict[str, Any]) -> None:
    # Families that have one way only say so in a warning and go on with it; the self-test looks at what is seen.
    logger = logging.getLogger("transformers.modeling_utils")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        switch(implementation)
    finally:
        logger.setLevel(level)
