"""What an encoder says about deleted tokens: which states change, and what is left when they hardly differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor


class Slopes(NamedTuple):
    """How a few sums over a text (the functionals) change with its states, to decide when states need no more care.

    `by_state` are their derivatives by each state alone, the others held fixed; `stake` says how much more a change
    of a sum counts when the token is deleted.
    """

    by_state: Float[Tensor, "batch token functional dim"]
    stake: Float[Tensor, "batch token"]


class Change(NamedTuple):
    """Token states that are no longer what they were, because another token of the text was deleted.

    `rows` says which row of the batch, `deleted` which token went, `positions` which token the new state is of. Only
    these `columns` of the state are new, and `states` holds no others.
    """

    rows: Int[Tensor, " change"]
    deleted: Int[Tensor, " change"]
    positions: Int[Tensor, " change"]
    states: Float[Tensor, "change column"]
    columns: slice = slice(None)


class Remainder(NamedTuple):
    """What all further states of a text would add to each functional, given in place of the states themselves.

    From where a recomputed state is so near to the original that what follows is linear in the difference.
    """

    rows: Int[Tensor, " change"]
    deleted: Int[Tensor, " change"]
    effects: Float[Tensor, "change functional"]


Changes = Callable[[Callable[[], Slopes] | None], Iterator[Change | Remainder]]
"""All changes of all deletions. Given nothing to make slopes from, there are no remainders: every state that differs
is given. An encoder whose changes are few need not ask for the slopes."""


@runtime_checkable
class SharesDeletions(Protocol):
    """An encoder that knows which states change when a token is deleted, and computes no others."""

    def deletions(
        self,
        embedding: Float[Tensor, "batch token in"],
        mask: Bool[Tensor, "batch token"],
        which: Bool[Tensor, "batch token"],
    ) -> tuple[Float[Tensor, "batch token dim"], Changes]:
        """The states, and what changes when one of the tokens in `which` is deleted."""
