"""Choices of the generated corpora, drawn so that a seed gives the same text everywhere.

`random.Random.random` alone is promised to stay the same from one version of Python to the next, so all is built
on it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def pick(choices: Sequence[T], rng: random.Random) -> T:
    """One of the choices, each as likely as another."""
    return choices[int(rng.random() * len(choices))]


def often_early(choices: Sequence[T], rng: random.Random) -> T:
    """One of the choices, the earlier the likelier: in a language, too, few words are frequent, many rare."""
    return choices[int(rng.random() ** 3 * len(choices))]


def between(low: int, high: int, rng: random.Random) -> int:
    """A whole number from `low` to `high`, both included."""
    return low + int(rng.random() * (high - low + 1))


def shuffled(values: Iterable[T], rng: random.Random) -> list[T]:
    """The values in an order in which all orders are equally likely."""
    values = list(values)
    for i in range(len(values) - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        values[i], values[j] = values[j], values[i]
    return values
