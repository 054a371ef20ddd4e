"""Two runs on the same texts: what is higher in one of them, and how sure is that?

Every number of run A is held against the same number of run B on the texts that both audited, in pairs. Groups are
all texts, and the gold classes: the predicted classes of one run are not those of the other, and texts chosen by the
decisions of one run would favour it, or the other one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from attnaudit import tables
from attnaudit.between import NOT_RUN, OTHER_TEXT, OTHER_TOKENS, TOO_SHORT, Between, between
from attnaudit.card import Answer, Policy
from attnaudit.errors import DataError
from attnaudit.named import AUDITED, RANDOM, SOONER, gradient_of
from attnaudit.per_instance import PerInstance
from attnaudit.result import Result
from attnaudit.spec.places import without_folders
from attnaudit.stats import inference
from attnaudit.stats.inference import LEVEL, SIGNIFICANT, Estimate
from attnaudit.stats.multiple import holm
from attnaudit.stats.paired import (
    paired_difference,
    paired_permutation_test,
    statistic_difference,
    statistic_permutation_test,
)
from attnaudit.summary import OVERALL, told_apart
from attnaudit.wording import worded

A_HIGHER, B_HIGHER, NOT_FOUND, TOO_FEW, NOT_THERE = (
    "A higher",
    "B higher",
    "no difference found",
    "too few texts",
    "undefined",
)
"""What is said of a difference."""


@dataclass(frozen=True, slots=True)
class Distance:
    """One number on how far the two runs lie apart; `p_value` where it is tested against 0."""

    name: str
    title: str
    estimate: Estimate
    n_undefined: int
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """One question of the card as both runs answer it."""

    a: Answer
    b: Answer

    @property
    def differ(self) -> bool:
        """Whether the verdicts are two."""
        return self.a.verdict != self.b.verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """Run A against run B.

    `table` is the table `comparison`. `settings` are those of the two specs that differ: name, of A, of B. `answers`
    are those of both cards on all texts of each run, `notes` what must be known to read the numbers.
    """

    a: Result
    b: Result
    between: Between
    table: pa.Table
    distances: tuple[Distance, ...]
    answers: tuple[Answers, ...]
    settings: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]


def compare(a: Result, b: Result, *, seed: int = 0) -> Comparison:
    """Hold two runs against each other on the texts that both audited.

    Args:
        a: one run.
        b: the other.
        seed: of what is drawn: resamples, sign flips and permuted attentions.

    Raises:
        DataError: no text is in both, or only other ones under the same ids.
        StoreError: a part of a run is missing or altered.
    """
    distances = between(a, b, seed=seed)
    if (distances.attention_status == OTHER_TEXT).all():
        raise DataError(
            f"{a.folder} and {b.folder}: each of the {len(distances)} common ids stands for another text, so nothing "
            "can be compared in pairs. Compare runs on the same corpus; of a generated one, with the same settings "
            "and seed"
        )
    settings = _settings(a, b)
    return Comparison(
        a=a,
        b=b,
        between=distances,
        table=comparison(a.per_instance, b.per_instance, distances, a.classes, seed=seed),
        distances=tuple(_distances(distances, seed)),
        answers=tuple(_answers(a, b)),
        settings=tuple(settings),
        notes=tuple(_notes(a, b, distances, [name for name, _, _ in settings])),
    )


# --- the table -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Quantity:
    """A number of each text in both runs, [instance, column], and what is made of them; the mean unless said."""

    experiment: str
    subject: str
    statistic: str
    a: np.ndarray
    b: np.ndarray
    fold: Callable[[np.ndarray], np.ndarray] | None = None


def comparison(
    a: PerInstance, b: PerInstance, both: Between, classes: Sequence[str], *, seed: int = 0
) -> pa.Table:
    """The table `comparison`, from the numbers of each instance of both runs.

    Args:
        a: of one run.
        b: of the other.
        both: which of their instances are the same.
        classes: names of the classes of A, by index.
        seed: of resamples and sign flips.
    """
    same_text = both.attention_status != OTHER_TEXT
    gold = np.where(both.same_target == 1, a.target[both.row_a], -1)
    groups = [(OVERALL, same_text)]
    groups += [
        (f"class {classes[k]}", same_text & (gold == k)) for k in told_apart(gold[gold >= 0], len(classes))
    ]
    rows = [
        (
            quantity.experiment,
            quantity.subject,
            group,
            quantity.statistic,
            *_compared(quantity, members, seed),
        )
        for quantity in _quantities(a, b, both)
        for group, members in groups
    ]
    names = [column.name for column in tables.ACROSS_RUNS["comparison"].columns]
    columns = {
        name: [row[i] for row in rows] for i, name in enumerate(n for n in names if n != "p_value_holm")
    }
    tested = [row for row, p in enumerate(columns["p_value"]) if p is not None]
    columns["p_value_holm"] = [None] * len(rows)
    for row, p in zip(tested, holm(np.array([columns["p_value"][row] for row in tested])), strict=True):
        columns["p_value_holm"][row] = float(p)
    return tables.build("comparison", columns, n_rows=len(rows))


def _compared(quantity: _Quantity, members: np.ndarray, seed: int) -> tuple[Any, ...]:
    """Values of both, difference, interval, p-value, number of pairs and of texts without one."""
    there = members & np.isfinite(quantity.a).all(axis=1) & np.isfinite(quantity.b).all(axis=1)
    a, b = quantity.a[there], quantity.b[there]
    undefined = int(members.sum() - there.sum())
    if quantity.fold is None:
        if not len(a):
            return (None,) * 6 + (0, undefined)
        found = paired_difference(a[:, 0], b[:, 0], seed=seed)
        p_value = paired_permutation_test(a[:, 0], b[:, 0], seed=seed)
        return (float(a.mean()), float(b.mean()), *found[:3], p_value, len(a), undefined)
    if not len(a) or (
        quantity.fold is _ratio and any(inference.ratio_of_means(*x.T).value is None for x in (a, b))
    ):
        return (None,) * 6 + (len(a), undefined)
    value_a, value_b = (float(quantity.fold(x[None])[0]) for x in (a, b))
    found = statistic_difference(quantity.fold, a, b, seed=seed)
    p_value = statistic_permutation_test(quantity.fold, a, b, seed=seed)
    return (value_a, value_b, *found[:3], p_value, len(a), undefined)


def _quantities(a: PerInstance, b: PerInstance, both: Between) -> Iterator[_Quantity]:
    """Every number that both runs have, in the order of the summary."""

    def pair(experiment: str, subject: str, statistic: str, *columns: Any, fold: Any = None) -> _Quantity:
        first = np.stack([column[both.row_a] for column, _ in columns], axis=1)
        second = np.stack([column[both.row_b] for _, column in columns], axis=1)
        return _Quantity(experiment, subject, statistic, first, second, fold)

    same_target = both.same_target == 1
    correct_a, correct_b = (
        np.where(same_target, column, np.nan)[:, None] for column in (both.correct_a, both.correct_b)
    )
    yield _Quantity("quality", AUDITED, "accuracy", correct_a, correct_b)
    for measures in _shared(a.tau, b.tau):
        yield pair("agreement", " ~ ".join(measures), "mean", (a.tau[measures], b.tau[measures]))
    gradient = gradient_of(m for m, other in _shared(a.tau, b.tau) if other == "leave_one_out")
    for measures in _shared(a.tau, b.tau):
        if gradient is not None and measures[0] == "attention":
            ceiling = (gradient, "leave_one_out")
            of = ((numbers.tau[measures], numbers.tau[ceiling]) for numbers in (a, b))
            columns = zip(*of, strict=True)
            yield pair("agreement", " ~ ".join(measures), "share_of_ceiling", *columns, fold=_ratio)
    for kind, experiment, columns_of in (
        ("permuted", "permutation", (("output_tvd", "median_tvd"), ("output_tvd", "mean_tvd"))),
        ("uniform", "uniform", (("output_tvd", "median_tvd"), ("output_tvd", "mean_tvd"))),
    ):
        if kind in a.kinds and kind in b.kinds:
            for column, statistic in columns_of:
                fold = _median if statistic.startswith("median") else None
                values = (a.counterfactual(kind, column), b.counterfactual(kind, column))
                yield pair(experiment, kind, statistic, values, fold=fold)
    for kind in _adversaries(a, b):
        if a.epsilon.get(kind) == b.epsilon.get(kind):
            values = (a.counterfactual(kind, "attention_jsd"), b.counterfactual(kind, "attention_jsd"))
            yield pair("adversary", kind, "mean_jsd", values)
    for key in _shared(a.erasure, b.erasure):
        quantity, ordering, operator = key
        if quantity in _ERASURES and ordering != RANDOM and operator != "zero":
            statistic = quantity if quantity == SOONER else f"mean_{quantity}"
            yield pair("erasure", f"{ordering}, {operator}", statistic, (a.erasure[key], b.erasure[key]))
    for measure, metric in _shared(a.plausibility, b.plausibility):
        found = (a.plausibility[measure, metric], b.plausibility[measure, metric])
        yield pair("plausibility", measure, metric, found)


_ERASURES = (SOONER, "comprehensiveness", "sufficiency")


def _shared(a: Mapping[Any, Any], b: Mapping[Any, Any]) -> list[Any]:
    return [key for key in a if key in b]


def _adversaries(a: PerInstance, b: PerInstance) -> list[str]:
    return [
        kind
        for kind in a.kinds
        if kind in b.kinds and (kind.startswith("adversarial") or kind == "same_weights")
    ]


def _median(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.median(values[..., 0], axis=-1))


def _ratio(values: np.ndarray) -> np.ndarray:
    """mean of the first column over mean of the second."""
    above, below = (values[..., column].mean(axis=-1) for column in (0, 1))
    return np.divide(above, below, out=np.zeros_like(above), where=below != 0)


# --- words -----------------------------------------------------------------------------------------------------


def verdict(row: Mapping[str, Any]) -> str:
    """`A higher`, `B higher`, or `no difference found`: by the p-value after Holm and the interval, which must agree.

    Fewer texts than the card asks for are `too few texts`; what one run lacks is `undefined`.
    """
    if row["difference"] is None:
        return NOT_THERE
    if row["n"] < Policy().least_texts or row["low"] is None:
        return TOO_FEW
    if row["p_value_holm"] <= SIGNIFICANT and row["low"] > 0:
        return A_HIGHER
    if row["p_value_holm"] <= SIGNIFICANT and row["high"] < 0:
        return B_HIGHER
    return NOT_FOUND


def sentence(row: Mapping[str, Any]) -> str:
    """The size of a difference, then what is said of it."""
    found = verdict(row)
    if found == NOT_THERE:
        return "Undefined: no text has this number in both runs, or the ceiling of one is not above 0."
    size = f"A − B = {row['difference']:+z.3f}"
    if row["low"] is not None:
        size += f" ({LEVEL:.0%} interval {row['low']:+z.3f} to {row['high']:+z.3f})"
    if found == TOO_FEW:
        return f"{size}: only {row['n']} texts, {Policy().least_texts} are asked to say more."
    if found != NOT_FOUND:
        return f"{size}: {found}."
    if row["low"] == row["high"] == 0:
        return f"{size}: no difference in any resample."
    if not row["low"] <= 0 <= row["high"]:
        return f"{size}: no difference found, since among so many comparisons some intervals leave out 0 by chance."
    return f"{size}: no difference found; what lies in the interval is not ruled out."


def _distances(both: Between, seed: int) -> Iterator[Distance]:
    of_attention = np.isfinite(both.attention_jsd)
    undefined = int(len(both) - of_attention.sum())
    own, by_chance = both.attention_jsd[of_attention], both.permuted_jsd[of_attention]
    yield Distance("attention_jsd", "JSD of the attentions, mean", inference.mean(own, seed=seed), undefined)
    yield Distance(
        "permuted_jsd",
        "the same with B's weights on random words",
        inference.mean(by_chance, seed=seed),
        undefined,
    )
    yield Distance(
        "nearer_than_chance",
        "how much nearer the attentions are than chance",
        paired_difference(by_chance, own, seed=seed),
        undefined,
        paired_permutation_test(by_chance, own, seed=seed) if len(own) else None,
    )
    moved = both.output_tvd[np.isfinite(both.output_tvd)]
    yield Distance(
        "output_tvd", "TVD of the outputs, mean", inference.mean(moved, seed=seed), len(both) - len(moved)
    )
    said = both.same_prediction[np.isfinite(both.same_prediction)]
    yield Distance(
        "same_prediction",
        "same decision",
        inference.share(int(said.sum()), len(said)),
        len(both) - len(said),
    )


def _answers(a: Result, b: Result) -> Iterator[Answers]:
    second = {answer.question: answer for answer in b.card if answer.group == OVERALL}
    for answer in a.card:
        if answer.group == OVERALL and answer.question in second:
            yield Answers(answer, second[answer.question])


def _settings(a: Result, b: Result) -> list[tuple[str, str, str]]:
    """The settings that differ, by their dotted names, as they are written; imported scores have none of a run."""
    if a.imported != b.imported:
        return []
    first, second = (dict(_flat(without_folders(run.manifest["spec"]))) for run in (a, b))
    names = [*first, *(name for name in second if name not in first)]
    return [
        (name, first.get(name, "–"), second.get(name, "–"))
        for name in names
        if first.get(name) != second.get(name)
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _notes(a: Result, b: Result, both: Between, settings: Sequence[str]) -> Iterator[str]:
    """What must be known to read the numbers."""
    n = len(both)
    if both.only_a or both.only_b:
        yield (
            f"{n} texts are in both runs; {both.only_a} are only in A and {both.only_b} only in B. Differences rest "
            "on the common ones, the answers of each run on all of its own."
        )
    first, second = a.per_instance, b.per_instance
    if without := [side for side, run in (("A", a), ("B", b)) if run.imported]:
        yield f"The scores of {' and '.join(without)} were imported; how they were computed is not known here."
    unknown = [side for side, run in (("A", first), ("B", second)) if (run.prediction < 0).all()]
    if unknown:
        yield f"Without the outputs of {' and '.join(unknown)}, neither outputs nor decisions are compared."
    if a.manifest["run_id"] == b.manifest["run_id"]:
        yield "A and B are the same run."
    elif settings == ["seed"]:
        yield (
            "The runs differ only in their seed: what is found here is what training again does, seen once. How "
            "large it usually is takes more seeds."
        )
    else:
        yield (
            "Intervals and p-values are over texts: they say how these two trained models differ on texts like "
            "these. Another training of either may differ from itself as much; only runs with several seeds can say."
        )
    counts = {status: int((both.attention_status == status).sum()) for status in _WHY}
    for status, why in _WHY.items():
        if counts[status]:
            yield f"{counts[status]} of {n} texts {why}"
    if other := int((both.same_target == 0).sum()):
        yield f"{other} of {n} texts have another gold class in B; they are left out of accuracy and of the classes."
    if not both.same_classes and not unknown:
        yield "The runs know other classes, so the distance of their outputs is not defined."
    if not both.same_classes and without and a.classes and b.classes:
        yield "Classes are matched by their names, which `attnaudit import` is given with `--classes`."
    for kind in _adversaries(first, second):
        bounds = [run.epsilon.get(kind) for run in (first, second)]
        if bounds[0] != bounds[1]:
            said = " and ".join("none" if bound is None else f"{bound:g}" for bound in bounds)
            yield f"{_kind(kind).capitalize()}: asked with another ε ({said}), so not compared."
        elif kind in ("adversarial_bracket", "same_weights"):
            yield f"{_kind(kind).capitalize()}: the lower bounds are compared."
    for side, has, lacks in (("A", first, second), ("B", second, first)):
        alone = [worded(measure) for measure in has.measures if measure not in lacks.measures]
        alone += [_kind(kind) for kind in has.kinds if kind not in lacks.kinds]
        alone += ["erasure"] if has.erasure and not lacks.erasure else []
        if alone:
            yield f"Only in {side}, so not compared: {', '.join(alone)}."


def _kind(kind: str) -> str:
    return f"adversary ({worded(kind)})" if kind.startswith("adversarial") else worded(kind)


_WHY = {
    OTHER_TEXT: "stand for another text in B under the same id; they are left out of everything but this count.",
    OTHER_TOKENS: "are cut into other tokens in B, so their attentions are not held against each other.",
    TOO_SHORT: "have a single token, where there is only one attention.",
    NOT_RUN: "have no attention in one of the runs.",
}
