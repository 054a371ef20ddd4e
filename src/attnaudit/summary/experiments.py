"""The rows of what is asked of the audited model itself, by experiment: quality, agreement, … plausibility."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
import pyarrow as pa

from attnaudit.named import SOONER, gradient_of
from attnaudit.per_instance import PerInstance
from attnaudit.stats import inference
from attnaudit.stats.inference import SIGNIFICANT
from attnaudit.stats.multiple import benjamini_hochberg
from attnaudit.summary.rows import OVERALL, Group, Row, defined, plain, row

ATTENTION_BINS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Edges of the paper's four bins of the largest attention weight of a text."""

FAR = (0.4, 0.6)
"""JSD (nats) from which an adversary is counted as far away; the paper's figures can be read at both."""


def quality(scores: pa.Table) -> Iterator[Row]:
    """How good the models are, as the table `scores` has it."""
    for score in scores.to_pylist():
        value, n = score["value"], score["n"]
        undefined = n if value is None else 0
        yield Row("quality", score["model"], OVERALL, score["metric"], value, None, None, n, undefined)


def agreement(numbers: PerInstance, groups: Sequence[Group]) -> Iterator[Row]:
    """How alike two measures rank the words, and what of the ceiling attention reaches."""
    gradient = gradient_of(a for a, b in numbers.tau if b == "leave_one_out")
    ceiling = None if gradient is None else numbers.tau[gradient, "leave_one_out"]
    for (a, b), tau in numbers.tau.items():
        p_value = numbers.p_value[a, b]
        subject = f"{a} ~ {b}"
        for group in groups:
            inside, undefined = defined(tau, group)
            yield row("agreement", subject, group, "mean", inference.mean(inside), undefined)
            yield row("agreement", subject, group, "median", inference.median(inside), undefined)
            yield row("agreement", subject, group, "std", plain(inside, np.std), undefined)
            raw, _ = defined(p_value, group)
            for statistic, p in (
                ("share_significant", raw),
                ("share_significant_bh", benjamini_hochberg(raw)),
            ):
                small = int((p <= SIGNIFICANT).sum())
                share = inference.share(small, len(inside))
                yield row("agreement", subject, group, statistic, share, undefined)
            rarefied, undefined = defined(numbers.rarefied[a, b], group)
            share = inference.mean(rarefied)
            yield row("agreement", subject, group, "share_significant_rarefied", share, undefined)
            if a == "attention" and ceiling is not None:
                both = group.members & np.isfinite(tau) & np.isfinite(ceiling)
                of_ceiling = inference.ratio_of_means(tau[both], ceiling[both])
                yield row(
                    "agreement",
                    subject,
                    group,
                    "share_of_ceiling",
                    of_ceiling,
                    int(group.members.sum() - both.sum()),
                )


def permutation(numbers: PerInstance, groups: Sequence[Group]) -> Iterator[Row]:
    """What becomes of the output when the weights stand on other words."""
    if "permuted" not in numbers.kinds:
        return
    medians = numbers.counterfactual("permuted", "output_tvd")
    flips = numbers.counterfactual("permuted", "flipped")
    largest = numbers.largest_attention
    for group in groups:
        inside, undefined = defined(medians, group)
        yield row("permutation", "permuted", group, "median_tvd", inference.median(inside), undefined)
        yield row("permutation", "permuted", group, "mean_tvd", inference.mean(inside), undefined)
        flipped, undefined = defined(flips, group)
        yield row("permutation", "permuted", group, "share_flipped", inference.mean(flipped), undefined)
        for low, high in pairwise(ATTENTION_BINS):
            held = group.members & in_bin(largest, low, high)
            inside, undefined = defined(medians, group._replace(members=held))
            subject = f"permuted, max attention {bin_name(low, high)}"
            yield row("permutation", subject, group, "median_tvd", inference.median(inside), undefined)


def dispersion(numbers: PerInstance, groups: Sequence[Group]) -> Iterator[Row]:
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
            inside, undefined = defined(values, group)
            yield row("permutation", subject, group, "median", inference.median(inside), undefined)
        there = group.members & (attention > 0) & (evidence > 0)  # of nothing there is no logarithm
        logs = {
            "dispersion of attention": np.log(attention[there]),
            "dispersion of evidence": np.log(evidence[there]),
        }
        whole, undefined = sum(logs.values()), int(group.members.sum() - there.sum())
        for subject, part in logs.items():
            share = inference.share_of_variance(part, whole)
            yield row("permutation", subject, group, "share_of_log_variance", share, undefined)


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


def uniform(numbers: PerInstance, groups: Sequence[Group]) -> Iterator[Row]:
    """What becomes of the output when all words have the same weight."""
    if "uniform" not in numbers.kinds:
        return
    tvd = numbers.counterfactual("uniform", "output_tvd")
    flipped = numbers.counterfactual("uniform", "flipped")
    for group in groups:
        inside, undefined = defined(tvd, group)
        yield row("uniform", "uniform", group, "median_tvd", inference.median(inside), undefined)
        flips, undefined = defined(flipped, group)
        yield row(
            "uniform",
            "uniform",
            group,
            "share_flipped",
            inference.share(int(flips.sum()), len(flips)),
            undefined,
        )


_SOLVED = {"adversarial_exact": "exact", "adversarial_bracket": "bracket"}
_SEARCHED = {"adversarial_search": "search", "adversarial_paper": "paper"}
_BRACKETED = ("adversarial_bracket", "same_weights")
CERTIFIED = 0.01
"""A bracket whose bounds differ by no more than this share of the upper one is called certified."""


