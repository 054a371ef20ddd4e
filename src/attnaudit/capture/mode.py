"""Every softmax and every fused attention of a forward pass, intercepted as torch is called.

It sits above autograd, so gradients flow into what replaces the weights, and no model has to be known: softmax in any
of its spellings, `scaled_dot_product_attention` (written out, as its kernels keep their weights to themselves), and
`multi_head_attention_forward`, inside which torch switches interception off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from attnaudit.capture.said import beyond, heads
from attnaudit.capture.shape import Shape
from attnaudit.capture.where import Where
from attnaudit.core import Attention
from attnaudit.errors import UnsupportedModelError

Edit = Callable[[str, Attention], Attention]
"""Given the name of a site and its weights [batch, head, query, token]: the weights to use instead."""

_SOFTMAX = {functional.softmax, torch.softmax, torch.special.softmax, Tensor.softmax}
_FUSED = functional.scaled_dot_product_attention
_MULTI_HEAD = functional.multi_head_attention_forward


class Capture(TorchFunctionMode):
    """A context in which the attention of a model is kept and may be replaced.

    Args:
        model: in eval mode; see `ready`.
        batch: number of texts in the forward passes inside; with beams, texts × beams.
        edit: what to use instead of the weights; they are used as they are where not given.
        sites: regular expression on the names of sites; those of modules that are called attention where not given.
        keep: whether the weights that were used stay in `attention` after the pass.

    Attributes:
        attention: by site, of the last forward pass, in the order of computation.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: int,
        *,
        edit: Edit | None = None,
        sites: str | None = None,
        keep: bool = True,
    ) -> None:
        super().__init__()
        self._where = Where(model, sites)
        self._model = model
        self._batch = batch
        self._edit = edit
        self._keep = keep
        self._open = ExitStack()
        self.attention: dict[str, Attention] = {}

    @property
    def unseen(self) -> list[str]:
        """Modules that are called attention and ran without any that could be seen."""
        return self._where.unseen

    @property
    def unsaid(self) -> list[str]:
        """Sites of the last pass whose module does not say how many heads it has."""
        return [name for name in self.attention if heads(self._where.module(name), 4) is None]

    def __enter__(self) -> Capture:
        self._open.enter_context(self._where.followed())
        handle = self._model.register_forward_pre_hook(self._forget)
        self._open.callback(handle.remove)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            super().__exit__(*error)
        finally:
            self._open.close()

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """One call of torch: done as asked, but for those that attend."""
        kwargs = kwargs or {}
        if func is _MULTI_HEAD:
            with _patched(partial(self._softmax, functional.softmax), self._fused):
                return func(*args, **kwargs)
        if func in _SOFTMAX:
            return self._softmax(func, *args, **kwargs)
        if func is _FUSED:
            return self._fused(*args, **kwargs)
        return func(*args, **kwargs)

    def _forget(self, *_call: Any) -> None:
        self.attention = {}

    def _softmax(self, func: Any, *args: Any, **kwargs: Any) -> Tensor:
        weights = func(*args, **kwargs)
        name = self._where.attending()
        if name is None:
            return weights
        axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if axis is None:  # as torch takes it, with a warning
            axis = 0 if weights.ndim in (0, 1, 3) else 1
        return self._used(name, weights, axis)

    def _fused(self, *args: Any, **kwargs: Any) -> Tensor:
        name = self._where.attending()
        if name is None:
            return _FUSED(*args, **kwargs)
        return _written_out(partial(self._used, name), *args, **kwargs)

    def _used(self, name: str, weights: Tensor, axis: int = -1) -> Tensor:
        """The weights that the model goes on with."""
        if self._edit is None and not self._keep:
            return weights
        module = self._where.module(name)
        shape = Shape(tuple(weights.shape), axis, self._batch, heads(module, weights.ndim), beyond(module))
        try:
            attention = shape.spread(weights)
        except UnsupportedModelError as error:
            raise UnsupportedModelError(
                f"`{name}`: {error}. Other sites can be named (`sites`, a regular expression on their names)"
            ) from error
        if self._edit is None:
            self.attention[name] = attention
            return weights
        edited = self._edit(name, attention)
        if edited.shape != attention.shape:
            raise UnsupportedModelError(
                f"the weights of `{name}` must keep the shape {list(attention.shape)}, found {list(edited.shape)}"
            )
        if self._keep:
            self.attention[name] = edited
        return weights if edited is attention else shape.back(edited.to(weights.dtype), weights)


def _written_out(
    use: Callable[[Tensor], Tensor],
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`scaled_dot_product_attention` by its definition, with the weights passed through `use`.

    Source: the definition in the documentation of torch. Oracle: torch's own, unedited.
    """
    if dropout_p:
        raise UnsupportedModelError(
            "attention under dropout is drawn anew in every pass; put the model in eval mode"
        )
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], dim=-3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], dim=-3)
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if is_causal:
        allowed = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        scores = scores.masked_fill(~allowed, -math.inf)
    if attn_mask is not None:
        scores = (
            scores.masked_fill(~attn_mask, -math.inf) if attn_mask.dtype == torch.bool else scores + attn_mask
        )
    weights = torch.softmax(scores, dim=-1)
    # A row with nothing to attend to: the fused kernels give zeros.
    weights = weights.masked_fill((scores == -math.inf).all(dim=-1, keepdim=True), 0.0)
    return use(weights) @ value


@contextmanager
def _patched(softmax: Any, fused: Any) -> Iterator[None]:
    """Interception inside a function of torch that interception does not reach."""
    before = functional.softmax, functional.scaled_dot_product_attention
    functional.softmax, functional.scaled_dot_product_attention = softmax, fused
    try:
        yield
    finally:
        functional.softmax, functional.scaled_dot_product_attention = before
