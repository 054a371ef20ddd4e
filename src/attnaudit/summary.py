"""Tables → the table `summary`: one number a question and group of instances, with its interval.

Groups are the predicted classes, and `overall`. Effect sizes lead; the share of small p-values stands beside
them, though it mostly tells how long the texts are. Undefined values are counted, never averaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
import pyarrow as pa

from attnaudit import tables
from attnaudit.per_instance import SOONER, PerInstance, per_instance
from attnaudit.stats import inference
from attnaudit.stats.inference import SIGNIFICANT, Estimate
from attnaudit.stats.multiple import benjamini_hochberg
from attnaudit.trainings import Group, trainings

OVERALL = "overall"
ATTENTION_BINS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Edges of the paper's four bins of the largest attention weight of a text."""

FAR = (0.4, 0.6)
"""JSD (nats) from which an adversary is counted as far away; the paper's figures can be read at both."""


@dataclass(frozen=True, slots=True)
class _Group:
    name: str
    members: np.ndarray  # bool, one an instance


def summarise(stored: Mapping[str, pa.Table], classes: Sequence[str]) -> pa.Table:
    """The table `summary` of one run.

    Args:
        stored: the tables `instances`, `importance`, `counterfactual`, `scores`, `agreement`, `plausibility`.
        classes: names of the classes, by index.
    """
    return summary(per_instance([stored], len(stored["instances"])), stored["scores"], classes)


def summary(numbers: PerInstance, scores: pa.Table, classes: Sequence[str]) -> pa.Table:
    """The table `summary` from the numbers of each instance and the table `scores`."""
    prediction = numbers.prediction
    groups = [_Group(OVERALL, np.ones(len(numbers), dtype=bool))]
    groups += [_Group(predicted(classes[k]), prediction == k) for k in told_apart(prediction, len(classes))]
    rows = [
        *_quality(scores),
        *_agreement(numbers, groups),
        *_permutation(numbers, groups),
        *_dispersion(numbers, groups),
        *_uniform(numbers, groups),
        *_adversary(numbers, groups),
        *_erasure(numbers, groups),
        *_plausibility(numbers, groups),
        *_trainings(numbers, groups, classes),
    ]
    names = [column.name for column in tables.TABLES["summary"].columns]
    return tables.build(
        "summary", {name: [row[i] for row in rows] for i, name in enumerate(names)}, n_rows=len(rows)
    )


def told_apart(prediction: np.ndarray, n_classes: int) -> list[int]:
    """The predicted classes that get numbers of their own: none where four or more are predicted, as in the paper.

    None either where no prediction is known (−1 throughout).
    """
    known = prediction[prediction >= 0]
    if len(prediction) and not len(known):  # imported without outputs
        return []
    if n_classes < 4:
        return list(range(n_classes))
    found = np.unique(known).tolist()
    return found if len(found) < 4 else []


def predicted(class_name: str) -> str:
    """Name of the group of instances that the model gives this class."""
    return f"predicted {class_name}"


def lookup(summary: pa.Table) -> dict[tuple[str, str, str, str], Estimate]:
    """(experiment, subject, group, statistic) → the number with its interval."""
    keys = ("experiment", "subject", "group", "statistic")
    return {
        tuple(row[k] for k in keys): Estimate(row["value"], row["low"], row["high"], row["n"])
        for row in summary.to_pylist()
    }


_Row = tuple[str, str, str, str, float | None, float | None, float | None, int, int]


def _row(
    experiment: str, subject: str, group: str, statistic: str, estimate: Estimate, undefined: int = 0
) -> _Row:
    return (experiment, subject, group, statistic, *estimate, undefined)


def _quality(scores: pa.Table) -> Iterator[_Row]:
    for row in scores.to_pylist():
        undefined = row["n"] if row["value"] is None else 0
        yield _row(
            "quality",
            row["model"],
            OVERALL,
            row["metric"],
            Estimate(row["value"], None, None, row["n"]),
            undefined,
        )


