"""Which module is running, and which attention is it that it computes?

A distribution is known by the qualified name of its module and by which of that module's calls it is in one forward
pass: layers may share a module (ALBERT), and a module may attend twice (Longformer).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import nn

ROOT = "(root)"
"""The name of the model's own forward, outside all of its modules."""


def attends(module: nn.Module) -> bool:
    """Whether the name of the module's class says that it attends."""
    return "attention" in type(module).__name__.lower()


class Where:
    """The stack of modules whose forward is running, kept by hooks, and how often each has attended in this pass.

    Without a pattern only modules count whose class is called attention, so that routers, gates and output layers
    stay out; with one, every module.
    """

    def __init__(self, model: nn.Module, pattern: str | None) -> None:
        self._pattern = None if pattern is None else re.compile(pattern)
        self._model = model
        self._running: list[str] = []
        self._calls: Counter[str] = Counter()
        self.ran: dict[str, None] = {}  # innermost watched modules that ran, in order
        self._watched = {
            name: module
            for name, module in model.named_modules()
            # A softmax that is a module of its own is a step of the one around it, whose name it goes by.
            if name and (attends(module) if pattern is None else not isinstance(module, nn.Softmax))
        }

    @contextmanager
    def followed(self) -> Iterator[None]:
        """Hooks are on the modules inside, and gone after, whatever happens."""
        handles = [self._model.register_forward_pre_hook(self._begin)]
        try:
            for name, module in self._watched.items():
                handles.append(module.register_forward_pre_hook(partial(self._enter, name)))
                handles.append(module.register_forward_hook(self._leave, always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._running.clear()

    def attending(self) -> str | None:
        """The name of the distribution that is computed right now; None where it is not one of attention."""
        if self._pattern is None and not self._running:
            return None
        module = self._running[-1] if self._running else ROOT
        number = self._calls[module] = self._calls[module] + 1
        name = module if number == 1 else f"{module}#{number}"
        return name if self._pattern is None or self._pattern.search(name) else None

    def module(self, site: str) -> nn.Module:
        """The module whose distribution it is."""
        name = site.partition("#")[0]
        return self._model if name == ROOT else self._watched[name]

    @property
    def unseen(self) -> list[str]:
        """Modules that are called attention, ran, and in which nothing was seen: neither there nor further in."""
        return [
            name
            for name in self.ran
            if not any(seen == name or seen.startswith(f"{name}.") for seen in self._calls)
            and attends(self._watched[name])
        ]

    def _begin(self, *_call: Any) -> None:
        self._running.clear()
        self._calls.clear()
        self.ran.clear()

    def _enter(self, name: str, *_call: Any) -> None:
        self._running.append(name)
        self.ran.setdefault(name)

    def _leave(self, *_call: Any) -> None:
        if self._running:
            self._running.pop()
