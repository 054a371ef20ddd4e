"""The tables of the page: by predicted class and for all texts, a value with its interval and its counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from attnaudit.report.numbers import (
    NONE,
    Number,
    Numbers,
    decimal,
    group_name,
    interval,
    percent,
    percent_interval,
)
from attnaudit.summary import FAR
from attnaudit.wording import worded


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its caption, its head, and its rows, of which the first `n_headers` cells are headers."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_headers: int = 1

    @property
    def blocks(self) -> list[tuple[tuple[str, ...], ...]]:
        """Rows that share their first cell and stand together; each row alone where there is one header."""
        if self.n_headers < 2:
            return [(row,) for row in self.rows]
        return [tuple(rows) for _, rows in groupby(self.rows, key=lambda row: row[0])]


def scores(found: Numbers) -> Sheet:
    """How good the model is."""
    rows = [
        (worded(metric), decimal(number.value), f"{number.n:,}")
        for (experiment, _, _, metric), number in found.items()
        if experiment == "quality"
    ]
    return Sheet("Scores of the audited model", ("score", "value", "texts"), tuple(rows))


def agreement(found: Numbers, groups: Sequence[str]) -> Sheet:
    """τ of every pair of measures, by group."""
    rows = []
    for subject in _subjects(found, "agreement"):
        for group in groups:
            mean = found.get(("agreement", subject, group, "mean"))
            if mean is None:
                continue
            a, b = subject.split(" ~ ", 1)
            ceiling = found.get(("agreement", subject, group, "share_of_ceiling"))
            rows.append(
                (
                    f"{worded(a)} ~ {worded(b)}",
                    group_name(group),
                    decimal(mean.value),
                    interval(mean),
                    decimal(_value(found, "agreement", subject, group, "std")),
                    percent(_value(found, "agreement", subject, group, "share_significant")),
                    NONE if ceiling is None else percent(ceiling.value),
                    *_counts(mean),
                )
            )
    head = (
        "pair",
        "group",
        "mean τ",
        "95% interval",
        "std",
        "p ≤ .05",
        "of the ceiling",
        "texts",
        "undefined",
    )
    return Sheet("Kendall’s τ-b between measures, by predicted class", head, tuple(rows), 2)


def permutation(found: Numbers, groups: Sequence[str]) -> Sheet:
    """Output change under permuted and uniform attention, with the flips beside it, by group."""
    rows: list[tuple[str, ...]] = []
    for group in groups:
        rows += _changes(found, "permutation", "permuted", group, "permuted")
    for group in groups:
        rows += _changes(found, "uniform", "uniform", group, "uniform")
    for subject in _subjects(found, "permutation"):
        if subject == "permuted":
            continue
        for group in groups:
            number = found.get(("permutation", subject, group, "median_tvd"))
            if number is not None and number.n + number.undefined:
                name = subject.replace("permuted, max attention", "permuted, largest weight")
                rows += [
                    (name, group_name(group), decimal(number.value), interval(number), NONE, *_counts(number))
                ]
    head = ("attention", "group", "median TVD", "95% interval", "class changed", "texts", "undefined")
    return Sheet("Output change under another attention, by predicted class", head, tuple(rows), 2)


def adversary(found: Numbers, groups: Sequence[str]) -> Sheet:
    """ε-max JSD by kind and group."""
    rows = []
    for subject in _subjects(found, "adversary"):
        for group in groups:
            mean = found.get(("adversary", subject, group, "mean_jsd"))
            if mean is None:
                continue
            shares = [found.get(("adversary", subject, group, f"share_jsd_from_{far:g}")) for far in FAR]
            rows.append(
                (
                    _kind(subject),
                    group_name(group),
                    decimal(mean.value),
                    interval(mean),
                    decimal(_value(found, "adversary", subject, group, "median_jsd")),
                    *(NONE if share is None else f"{percent(share.value)}" for share in shares),
                    percent(_value(found, "adversary", subject, group, "share_flipped")),
                    *_counts(mean),
                )
            )
    far_heads = tuple(f"JSD ≥ {far:g}" for far in FAR)
    head = (
        "adversary",
        "group",
        "mean JSD",
        "95% interval",
        "median",
        *far_heads,
        "class changed",
        "texts",
        "undefined",
    )
    return Sheet("ε-max JSD (nats), by predicted class", head, tuple(rows), 2)


def evidence(found: Numbers, groups: Sequence[str]) -> Sheet:
    """How well each measure finds the known evidence, by group."""
    rows = []
    for subject in _subjects(found, "plausibility"):
        for metric in ("precision_at_k", "average_precision"):
            for group in groups:
                number = found.get(("plausibility", subject, group, metric))
                if number is not None:
                    name = worded(subject)
                    row = (name, worded(metric), group_name(group), decimal(number.value), interval(number))
                    rows.append((*row, *_counts(number)))
    head = ("measure", "score", "group", "mean", "95% interval", "texts", "undefined")
    return Sheet("Known evidence found, by predicted class", head, tuple(rows), 3)


def by_group(
    found: Numbers, groups: Iterable[str], experiment: str, subject: str, statistic: str
) -> dict[str, Number]:
    """One statistic in each group that has it."""
    keys = {group: (experiment, subject, group, statistic) for group in groups}
    return {group: found[key] for group, key in keys.items() if key in found}


def _changes(found: Numbers, experiment: str, subject: str, group: str, name: str) -> list[tuple[str, ...]]:
    tvd = found.get((experiment, subject, group, "median_tvd"))
    if tvd is None:
        return []
    flips = found.get((experiment, subject, group, "share_flipped"), Number(None))
    flipped = percent(flips.value)
    if flips.low is not None:
        flipped += f" ({percent_interval(flips)})"
    return [(name, group_name(group), decimal(tvd.value), interval(tvd), flipped, *_counts(tvd))]


def _subjects(found: Numbers, experiment: str) -> list[str]:
    return list(dict.fromkeys(subject for e, subject, _, _ in found if e == experiment))


def _value(found: Numbers, *key: str) -> float | None:
    number = found.get((key[0], key[1], key[2], key[3]))
    return None if number is None else number.value


def _counts(number: Number) -> tuple[str, str]:
    return f"{number.n:,}", f"{number.undefined:,}"


def _kind(subject: str) -> str:
    return {"adversarial_exact": "exact", "adversarial_search": "search"}.get(subject, worded(subject))