def _agreement(numbers: PerInstance, groups: Sequence[_Group]) -> Iterator[_Row]:
    ceiling = next(
        (v for (a, b), v in numbers.tau.items() if a.startswith("gradient") and b == "leave_one_out"), None
    )
    for (a, b), tau in numbers.tau.items():
        p_value = numbers.p_value[a, b]
        subject = f"{a} ~ {b}"
        for group in groups:
            inside, undefined = _defined(tau, group)
            yield _row("agreement", subject, group.name, "mean", inference.mean(inside), undefined)
            yield _row("agreement", subject, group.name, "median", inference.median(inside), undefined)
            yield _row("agreement", subject, group.name, "std", _plain(inside, np.std), undefined)
            raw, _ = _defined(p_value, group)
            for statistic, p in (
                ("share_significant", raw),
                ("share_significant_bh", benjamini_hochberg(raw)),
            ):
                small = int((p <= SIGNIFICANT).sum())
                share = inference.share(small, len(inside))
                yield _row("agreement", subject, group.name, statistic, share, undefined)
            rarefied, undefined = _defined(numbers.rarefied[a, b], group)
            share = inference.mean(rarefied)
            yield _row("agreement", subject, group.name, "share_significant_rarefied", share, undefined)
            if a == "attention" and ceiling is not None:
                both = group.members & np.isfinite(tau) & np.isfinite(ceiling)
                of_ceiling = inference.ratio_of_means(tau[both], ceiling[both])
                yield _row(
                    "agreement",
                    subject,
                    group.name,
                    "share_of_ceiling",
                    of_ceiling,
                    int(group.members.sum() - both.sum()),
                )


def _permutation(numbers: PerInstance, groups: Sequence[_Group]) -> Iterator[_Row]:
    if "permuted" not in numbers.kinds:
        return
    medians = numbers.counterfactual("permuted", "output_tvd")
    flips = numbers.counterfactual("permuted", "flipped")
    largest = numbers.largest_attention
    for group in groups:
        inside, undefined = _defined(medians, group)
        yield _row("permutation", "permuted", group.name, "median_tvd", inference.median(inside), undefined)
        yield _row("permutation", "permuted", group.name, "mean_tvd", inference.mean(inside), undefined)
        flipped, undefined = _defined(flips, group)
        yield _row("permutation", "permuted", group.name, "share_flipped", inference.mean(flipped), undefined)
        for low, high in pairwise(ATTENTION_BINS):
            held = group.members & in_bin(largest, low, high)
            inside, undefined = _defined(medians, _Group(group.name, held))
            subject = f"permuted, max attention {bin_name(low, high)}"
            yield _row("permutation", subject, group.name, "median_tvd", inference.median(inside), undefined)


def _dispersion(numbers: PerInstance, groups: Sequence[_Group]) -> Iterator[_Row]:
    """Why permuting matters: the variance of the logit is that of attention times that of evidence, text by text.

    Attention as a sum of squares, evidence and logit as standard deviations in logits. The logarithms add up, so the
    variance over texts of that of the logit is shared out between the two; the shares sum to 1.
    """
    attention, evidence, logit = dispersions(numbers)
    if not np.isfinite(logit).any():
        return
    for group in groups:
        for subject, values in (
            ("dispersion of attention", attention),
            ("dispersion of evidence", np.sqrt(evidence)),
            ("dispersion of logit", np.sqrt(logit)),
        ):
            inside, undefined = _defined(values, group)
            yield _row("permutation", subject, group.name, "median", inference.median(inside), undefined)
        there = group.members & (attention > 0) & (evidence > 0)  # of nothing there is no logarithm
        logs = {
            "dispersion of attention": np.log(attention[there]),
            "dispersion of evidence": np.log(evidence[there]),
        }
        whole, undefined = sum(logs.values()), int(group.members.sum() - there.sum())
        for subject, part in logs.items():
            share = inference.share_of_variance(part, whole)
            yield _row("permutation", subject, group.name, "share_of_log_variance", share, undefined)


