"""Do the highest ranked words carry the decision? One entry a kind: `(model, batch, trace, orders) → rows`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from attnaudit.core import Batch, Trace
from attnaudit.erasure.by_rank import RemovedByRank
from attnaudit.erasure.orders import Erased, Orders
from attnaudit.erasure.re_encoded import ReEncoded
from attnaudit.models.interface import TextModel


class Erases(Protocol):
    """Anything that takes words away in given orders and says what became of the decision."""

    @property
    def sample(self) -> int | None:
        """How many of the audited instances are asked, drawn with the seed; None for all."""

    def __call__(
        self, model: TextModel, batch: Batch, trace: Trace, orders: Mapping[str, Orders], *, seed: int
    ) -> dict[str, list[Erased]]:
        """Rows of the table `erasure` for each instance of the batch."""


ERASURES: dict[str, Callable[..., Erases]] = {"by_rank": RemovedByRank, "re_encoded": ReEncoded}

__all__ = ["ERASURES", "Erased", "Erases", "Orders", "ReEncoded", "RemovedByRank"]