def adversary(numbers: PerInstance, groups: Sequence[Group]) -> Iterator[Row]:
    """How far attention can go while the output stays."""
    found: dict[str, tuple[float | None, np.ndarray]] = {}
    for kind in (*_SOLVED, *_SEARCHED, "same_weights"):
        if kind not in numbers.kinds:
            continue
        jsd, flipped = (numbers.counterfactual(kind, column) for column in ("attention_jsd", "flipped"))
        found[kind] = numbers.epsilon.get(kind), jsd
        for group in groups:
            inside, undefined = defined(jsd, group)
            yield row("adversary", kind, group, "mean_jsd", inference.mean(inside), undefined)
            yield row("adversary", kind, group, "median_jsd", inference.median(inside), undefined)
            for far in FAR:
                share = inference.share(int((inside >= far).sum()), len(inside))
                yield row("adversary", kind, group, f"share_jsd_from_{far:g}", share, undefined)
            flips, undefined = defined(flipped, group)
            flip_share = inference.share(int(flips.sum()), len(flips))
            yield row("adversary", kind, group, "share_flipped", flip_share, undefined)
            if kind == "same_weights":
                yield from _against_random(numbers, jsd, group)
            if kind in _BRACKETED:
                yield from _bracket(kind, jsd, numbers.counterfactual(kind, "certified_upper_jsd"), group)
    yield from _gaps(found, groups)
    if "adversarial_bracket" in found:
        upper = numbers.counterfactual("adversarial_bracket", "certified_upper_jsd")
        yield from _proof(found, upper, groups)


def _against_random(numbers: PerInstance, jsd: np.ndarray, group: Group) -> Iterator[Row]:
    """How far the same weights can be re-assigned within ε, as a share of how far a random re-assignment goes."""
    random = numbers.counterfactual("permuted", "attention_jsd")
    both = group.members & np.isfinite(jsd) & np.isfinite(random)
    if both.any():
        share = inference.ratio_of_means(jsd[both], random[both])
        undefined = int(group.members.sum() - both.sum())
        yield row("adversary", "same_weights", group, "share_of_permuted", share, undefined)


def _bracket(kind: str, lower: np.ndarray, upper: np.ndarray, group: Group) -> Iterator[Row]:
    """How tight the certified bounds are."""
    above, undefined = defined(upper, group)
    width, _ = defined(upper - lower, group)
    certified = int((width <= CERTIFIED * above).sum())
    for statistic, estimate in (
        ("mean_upper_jsd", inference.mean(above)),
        ("mean_width", inference.mean(width)),
        ("share_certified", inference.share(certified, len(above))),
    ):
        yield row("adversary", kind, group, statistic, estimate, undefined)


def _gaps(found: Mapping[str, tuple[float | None, np.ndarray]], groups: Sequence[Group]) -> Iterator[Row]:
    """How far what is solved lies above what a search found, where both were asked with the same ε."""
    for solved, searched in product(_SOLVED, _SEARCHED):
        if solved not in found or searched not in found or found[solved][0] != found[searched][0]:
            continue
        gap = found[solved][1] - found[searched][1]
        subject = f"{_SOLVED[solved]} above {_SEARCHED[searched]}"
        for group in groups:
            inside, undefined = defined(gap, group)
            yield row("adversary", subject, group, "mean_jsd", inference.mean(inside), undefined)
            yield row("adversary", subject, group, "least_jsd", plain(inside, np.min), undefined)


def _proof(
    found: Mapping[str, tuple[float | None, np.ndarray]], upper: np.ndarray, groups: Sequence[Group]
) -> Iterator[Row]:
    """How near a search came to the certified upper bound; below 0 the certificate would be wrong."""
    for searched, name in _SEARCHED.items():
        if searched in found and found[searched][0] == found["adversarial_bracket"][0]:
            slack = upper - found[searched][1]
            for group in groups:
                inside, undefined = defined(slack, group)
                subject = f"upper bound above {name}"
                yield row("adversary", subject, group, "least_jsd", plain(inside, np.min), undefined)


def erasure(numbers: PerInstance, groups: Sequence[Group]) -> Iterator[Row]:
    """What becomes of the decision when words are taken away in order of a measure."""
    for (quantity, ordering, operator), values in numbers.erasure.items():
        statistic = quantity if quantity == SOONER else f"mean_{quantity}"
        subject = f"{ordering}, {operator}"
        for group in groups:
            asked = group._replace(members=group.members & numbers.erased[operator])
            inside, undefined = defined(values, asked)
            yield row("erasure", subject, group, statistic, inference.mean(inside), undefined)


def plausibility(numbers: PerInstance, groups: Sequence[Group]) -> Iterator[Row]:
    """How well a measure finds what people marked."""
    for (measure, metric), values in numbers.plausibility.items():
        for group in groups:
            inside, undefined = defined(values, group)
            yield row("plausibility", measure, group, metric, inference.mean(inside), undefined)


def solved(numbers: PerInstance) -> np.ndarray | None:
    """ε-max JSD of each instance, to be held against what other seeds do; None where it was not solved."""
    kind = next((kind for kind in _SOLVED if kind in numbers.kinds), None)
    return None if kind is None else numbers.counterfactual(kind, "attention_jsd")


# --- bins, also for the figures ----------------------------------------------------------------------------------


def in_bin(largest: np.ndarray, low: float, high: float) -> np.ndarray:
    """Which instances fall in a bin; the last bin holds its upper edge."""
    return (largest >= low) & ((largest < high) | (high == ATTENTION_BINS[-1]))


def bin_name(low: float, high: float) -> str:
    """`0.25–0.50`."""
    return f"{low:.2f}–{high:.2f}"
