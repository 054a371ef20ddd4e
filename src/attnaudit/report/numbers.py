"""The summary as the report reads it: a number with its interval, how many it rests on, how many are undefined."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from attnaudit.summary import OVERALL

NONE = "–"
"""What stands in a table where there is no number."""


@dataclass(frozen=True, slots=True)
class Number:
    """One row of the summary, without its key."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    undefined: int = 0


Numbers = dict[tuple[str, str, str, str], Number]
"""(experiment, subject, group, statistic) → the number."""


def numbers(summary: pa.Table) -> Numbers:
    """All numbers of a run by their key."""
    return {
        (row["experiment"], row["subject"], row["group"], row["statistic"]): Number(
            row["value"], row["low"], row["high"], row["n"], row["n_undefined"]
        )
        for row in summary.to_pylist()
    }


def decimal(value: float | None, digits: int = 3) -> str:
    """`0.058`, with a true minus sign; a dash where there is no value."""
    if value is None:
        return NONE
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def percent(share: float | None) -> str:
    """`95%`; what is not quite nothing or not quite all says so.

    >>> percent(0.004), percent(0.997), percent(1.0)
    ('under 1%', 'over 99%', '100%')
    """
    if share is None:
        return NONE
    if 0 < share < 0.005:
        return "under 1%"
    if 0.995 < share < 1:
        return "over 99%"
    return f"{share:.0%}"


def interval(number: Number, digits: int = 3) -> str:
    """`[0.053, 0.064]`; a dash where there is no interval."""
    if number.low is None or number.high is None:
        return NONE
    return f"[{decimal(number.low, digits)}, {decimal(number.high, digits)}]"


def with_interval(number: Number, digits: int = 3) -> str:
    """`0.058 [0.053, 0.064]`, without brackets where there is no interval."""
    if number.low is None or number.high is None:
        return decimal(number.value, digits)
    return f"{decimal(number.value, digits)} {interval(number, digits)}"


def percent_interval(number: Number) -> str:
    """`94% to 96%`; a dash where there is no interval."""
    if number.low is None or number.high is None:
        return NONE
    return f"{percent(number.low)} to {percent(number.high)}"


def group_name(group: str) -> str:
    """A group as a reader meets it."""
    return "all texts" if group == OVERALL else group
