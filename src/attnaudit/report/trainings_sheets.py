"""The tables of what other trainings say; each interval with what it is over, texts or seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attnaudit.named import AUDITED, HIDING, OTHER_SEEDS
from attnaudit.report.numbers import NONE, Number, Numbers, decimal, interval, percent, percent_interval
from attnaudit.report.sheets import Sheet, class_name, counts, grouped, subjects
from attnaudit.report.trainings_said import over
from attnaudit.summary import OVERALL

_QUANTITIES = {
    "conicity": "conicity",
    "attention_entropy": "entropy of attention (nats)",
    "entropy_share": "entropy, as a share of the most",
    "punctuation_mass": "attention on punctuation",
    "special_mass": "attention on start and end",
}


def representation(found: Numbers, groups: Sequence[str]) -> Sheet:
    """States and attention of the audited model, by group."""
    rows = [
        (name, class_name(group), decimal(number.value), interval(number), *counts(number))
        for quantity, name in _QUANTITIES.items()
        for group in groups
        if (number := found.get(("representation", AUDITED, group, f"mean_{quantity}")))
    ]
    head = ("mean", "95% interval", "texts", "undefined")
    return grouped("What the model looks like", ("quantity",), head, rows, groups)


_SEEDS = {
    "mean_jsd": "JSD to other seeds (nats)",
    "mean_permuted_jsd": "JSD to these on random words (nats)",
    "share_of_permuted": "the first as a share of the second",
    "mean_tvd": "output change (TVD)",
    "share_adversary_beyond": "ε-max JSD beyond every seed (share of texts)",
}


def seeds(found: Numbers, groups: Sequence[str], n_seeds: int) -> Sheet:
    """How far attention and outputs of other seeds lie, by group, beside chance and the furthest attention."""
    rows = []
    for statistic, name in _SEEDS.items():
        for group in groups:
            if number := found.get(("seeds", OTHER_SEEDS, group, statistic)):
                seeds_here = 0 if statistic == "share_adversary_beyond" else n_seeds
                rows.append(_row((name, class_name(group)), number, seeds_here))
    return grouped("Other seeds", ("quantity",), _HEAD, rows, groups)


def uniform(found: Numbers, groups: Sequence[str], n_seeds: int) -> Sheet:
    """Scores with learned and with uniform attention, and the difference, by group."""
    names = (
        (AUDITED, "score", "learned attention"),
        ("uniform model", "score", "uniform attention"),
        ("uniform model", "score_difference", "learned above uniform"),
    )
    return _scores("Uniform attention from training on", found, groups, "uniform model", names, n_seeds)


def guide(found: Numbers, groups: Sequence[str], n_seeds: int) -> Sheet:
    """Scores of word-by-word models by where their attention is from, and what it adds to uniform, by group."""
    named = {AUDITED: "this model’s", "uniform": "uniform", "own": "its own, learned"}
    names = []
    for subject in subjects(found, "guide"):
        source = subject.removesuffix(" above uniform")
        name = named.get(source, source.replace("imitation weight", "of the imitation with λ ="))
        above = subject != source
        names.append(
            (subject, "score_difference" if above else "score", f"{name}{', above uniform' * above}")
        )
    return _scores("Guides: word-by-word models with given attention", found, groups, "guide", names, n_seeds)


def imitation(found: Numbers, groups: Sequence[str]) -> Sheet:
    """How far attention and outputs went by the weight of the pull, and the score, by group."""
    rows = []
    for subject in subjects(found, "imitation"):
        for group in groups:
            jsd, tvd, score = (
                found.get(("imitation", subject, group, name), Number(None))
                for name in ("mean_jsd", "mean_tvd", "score")
            )
            cells = (
                decimal(tvd.value),
                interval(tvd),
                decimal(jsd.value),
                interval(jsd),
                decimal(score.value),
            )
            rows.append((subject.removeprefix("weight "), class_name(group), *cells, *counts(jsd)))
    head = ("output TVD", "95% interval", "JSD", "95% interval", "score", "texts", "undefined")
    return grouped("Imitations by λ", ("λ",), head, rows, groups)


def deception(found: Numbers, groups: Sequence[str]) -> Sheet:
    """Attention on the words to be hidden and scores, before and after, by group."""
    rows = []
    for group in groups:
        before, after = (
            found.get(("deception", subject, group, "mean_hidden_mass"), Number(None))
            for subject in (AUDITED, HIDING)
        )
        score = found.get(("deception", HIDING, group, "score"), Number(None))
        lost = found.get(("deception", f"{AUDITED} above {HIDING}", group, "score_difference"), Number(None))
        own = None if score.value is None or lost.value is None else score.value + lost.value
        for name, mass, value in (("audited", before, own), ("trained to hide", after, score.value)):
            cells = (percent(mass.value), percent_interval(mass), decimal(value))
            rows.append((name, class_name(group), *cells, *counts(mass)))
        cells = (NONE, NONE, f"{decimal(lost.value)} {interval(lost)}")
        rows.append(
            ("the first above the second", class_name(group), *cells, f"{lost.n:,}", f"{lost.undefined:,}")
        )
    rows.sort(key=lambda row: _MODELS.index(row[0]))
    head = ("attention on the words", "95% interval", "score", "texts", "undefined")
    return grouped("Hiding words", ("model",), head, rows, groups)


_MODELS = ("audited", "trained to hide", "the first above the second")


def companions(evidence: Mapping[str, Any]) -> Sheet:
    """The runs that were trained beside this one, as they are on record."""
    rows = [
        (one["kind"], one["subject"], one["run"], f"{one.get('training_seconds', 0.0):,.1f}")
        for one in evidence.get("trainings", ())
    ]
    return Sheet(
        "Trainings beside this run", ("what for", "which", "run", "seconds of training"), tuple(rows), 2
    )


_HEAD = ("value", "95% interval", "over", "undefined")


def _row(headers: tuple[str, str], number: Number, n_seeds: int) -> tuple[str, ...]:
    """A value with its interval and what that is over; without an interval only how many texts."""
    of = over(number, n_seeds if number.low is not None else 0)
    return (*headers, decimal(number.value), interval(number), of, f"{number.undefined:,}")


def _scores(
    caption: str,
    found: Numbers,
    groups: Sequence[str],
    experiment: str,
    names: Sequence[tuple[str, str, str]],
    n_seeds: int,
) -> Sheet:
    rows = []
    for subject, statistic, name in names:
        for group in groups:
            if subject.startswith("imitation") and group != OVERALL:
                continue  # they are many, and stand beside the others only
            if number := found.get((experiment, subject, group, statistic)):
                rows.append(_row((name, class_name(group)), number, n_seeds))
    return grouped(
        caption, ("accuracy, or F1 of a class" if len(groups) > 1 else "accuracy",), _HEAD, rows, groups
    )
