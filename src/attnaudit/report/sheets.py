"""The tables of the page: by predicted class and for all texts, a value with its interval and its counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from attnaudit.agreement import ANNOTATORS, CHANCE, METRICS
from attnaudit.named import SOONER
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
    for subject in subjects(found, "agreement"):
        for group in groups:
            mean = found.get(("agreement", subject, group, "mean"))
            if mean is None:
                continue
            a, b = subject.split(" ~ ", 1)
            ceiling = found.get(("agreement", subject, group, "share_of_ceiling"))
            rows.append(
                (
                    f"{worded(a)} ~ {worded(b)}",
                    class_name(group),
                    decimal(mean.value),
                    interval(mean),
                    decimal(_value(found, "agreement", subject, group, "std")),
                    percent(_value(found, "agreement", subject, group, "share_significant")),
                    percent(_value(found, "agreement", subject, group, "share_significant_bh")),
                    percent(_value(found, "agreement", subject, group, "share_significant_rarefied")),
                    NONE if ceiling is None else percent(ceiling.value),
                    *counts(mean),
                )
            )
    head = ("mean τ", "95% interval", "std", "p ≤ .05", "adjusted", "of 8 words", "of the ceiling", *COUNTS)
    return grouped("Kendall’s τ-b between measures", ("pair",), head, rows, groups)


def permutation(found: Numbers, groups: Sequence[str]) -> Sheet:
    """Output change under permuted and uniform attention, with the flips beside it, by group."""
    rows: list[tuple[str, ...]] = []
    for group in groups:
        rows += _changes(found, "permutation", "permuted", group, "permuted")
    for group in groups:
        rows += _changes(found, "uniform", "uniform", group, "uniform")
    for subject in subjects(found, "permutation"):
        if subject == "permuted":
            continue
        for group in groups:
            number = found.get(("permutation", subject, group, "median_tvd"))
            if number is not None and number.n + number.undefined:
                name = subject.replace("permuted, max attention", "permuted, largest weight")
                rows += [
                    (name, class_name(group), decimal(number.value), interval(number), NONE, *counts(number))
                ]
    head = ("median TVD", "95% interval", "class changed", *COUNTS)
    return grouped("Output change under another attention", ("attention",), head, rows, groups)


def dispersion(found: Numbers, groups: Sequence[str]) -> Sheet:
    """What the variance of the logit under permutations is made of, by group; no rows where it is not stored."""
    rows = []
    for subject, (name, unit) in _DISPERSIONS.items():
        for group in groups:
            median = found.get(("permutation", subject, group, "median"))
            if median is None:
                continue
            share = found.get(("permutation", subject, group, "share_of_log_variance"), Number(None))
            cells = (decimal(median.value), interval(median), percent(share.value), percent_interval(share))
            rows.append((name, class_name(group), unit, *cells, *counts(median)))
    head = ("unit", "median", "95% interval", "share of differences", "95% interval", *COUNTS)
    return grouped("Why permuting matters", ("dispersion",), head, rows, groups)


_DISPERSIONS = {
    "dispersion of attention": ("attention, Σ(α − mean)²", "weight²"),
    "dispersion of evidence": ("evidence of words, standard deviation", "logits"),
    "dispersion of logit": ("logit when permuted, standard deviation", "logits"),
}


def adversary(found: Numbers, groups: Sequence[str], epsilons: Mapping[str, float] | None = None) -> Sheet:
    """ε-max JSD by kind and group; of a bracket both ends, the upper one beneath. `epsilons`: the ε of each kind."""
    rows: list[tuple[str, ...]] = []
    for subject in subjects(found, "adversary"):
        if subject == "same_weights":  # another question, with a table of its own
            continue
        epsilon = _epsilon(subject, epsilons or {})
        bound = ", lower bound" if subject == "adversarial_bracket" else ""
        name = f"{worded(subject)}{bound}{epsilon}"
        for group in groups:
            mean = found.get(("adversary", subject, group, "mean_jsd"))
            if mean is None:
                continue
            shares = [found.get(("adversary", subject, group, f"share_jsd_from_{far:g}")) for far in FAR]
            rows.append(
                (
                    name,
                    class_name(group),
                    decimal(mean.value),
                    interval(mean),
                    decimal(_value(found, "adversary", subject, group, "median_jsd")),
                    *(NONE if share is None else f"{percent(share.value)}" for share in shares),
                    percent(_value(found, "adversary", subject, group, "share_flipped")),
                    *counts(mean),
                )
            )
        for group in groups:
            upper = found.get(("adversary", subject, group, "mean_upper_jsd"))
            if upper is not None:
                above = f"{worded(subject)}, upper bound{epsilon}"
                row = (above, class_name(group), decimal(upper.value), interval(upper))
                rows.append((*row, *[NONE] * (2 + len(FAR)), *counts(upper)))
    far_heads = tuple(f"JSD ≥ {far:g}" for far in FAR)
    head = ("mean JSD", "95% interval", "median", *far_heads, "class changed", *COUNTS)
    return grouped("ε-max JSD (nats)", ("adversary",), head, rows, groups)


def bracket(found: Numbers, groups: Sequence[str]) -> Sheet:
    """How far the certified bounds lie apart, by group; no rows where no bracket was computed."""
    rows = []
    for group in groups:
        width = found.get(("adversary", "adversarial_bracket", group, "mean_width"))
        certified = found.get(("adversary", "adversarial_bracket", group, "share_certified"))
        if width is None or certified is None:
            continue
        cells = (decimal(width.value), interval(width), percent(certified.value), percent_interval(certified))
        rows.append((class_name(group), *cells, *counts(width)))
    head = ("mean width", "95% interval", "within 1%", "95% interval", *COUNTS)
    caption = "How far the certified bounds lie apart (nats)"
    if len(groups) > 1:
        return Sheet(f"{caption}, by predicted class", ("class", *head), tuple(rows))
    return Sheet(caption, ("group", *head), tuple(rows))


def same_weights(found: Numbers, groups: Sequence[str], epsilon: float | None = None) -> Sheet:
    """How far the model's own weights can be re-assigned, by group; no rows where that was not asked."""
    rows = []
    for group in groups:
        lower = found.get(("adversary", "same_weights", group, "mean_jsd"))
        if lower is None:
            continue
        upper = found.get(("adversary", "same_weights", group, "mean_upper_jsd"), Number(None))
        shares = [found.get(("adversary", "same_weights", group, f"share_jsd_from_{far:g}")) for far in FAR]
        rows.append(
            (
                class_name(group),
                decimal(lower.value),
                interval(lower),
                decimal(upper.value),
                interval(upper),
                decimal(_value(found, "adversary", "same_weights", group, "median_jsd")),
                *(NONE if share is None else percent(share.value) for share in shares),
                percent(_value(found, "adversary", "same_weights", group, "share_certified")),
                *counts(lower),
            )
        )
    far_heads = tuple(f"JSD ≥ {far:g}" for far in FAR)
    head = ("mean JSD, lower bound", "95% interval", "upper bound", "95% interval", "median", *far_heads)
    asked = "" if epsilon is None else _epsilon("same_weights", {"same_weights": epsilon})
    caption = f"The same weights on other words, furthest JSD (nats){asked}"
    if len(groups) > 1:
        caption += ", by predicted class"
    return Sheet(caption, ("class" if len(groups) > 1 else "group", *head, "within 1%", *COUNTS), tuple(rows))


