"""Attention as [batch, head, query, token], whatever shape a model computes it in, and back."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from attnaudit.core import Attention
from attnaudit.errors import UnsupportedModelError


@dataclass(frozen=True, slots=True)
class Shape:
    """How the weights of one call lie: their own shape, and over which of its axes they sum to 1."""

    own: tuple[int, ...]
    axis: int
    batch: int

    def spread(self, weights: Tensor) -> Attention:
        """[batch, head, query, token] of what the model computed."""
        last = weights.movedim(self.axis, -1)
        return last.reshape(self.batch, *_between(last.shape, self.batch), last.shape[-1])

    def back(self, attention: Attention) -> Tensor:
        """The model's own shape of weights that were put in their place."""
        moved = list(self.own)
        moved.append(moved.pop(self.axis))
        return attention.reshape(moved).movedim(-1, self.axis)


def _between(shape: tuple[int, ...], batch: int) -> tuple[int, int]:
    """Heads and queries of weights whose last axis is the tokens.

    [batch, token] is a pooled head. [batch, query, token] has one head; where the first axis is a multiple of the
    batch, as in `nn.MultiheadAttention`, the heads are in it, fastest. [batch, head, query, token] is as it is.
    """
    first, middle = shape[0], shape[1:-1]
    if first % batch or len(middle) > 2 or (len(middle) == 2 and first != batch):
        raise UnsupportedModelError(
            f"attention of the shape {list(shape)} for {batch} texts cannot be told into texts, heads and queries; "
            "the first axis must be the texts, or texts × heads with at most one axis of queries"
        )
    if not middle:
        return first // batch, 1
    if len(middle) == 1:
        return first // batch, middle[0]
    return middle[0], middle[1]
