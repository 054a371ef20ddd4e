"""In which order the words of a text go, and the rows that say what became of the decision, for all erasures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from attnaudit.named import RANDOM
from attnaudit.stats.draws import generator

FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Shares of the words at which comprehensiveness and sufficiency are read (DeYoung et al. 2020)."""

Orders = Mapping[str, Float[np.ndarray, " token"] | str]
"""For each ordering the scores by which words are ranked, the highest first; or the status that says why not."""


class Erased(NamedTuple):
    """One row of the table `erasure`, without the instance."""

    quantity: str
    ordering: str
    operator: str
    fraction: float | None
    draw: int
    value: float | None
    status: str


def ranked(
    instance_id: str, n: int, orders: Orders, *, draws: int, seed: int
) -> dict[str, Int[np.ndarray, "draw token"] | str]:
    """For each ordering the places of the n words, the first to go first; `draws` rows of them for the random ones.

    Or the status that says why there are none. Ties are broken at random, and all erasures of a run draw alike.
    """
    shuffled = generator(seed, instance_id, "erasure").random((draws, n)).argsort(axis=1)
    found: dict[str, np.ndarray | str] = {}
    for ordering, scores in orders.items():
        if isinstance(scores, str):
            found[ordering] = scores
        else:
            found[ordering] = "too_short" if n < 2 else np.lexsort((shuffled[0], -scores))[None]
    found[RANDOM] = "too_short" if n < 2 else shuffled
    return found


def count_at(fraction: float, n: int) -> int:
    """How many of n words a share of them is: at least one, and at least one is left."""
    return min(max(1, math.ceil(fraction * n)), n - 1)


def answered(
    ordering: str,
    operator: str,
    flips: Sequence[float | None],
    changes: Mapping[tuple[str, float], float | None],
) -> list[Erased]:
    """The rows of one ordering: the share removed at the flip of each draw, and quantities at a fraction."""
    rows = []
    for draw, value in enumerate(flips):
        status = "censored" if value is None else "ok"
        rows.append(Erased("decision_flip", ordering, operator, None, draw, value, status))
    for (quantity, fraction), value in changes.items():
        status = "infeasible" if value is None else "ok"
        rows.append(Erased(quantity, ordering, operator, fraction, 0, value, status))
    return rows


def undefined(ordering: str, operator: str, status: str) -> list[Erased]:
    """The rows of an ordering that there is not."""
    rows = [Erased("decision_flip", ordering, operator, None, 0, None, status)]
    return rows + [
        Erased(quantity, ordering, operator, fraction, 0, None, status)
        for quantity in ("comprehensiveness", "sufficiency")
        for fraction in FRACTIONS
    ]
