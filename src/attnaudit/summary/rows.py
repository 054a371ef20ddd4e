"""A row of the table `summary`, and the groups of instances that rows are about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from attnaudit.stats.inference import Estimate

OVERALL = "overall"
"""The group of all instances."""


class Group(NamedTuple):
    """Some of the instances; `predicted` is the class that they have in common, None for all instances."""

    name: str
    members: Bool[np.ndarray, " instance"]
    predicted: int | None


class Row(NamedTuple):
    """One number of the summary."""

    experiment: str
    subject: str
    group: str
    statistic: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_undefined: int


def row(
    experiment: str, subject: str, group: Group, statistic: str, estimate: Estimate, undefined: int = 0
) -> Row:
    """The row of an estimate about a group."""
    return Row(experiment, subject, group.name, statistic, *estimate, undefined)


def defined(values: Float[np.ndarray, " instance"], group: Group) -> tuple[np.ndarray, int]:
    """The values that exist in a group, and how many do not."""
    inside = values[group.members]
    there = np.isfinite(inside)
    return inside[there], int((~there).sum())


def plain(values: np.ndarray, statistic: Callable[[np.ndarray], Any]) -> Estimate:
    """A number without an interval; None where there are no values."""
    return Estimate(float(statistic(values)) if len(values) else None, None, None, len(values))
