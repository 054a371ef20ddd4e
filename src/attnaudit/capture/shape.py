"""Attention as [batch, head, query, token], whatever shape a model computes it in, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from attnaudit.core import Attention
from attnaudit.errors import UnsupportedModelError


@dataclass(frozen=True, slots=True)
class Shape:
    """How the weights of one call lie.

    Their own shape, over which of its axes they sum to 1, the number of texts, how many heads the module says it has,
    and how many columns come after those of the tokens: they stay as the model computed them.
    """

    own: tuple[int, ...]
    axis: int
    batch: int
    heads: int | None = None
    beyond: int = 0

    def spread(self, weights: Tensor) -> Attention:
        """[batch, head, query, token] of what the model computed."""
        everything = self._everything(weights)
        return everything[..., : everything.shape[-1] - self.beyond] if self.beyond else everything

    def back(self, attention: Attention, weights: Tensor) -> Tensor:
        """The model's own shape of what was put in the place of its weights."""
        if self.beyond:
            attention = torch.cat([attention, self._everything(weights)[..., -self.beyond :]], dim=-1)
        moved = list(self.own)
        moved.append(moved.pop(self.axis))
        return attention.reshape(moved).movedim(-1, self.axis)

    def _everything(self, weights: Tensor) -> Attention:
        last = weights.movedim(self.axis, -1)
        return last.reshape(self.batch, *self._between(last.shape), last.shape[-1])

    def _between(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Heads and queries of weights whose last axis is the tokens.

        [batch, token] is a pooled head. [batch, query, token] has one head; where the first axis is a multiple of the
        batch, as in `nn.MultiheadAttention`, the heads are in it, fastest. [batch, head, query, token] is as it is,
        but for one query of grouped heads, which comes as [batch, group, head in it, token]. What the module says of
        its heads must agree.
        """
        first, middle = shape[0], shape[1:-1]
        found: tuple[int, int] | None = None
        if len(shape) == 4 and first == self.batch:
            found = (self.heads, 1) if middle[0] * middle[1] == self.heads else (middle[0], middle[1])
        elif len(shape) == 3 and first % self.batch == 0:
            found = first // self.batch, middle[0]
        elif len(shape) == 2 and first in (self.batch, self.batch * (self.heads or 1)):
            found = first // self.batch, 1
        if found is None:
            raise UnsupportedModelError(
                f"weights of the shape {list(shape)} for {self.batch} texts, the last axis the one that sums to 1, "
                "cannot be told into texts, heads, queries and tokens; they can be as [batch, head, query, token], "
                "[batch × head, query, token], [batch, query, token] and [batch, token]"
            )
        if self.heads not in (None, found[0]):
            raise UnsupportedModelError(
                f"weights of the shape {list(shape)} for {self.batch} texts, the last axis the one that sums to 1, "
                f"would have {found[0]} heads where the module says that it has {self.heads}; heads, queries and "
                "tokens cannot be told apart, as with windows, landmarks and kernels of convolution"
            )
        return found
