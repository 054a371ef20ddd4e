"""What other trainings of the model say, as rows of the summary: seeds, uniform, guide, imitation, deception.

Where three or more pairs of trainings were made the interval is over seeds (t); else it is over the texts, for the
trainings that were made, and says nothing about training again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int

from attnaudit.named import AUDITED, OTHER_SEEDS
from attnaudit.stats import inference, paired
from attnaudit.stats.inference import Estimate
from attnaudit.stats.seeds import FEWEST, over_seeds
from attnaudit.summary.rows import Group, Row, defined, row

Columns = Mapping[tuple[str, str, str], Float[np.ndarray, " instance"]]
"""Numbers of the table `diagnostic` by kind, subject and quantity; NaN where there is none."""


class Valued(Protocol):
    """A number of the summary, however it is held."""

    @property
    def value(self) -> float | None:
        """None where it is undefined."""


def trainings(
    found: Columns,
    target: Int[np.ndarray, " instance"],
    prediction: Int[np.ndarray, " instance"],
    n_tokens: Int[np.ndarray, " instance"],
    adversary: Float[np.ndarray, " instance"] | None,
    groups: Sequence[Group],
) -> Iterator[Row]:
    """The rows of all that was trained beside the audited model.

    Args:
        found: the table `diagnostic` as columns.
        target: gold classes, −1 where unknown.
        prediction: the classes that the audited model gives.
        n_tokens: how many tokens of each instance are audited.
        adversary: ε-max JSD of each instance, where it was solved, to be held against the distance between seeds.
        groups: which instances are told apart; of class groups the score is F1 of the class over all texts, since
            the texts that one model gives a class are no fair ground for another.
    """
    scored = _Scored(target, prediction, found)
    for group in groups:
        yield from _representation(found, n_tokens, group)
        yield from _seeds(found, adversary, group)
        yield from _uniform(scored, group)
        yield from _guide(scored, group)
        yield from _imitation(found, scored, group)
        yield from _deception(found, scored, group)


def _representation(found: Columns, n_tokens: np.ndarray, group: Group) -> Iterator[Row]:
    shown = {quantity: values for (kind, _, quantity), values in found.items() if kind == "representation"}
    if "attention_entropy" in shown:
        most = np.log(np.maximum(n_tokens, 1))  # of one token there is nothing to be uneven about
        share = np.divide(shown["attention_entropy"], most, out=np.full(len(most), np.nan), where=most > 0)
        shown["entropy_share"] = share
    for quantity, values in shown.items():
        inside, undefined = defined(values, group)
        yield row("representation", AUDITED, group, f"mean_{quantity}", inference.mean(inside), undefined)


def _seeds(found: Columns, adversary: np.ndarray | None, group: Group) -> Iterator[Row]:
    others = _subjects(found, "seeds")
    if not others:
        return
    distance, chance, moved = (
        np.array([found["seeds", other, quantity] for other in others])
        for quantity in ("attention_jsd", "permuted_jsd", "output_tvd")
    )
    subject = OTHER_SEEDS
    n = int(group.members.sum())
    for statistic, values in (
        ("mean_jsd", distance),
        ("mean_permuted_jsd", chance),
        ("mean_tvd", moved),
    ):
        there = group.members & np.isfinite(values).all(axis=0)
        means = values[:, there].mean(axis=1) if there.any() else np.empty(0)
        estimate = _of_seeds(means, inference.mean(values[:, there].mean(axis=0)), int(there.sum()))
        yield row("seeds", subject, group, statistic, estimate, n - int(there.sum()))
    there = group.members & np.isfinite(distance).all(axis=0) & np.isfinite(chance).all(axis=0)
    near, far = distance[:, there], chance[:, there]
    whole = inference.ratio_of_means(near.mean(axis=0), far.mean(axis=0))
    each = near.mean(axis=1) / far.mean(axis=1) if whole.value is not None else np.empty(0)
    share = _of_seeds(each, whole, int(there.sum()))
    yield row("seeds", subject, group, "share_of_permuted", share, n - int(there.sum()))
    yield row("seeds", subject, group, "n_seeds", Estimate(float(len(others)), None, None, n))
    if adversary is not None:
        there &= np.isfinite(adversary)
        beyond = int((adversary[there] > distance[:, there].max(axis=0)).sum()) if there.any() else 0
        share = inference.share(beyond, int(there.sum()))
        yield row("seeds", subject, group, "share_adversary_beyond", share, n - int(there.sum()))


def _uniform(scored: _Scored, group: Group) -> Iterator[Row]:
    """Models with uniform attention against those with learned attention from the same seed."""
    seeds = scored.subjects("uniform")
    if not seeds:
        return
    own = [scored.of("seeds", seed) if scored.has("seeds", seed) else scored.prediction for seed in seeds]
    others = [scored.of("uniform", seed) for seed in seeds]
    yield _scores(scored, own, "uniform model", AUDITED, group)
    yield _scores(scored, others, "uniform model", "uniform model", group)
    pairs = list(zip(own, others, strict=True))
    yield from _differences(scored, pairs, "uniform model", "uniform model", group)


def _guide(scored: _Scored, group: Group) -> Iterator[Row]:
    """A token-wise model with given attention: of what use is this attention to a model without context?"""
    by_source: dict[str, dict[str, np.ndarray]] = {}
    for subject in scored.subjects("guide"):
        source, _, seed = subject.partition(", ")
        by_source.setdefault(source, {})[seed] = scored.of("guide", subject)
    for source, models in by_source.items():
        yield _scores(scored, list(models.values()), "guide", source, group)
        uniform = by_source.get("uniform", {})
        pairs = [(model, uniform[seed]) for seed, model in models.items() if seed in uniform]
        if source != "uniform" and pairs:
            yield from _differences(scored, pairs, "guide", f"{source} above uniform", group)


def _imitation(found: Columns, scored: _Scored, group: Group) -> Iterator[Row]:
    """How far attention went, and the outputs with it, in models trained to keep the one and move the other."""
    for subject in _subjects(found, "imitation"):
        for statistic, quantity in (("mean_tvd", "output_tvd"), ("mean_jsd", "attention_jsd")):
            inside, undefined = defined(found["imitation", subject, quantity], group)
            yield row("imitation", subject, group, statistic, inference.mean(inside), undefined)
        score, undefined = scored.score(scored.of("imitation", subject), group)
        yield row("imitation", subject, group, "score", score, undefined)


def _deception(found: Columns, scored: _Scored, group: Group) -> Iterator[Row]:
    """How much attention words still get in a model that was trained to hide them, and what that cost."""
    for subject in _subjects(found, "deception"):
        inside, undefined = defined(found["deception", subject, "hidden_mass"], group)
        yield row("deception", subject, group, "mean_hidden_mass", inference.mean(inside), undefined)
        if subject != AUDITED:
            hiding = scored.of("deception", subject)
            yield _scores(scored, [hiding], "deception", subject, group)
            pair = [(scored.prediction, hiding)]
            yield from _differences(scored, pair, "deception", f"{AUDITED} above {subject}", group)


class _Scored(NamedTuple):
    """Predictions of all models on the same instances, and what is right."""

    target: np.ndarray
    prediction: np.ndarray
    found: Columns

    def subjects(self, kind: str) -> list[str]:
        return _subjects(self.found, kind)

    def has(self, kind: str, subject: str) -> bool:
        return (kind, subject, "prediction") in self.found

    def of(self, kind: str, subject: str) -> np.ndarray:
        return self.found[kind, subject, "prediction"]

    def score(self, prediction: np.ndarray, group: Group) -> tuple[Estimate, int]:
        """Accuracy over all, F1 of the class in a class group; without an interval, which differences have."""
        known = self.target >= 0
        value = paired.score(self.target[known], prediction[known], group.predicted) if known.any() else None
        return Estimate(value, None, None, int(known.sum())), int((~known).sum())

    def difference(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]], group: Group) -> Estimate:
        known = self.target >= 0
        of_a, of_b = ([model[known] for model in models] for models in zip(*pairs, strict=True))
        return paired.score_difference(self.target[known], of_a, of_b, group.predicted)


def _scores(
    scored: _Scored, models: Sequence[np.ndarray], experiment: str, subject: str, group: Group
) -> Row:
    """The mean score of some models."""
    found = [scored.score(model, group) for model in models]
    values = [estimate.value for estimate, _ in found if estimate.value is not None]
    (first, undefined), mean = found[0], float(np.mean(values)) if values else None
    return row(experiment, subject, group, "score", Estimate(mean, None, None, first.n), undefined)


def _differences(
    scored: _Scored,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    experiment: str,
    subject: str,
    group: Group,
) -> Iterator[Row]:
    """How much better the first of each pair of models is, and how many pairs there are."""
    n, undefined = int((scored.target >= 0).sum()), int((scored.target < 0).sum())
    values = [(scored.score(a, group)[0].value, scored.score(b, group)[0].value) for a, b in pairs]
    each = np.array([a - b for a, b in values if a is not None and b is not None])
    # Resampling texts takes long, and would not be used where there are enough seeds.
    enough = len(each) >= FEWEST
    difference = over_seeds(each) if enough else scored.difference(pairs, group)._replace(n=n)
    yield row(experiment, subject, group, "score_difference", difference, undefined)
    yield row(experiment, subject, group, "n_seeds", Estimate(float(len(pairs)), None, None, n))


def _of_seeds(each: np.ndarray, one: Estimate, n: int) -> Estimate:
    """The mean over seeds with its t interval where there are enough of them; else that of the texts.

    `n` is the number of seeds where the interval is over these, else that of the texts.
    """
    if len(each) < FEWEST:
        return Estimate(one.value, one.low, one.high, n)
    return over_seeds(each)


def _subjects(found: Columns, kind: str) -> list[str]:
    return list(dict.fromkeys(subject for k, subject, _ in found if k == kind))


LITTLE_CHANGE = 0.1
"""The output change (TVD) that imitations may make where there are no other seeds."""


def most_change(summary: Mapping[tuple[str, str, str, str], Valued], group: str) -> float:
    """The mean output change that an imitation may make to count: what other seeds make."""
    between = summary.get(("seeds", OTHER_SEEDS, group, "mean_tvd"))
    return LITTLE_CHANGE if between is None or between.value is None else between.value


def furthest_imitation(summary: Mapping[tuple[str, str, str, str], Valued], group: str) -> str | None:
    """The imitation that attends furthest from the base among those that hardly move its outputs; None where none."""
    most, reached = most_change(summary, group), {}
    for experiment, subject, of, statistic in summary:
        if (experiment, of, statistic) != ("imitation", group, "mean_jsd"):
            continue
        jsd, tvd = (
            found.value if (found := summary.get((experiment, subject, group, name))) is not None else None
            for name in ("mean_jsd", "mean_tvd")
        )
        if jsd is not None and tvd is not None and tvd <= most:
            reached[subject] = jsd
    return max(reached, key=lambda subject: reached[subject]) if reached else None