def dispersions(numbers: PerInstance) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Dispersion of attention Σ(α−ᾱ)², of evidence Σ(s−s̄)²/(n−1) in logits², and their product, of each instance.

    The product is the variance of the logit over all permutations, as it is stored; evidence is what it leaves. NaN
    where there is none: attention not measured, no variance stored, or of evidence where attention is uniform to
    its stored precision.
    """
    logit = numbers.counterfactual("permuted_moments", "logit_variance")
    attention = np.where(np.isnan(logit), np.nan, numbers.attention_dispersion)
    evidence = np.divide(logit, attention, out=np.full(len(numbers), np.nan), where=attention > 0)
    return attention, evidence, logit


def _uniform(numbers: PerInstance, groups: Sequence[_Group]) -> Iterator[_Row]:
    if "uniform" not in numbers.kinds:
        return
    tvd = numbers.counterfactual("uniform", "output_tvd")
    flipped = numbers.counterfactual("uniform", "flipped")
    for group in groups:
        inside, undefined = _defined(tvd, group)
        yield _row("uniform", "uniform", group.name, "median_tvd", inference.median(inside), undefined)
        flips, undefined = _defined(flipped, group)
        yield _row(
            "uniform",
            "uniform",
            group.name,
            "share_flipped",
            inference.share(int(flips.sum()), len(flips)),
            undefined,
        )


_SOLVED = {"adversarial_exact": "exact", "adversarial_bracket": "bracket"}
_SEARCHED = {"adversarial_search": "search", "adversarial_paper": "paper"}
_BRACKETED = ("adversarial_bracket", "same_weights")
CERTIFIED = 0.01
"""A bracket whose bounds differ by no more than this share of the upper one is called certified."""


def _adversary(numbers: PerInstance, groups: Sequence[_Group]) -> Iterator[_Row]:
    found: dict[str, tuple[float | None, np.ndarray]] = {}
    for kind in (*_SOLVED, *_SEARCHED, "same_weights"):
        if kind not in numbers.kinds:
            continue
        jsd, flipped = (numbers.counterfactual(kind, column) for column in ("attention_jsd", "flipped"))
        found[kind] = numbers.epsilon.get(kind), jsd
        for group in groups:
            inside, undefined = _defined(jsd, group)
            yield _row("adversary", kind, group.name, "mean_jsd", inference.mean(inside), undefined)
            yield _row("adversary", kind, group.name, "median_jsd", inference.median(inside), undefined)
            for far in FAR:
                share = inference.share(int((inside >= far).sum()), len(inside))
                yield _row("adversary", kind, group.name, f"share_jsd_from_{far:g}", share, undefined)
            flips, undefined = _defined(flipped, group)
            flip_share = inference.share(int(flips.sum()), len(flips))
            yield _row("adversary", kind, group.name, "share_flipped", flip_share, undefined)
            if kind == "same_weights":
                yield from _against_random(numbers, jsd, group)
            if kind in _BRACKETED:
                yield from _bracket(kind, jsd, numbers.counterfactual(kind, "certified_upper_jsd"), group)
    yield from _gaps(found, groups)
    if "adversarial_bracket" in found:
        upper = numbers.counterfactual("adversarial_bracket", "certified_upper_jsd")
        yield from _proof(found, upper, groups)


def _against_random(numbers: PerInstance, jsd: np.ndarray, group: _Group) -> Iterator[_Row]:
    """How far the same weights can be re-assigned within ε, as a share of how far a random re-assignment goes."""
    random = numbers.counterfactual("permuted", "attention_jsd")
    both = group.members & np.isfinite(jsd) & np.isfinite(random)
    if both.any():
        share = inference.ratio_of_means(jsd[both], random[both])
        undefined = int(group.members.sum() - both.sum())
        yield _row("adversary", "same_weights", group.name, "share_of_permuted", share, undefined)


def _bracket(kind: str, lower: np.ndarray, upper: np.ndarray, group: _Group) -> Iterator[_Row]:
    """How tight the certified bounds are."""
    above, undefined = _defined(upper, group)
    width, _ = _defined(upper - lower, group)
    certified = int((width <= CERTIFIED * above).sum())
    for statistic, estimate in (
        ("mean_upper_jsd", inference.mean(above)),
        ("mean_width", inference.mean(width)),
        ("share_certified", inference.share(certified, len(above))),
    ):
        yield _row("adversary", kind, group.name, statistic, estimate, undefined)


def _gaps(found: Mapping[str, tuple[float | None, np.ndarray]], groups: Sequence[_Group]) -> Iterator[_Row]:
    """How far what is solved lies above what a search found, where both were asked with the same ε."""
    for solved, searched in product(_SOLVED, _SEARCHED):
        if solved not in found or searched not in found or found[solved][0] != found[searched][0]:
            continue
        gap = found[solved][1] - found[searched][1]
        subject = f"{_SOLVED[solved]} above {_SEARCHED[searched]}"
        for group in groups:
            inside, undefined = _defined(gap, group)
            yield _row("adversary", subject, group.name, "mean_jsd", inference.mean(inside), undefined)
            yield _row("adversary", subject, group.name, "least_jsd", _plain(inside, np.min), undefined)


def _proof(
    found: Mapping[str, tuple[float | None, np.ndarray]], upper: np.ndarray, groups: Sequence[_Group]
) -> Iterator[_Row]:
    """How near a search came to the certified upper bound; below 0 the certificate would be wrong."""
    for searched, name in _SEARCHED.items():
        if searched in found and found[searched][0] == found["adversarial_bracket"][0]:
            slack = upper - found[searched][1]
            for group in groups:
                inside, undefined = _defined(slack, group)
                subject = f"upper bound above {name}"
                yield _row("adversary", subject, group.name, "least_jsd", _plain(inside, np.min), undefined)


def _erasure(numbers: PerInstance, groups: Sequence[_Group]) -> Iterator[_Row]:
    for (quantity, ordering, operator), values in numbers.erasure.items():
        statistic = quantity if quantity == SOONER else f"mean_{quantity}"
        subject = f"{ordering}, {operator}"
        for group in groups:
            asked = _Group(group.name, group.members & numbers.erased[operator])
            inside, undefined = _defined(values, asked)
            yield _row("erasure", subject, group.name, statistic, inference.mean(inside), undefined)


def _plausibility(numbers: PerInstance, groups: Sequence[_Group]) -> Iterator[_Row]:
    for (measure, metric), values in numbers.plausibility.items():
        for group in groups:
            inside, undefined = _defined(values, group)
            yield _row("plausibility", measure, group.name, metric, inference.mean(inside), undefined)


def _trainings(numbers: PerInstance, groups: Sequence[_Group], classes: Sequence[str]) -> Iterator[_Row]:
    solved = next((kind for kind in _SOLVED if kind in numbers.kinds), None)
    adversary = None if solved is None else numbers.counterfactual(solved, "attention_jsd")
    index = {predicted(name): number for number, name in enumerate(classes)}
    told = [Group(group.name, group.members, index.get(group.name)) for group in groups]
    yield from trainings(
        numbers.diagnostic, numbers.target, numbers.prediction, numbers.n_tokens, adversary, told
    )


# --- groups and values, also for the figures -------------------------------------------------------------


def in_bin(largest: np.ndarray, low: float, high: float) -> np.ndarray:
    """Which instances fall in a bin; the last bin holds its upper edge."""
    return (largest >= low) & ((largest < high) | (high == ATTENTION_BINS[-1]))


def bin_name(low: float, high: float) -> str:
    """`0.25–0.50`."""
    return f"{low:.2f}–{high:.2f}"


def _defined(values: np.ndarray, group: _Group) -> tuple[np.ndarray, int]:
    """The values that exist in a group, and how many do not."""
    inside = values[group.members]
    there = np.isfinite(inside)
    return inside[there], int((~there).sum())


def _plain(values: np.ndarray, statistic: object) -> Estimate:
    value = float(statistic(values)) if len(values) else None  # type: ignore[operator]  # a numpy reduction
    return Estimate(value, None, None, len(values))
