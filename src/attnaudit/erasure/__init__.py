"""Do the highest ranked words carry the decision? One entry a kind: `(case, orders) → rows of the table`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from attnaudit.case import Case
from attnaudit.erasure.by_rank import Erased, Orders, RemovedByRank

Erasure = Callable[..., "Erases"]


class Erases(Protocol):
    """Anything that takes words away in given orders and says what became of the decision."""

    def __call__(self, case: Case, orders: Orders, *, seed: int) -> list[Erased]:
        """Rows of the table `erasure` of one instance."""


ERASURES: dict[str, Erasure] = {"by_rank": RemovedByRank}

__all__ = ["ERASURES", "Erased", "Erases", "Orders", "RemovedByRank"]
