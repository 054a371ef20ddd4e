"""The values that flow between a model and the questions asked of it.

Frozen; the tensors inside are not written to. Shapes use the axis words of the house: batch, token, step,
head, query, output, dim, draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

Embedding = Float[Tensor, "batch token dim"]
Attention = Float[Tensor, "batch head query token"]


@dataclass(frozen=True, slots=True)
class Batch:
    """Instances as one model sees them, padded to the longest.

    `token_mask` is True on real tokens (markers included), `audit_mask` on those whose importance is asked
    (no markers, no padding). `offsets` are characters of the attended field, None for a marker. Where a model
    reads a question or hypothesis beside the attended text, it is in `query_ids`; where only some classes can be the
    answer, `candidate_mask` is True on those. Where the tokens are pieces of words, `word_ids` numbers the word of
    each, −1 where it has none; `segment_ids` tell texts that are read as one apart.
    """

    instance_ids: tuple[str, ...]
    tokens: tuple[tuple[str, ...], ...]
    offsets: tuple[tuple[tuple[int, int] | None, ...], ...]
    token_ids: Int[Tensor, "batch token"]
    token_mask: Bool[Tensor, "batch token"]
    audit_mask: Bool[Tensor, "batch token"]
    query_ids: Int[Tensor, "batch query"] | None = None
    query_mask: Bool[Tensor, "batch query"] | None = None
    candidate_mask: Bool[Tensor, "batch output"] | None = None
    segment_ids: Int[Tensor, "batch token"] | None = None
    word_ids: Int[Tensor, "batch token"] | None = None

    def __len__(self) -> int:
        return len(self.token_ids)

    def select(self, rows: slice) -> Batch:
        """Some of the rows, with the padding of all."""
        return self._each(lambda part: part[rows])

    def take(self, rows: Int[Tensor, " row"]) -> Batch:
        """The given rows, in the given order, with the padding of all."""
        numbers = rows.tolist()
        return self._each(
            lambda part: part[rows] if isinstance(part, Tensor) else tuple(part[i] for i in numbers if part)
        )

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on the device."""
        return self._each(lambda part: part.to(device) if isinstance(part, Tensor) else part)

    def _each(self, change: Callable[[Any], Any]) -> Batch:
        parts = (getattr(self, name) for name in self.__slots__)
        changed: list[Any] = [None if part is None else change(part) for part in parts]
        return Batch(*changed)

    @property
    def n_audited(self) -> Int[Tensor, " batch"]:
        """Number of audited tokens, a row each."""
        return self.audit_mask.sum(dim=1)


@dataclass(frozen=True, slots=True)
class Site:
    """One place where a model attends: pooling over tokens, within a text, or across two."""

    name: str
    kind: Literal["pool", "self", "cross"]
    heads: int = 1


@dataclass(frozen=True, slots=True)
class Trace:
    """One forward pass, seen.

    `logits` have one column a class, K ≥ 2 also for a binary model (whose first column is then 0, so that the
    softmax of the row is the sigmoid of the second). `attention` rows sum to 1 on the allowed tokens.
    `states` is the model's own: what its capabilities need to go on from here.
    """

    logits: Float[Tensor, "batch step output"]
    attention: Mapping[Site, Attention]
    states: object = None

    @property
    def output(self) -> Float[Tensor, "batch step output"]:
        """The distribution over classes, rows sum to 1."""
        return torch.softmax(self.logits, dim=-1)


Progress = Callable[[str, int, int], None]
"""Told how far a stage has come: its name, steps done, steps in all."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """The `Progress` of those who do not watch."""


Intervention = Callable[[Site, Attention], Attention]
"""The weights to use instead of those the model computed."""