def removal(found: Numbers, groups: Sequence[str]) -> Sheet:
    """What became of the decision when words were taken away in each order, by group; the ways to do so together."""
    rows = []
    pairs = [subject.rsplit(", ", 1) for subject in subjects(found, "erasure")]
    orderings = list(dict.fromkeys(ordering for ordering, _ in pairs))
    for ordering, operator in sorted(pairs, key=lambda pair: orderings.index(pair[0])):
        subject = f"{ordering}, {operator}"
        for group in groups:

            def of(statistic: str, subject: str = subject, group: str = group) -> Number:
                return found.get(("erasure", subject, group, statistic), Number(None))

            sooner, flip = of(SOONER), of("mean_decision_flip")
            rows.append(
                (
                    worded(ordering),
                    _REMOVED.get(operator, operator),
                    class_name(group),
                    percent(sooner.value),
                    percent_interval(sooner),
                    percent(flip.value),
                    decimal(of("mean_comprehensiveness").value),
                    decimal(of("mean_sufficiency").value),
                    *counts(flip),
                )
            )
    head = ("sooner than random", "95% interval", "words until it flips", "comprehensiveness", "sufficiency")
    return grouped("Words taken away", ("order", "words"), (*head, *COUNTS), rows, groups)


_REMOVED = {
    "renormalise": "lose attention, renormalised",
    "zero": "lose attention, not renormalised",
    "delete": "deleted, encoded anew",
    "mask": "masked, encoded anew",
}


def evidence(found: Numbers, groups: Sequence[str]) -> Sheet:
    """How well each measure finds the known evidence, by group; a random order and other annotators last."""
    rows = []
    for subject in sorted(subjects(found, "plausibility"), key=(CHANCE, ANNOTATORS).__contains__):
        for metric in METRICS:
            for group in groups:
                number = found.get(("plausibility", subject, group, metric))
                if number is not None:
                    name = _NOT_MEASURES.get(subject, worded(subject))
                    row = (name, worded(metric), class_name(group), decimal(number.value), interval(number))
                    rows.append((*row, *counts(number)))
    head = ("mean", "95% interval", *COUNTS)
    return grouped("Known evidence found", ("measure", "score"), head, rows, groups)


_NOT_MEASURES = {CHANCE: "a random order", ANNOTATORS: "another annotator"}

COUNTS = ("texts", "undefined")


def grouped(
    caption: str,
    headers: tuple[str, ...],
    head: tuple[str, ...],
    rows: Sequence[tuple[str, ...]],
    groups: Sequence[str],
) -> Sheet:
    """A table whose rows begin with `headers` and the predicted class; without the class where all texts are one."""
    n = len(headers)
    if len(groups) > 1:
        return Sheet(f"{caption}, by predicted class", (*headers, "class", *head), tuple(rows), n + 1)
    return Sheet(caption, (*headers, *head), tuple((*row[:n], *row[n + 1 :]) for row in rows), n)


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
    return [(name, class_name(group), decimal(tvd.value), interval(tvd), flipped, *counts(tvd))]


def subjects(found: Numbers, experiment: str) -> list[str]:
    """The subjects of an experiment, in the order of the summary."""
    return list(dict.fromkeys(subject for e, subject, _, _ in found if e == experiment))


def _value(found: Numbers, *key: str) -> float | None:
    number = found.get((key[0], key[1], key[2], key[3]))
    return None if number is None else number.value


def class_name(group: str) -> str:
    """`all texts`, or the class as the column under `class` has it."""
    return group_name(group).removeprefix("predicted ")


def counts(number: Number) -> tuple[str, str]:
    """The cells under `texts` and `undefined`."""
    return f"{number.n:,}", f"{number.undefined:,}"


def _epsilon(subject: str, epsilons: Mapping[str, float]) -> str:
    """` (ε = 0.05)`; nothing where it is not known."""
    epsilon = epsilons.get(subject)
    return "" if epsilon is None else f" (ε\u00a0=\u00a0{epsilon:g})"
