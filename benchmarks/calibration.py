"""How often the 95% intervals hold the true value.

    python -m benchmarks.calibration [SAMPLES]

Bootstrap intervals over instances are taken of samples from distributions whose mean and median are known, intervals
over seeds of normal values, and of scores of two models trained in pairs, whose true difference is known. A share
over 1,000 samples is itself uncertain by ± 1.4 points.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from attnaudit.stats import inference
from attnaudit.stats.inference import Estimate
from attnaudit.stats.paired import score_difference
from attnaudit.stats.seeds import over_seeds

SIZES = (200, 500)
SEEDS = (3, 4, 5, 7, 10)
RARITIES = (0.5, 0.2)
COUNT_SAMPLES = 5
SEED_SAMPLES = 10
"""Intervals over seeds cost nearly nothing: so many times as many samples."""


class _Distribution(NamedTuple):
    draw: Callable[[np.random.Generator, int], np.ndarray]
    mean: float
    median: float


DISTRIBUTIONS = {
    "normal": _Distribution(lambda rng, n: rng.normal(1, 1, n), 1.0, 1.0),
    "exponential": _Distribution(lambda rng, n: rng.exponential(1, n), 1.0, math.log(2)),
    "beta(½, ½)": _Distribution(lambda rng, n: rng.beta(0.5, 0.5, n), 0.5, 0.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration")
    parser.add_argument("samples", nargs="?", type=int, default=1000)
    samples = parser.parse_args().samples
    print(f"95% bootstrap over instances, {samples:,} samples each:\n")
    print("| distribution | n | mean | median | ratio of means | ms an interval |")
    print("|---|---|---|---|---|---|")
    for name, distribution in DISTRIBUTIONS.items():
        for n in SIZES:
            began = time.process_time()
            covered = bootstrap_coverage(distribution, n, samples)
            cost = (time.process_time() - began) * 1000 / (3 * samples)
            row = " | ".join(f"{100 * share:.1f} %" for share in covered)
            print(f"| {name} | {n} | {row} | {cost:.1f} |", flush=True)
    print(f"\nt interval over seeds, {SEED_SAMPLES * samples:,} samples each:\n")
    print("| seeds | covered |")
    print("|---|---|")
    for k in SEEDS:
        runs = np.random.default_rng(k).normal(0, 1, (SEED_SAMPLES * samples, k))
        share = np.mean([_holds(over_seeds(values), 0.0) for values in runs])
        print(f"| {k} | {100 * share:.1f} % |")
    print(
        f"\nt interval over pairs of trainings (difference of accuracy), {SEED_SAMPLES * samples:,} samples each:\n"
    )
    print("| pairs | texts | covered |")
    print("|---|---|---|")
    for k in SEEDS:
        for n in SIZES:
            share = paired_trainings_coverage(k, n, SEED_SAMPLES * samples)
            print(f"| {k} | {n} | {100 * share:.1f} % |", flush=True)
    print(
        f"\n95% bootstrap of a difference of scores of two models on the same texts, {samples:,} samples each:\n"
    )
    print(f"(from counts: {COUNT_SAMPLES * samples:,} samples.)\n")
    print(
        "| texts | share of the class | accuracy | F1 of the class | accuracy, from counts | F1, from counts |"
    )
    print("|---|---|---|---|---|---|")
    for n in SIZES:
        for rarity in RARITIES:
            shares = (
                *score_difference_coverage(n, rarity, samples),
                *score_difference_coverage(
                    n, rarity, COUNT_SAMPLES * samples, difference=difference_by_counts
                ),
            )
            row = " | ".join(f"{100 * share:.1f} %" for share in shares)
            print(f"| {n} | {100 * rarity:.0f} % | {row} |", flush=True)


def paired_trainings_coverage(k: int, n: int, samples: int) -> float:
    """Of the t intervals over k paired differences of accuracy, the share that hold the true one.

    Each seed has a quality of its own which both models of its pair share, as they do initial weights and order; each
    model besides a part of its own. The true difference is that over all seeds and texts.
    """
    rng = np.random.default_rng([k, n])
    shared = rng.normal(0, 0.03, (samples, k, 1))
    quality = np.array([0.85, 0.80]) + shared + rng.normal(0, 0.01, (samples, k, 2))
    scores = rng.binomial(n, np.clip(quality, 0, 1)) / n
    differences = scores[..., 0] - scores[..., 1]
    return float(np.mean([_holds(over_seeds(values), 0.05) for values in differences]))


def score_difference_coverage(
    n: int, rarity: float, samples: int, *, difference: Callable[..., Estimate] = score_difference
) -> tuple[float, float]:
    """Of the intervals of a difference of accuracy and of F1 of class 1, the share that hold the true one.

    Class 1 is as frequent as `rarity`. A text is easy, middling or hard for both models, so that they err together.
    """
    rng = np.random.default_rng([n, round(1000 * rarity)])
    held = np.zeros((samples, 2), dtype=bool)
    truth = (
        (_true_score(0, None, rarity) - _true_score(1, None, rarity)),
        (_true_score(0, 1, rarity) - _true_score(1, 1, rarity)),
    )
    for row in range(samples):
        target = (rng.random(n) < rarity).astype(np.int64)
        kind = rng.integers(0, 3, n)
        a, b = (np.where(rng.random(n) < _RIGHT[model, target, kind], target, 1 - target) for model in (0, 1))
        held[row] = (
            _holds(difference(target, a, b, seed=row), truth[0]),
            _holds(difference(target, a, b, 1, seed=row), truth[1]),
        )
    accuracy, f1 = held.mean(axis=0).tolist()
    return accuracy, f1


def difference_by_counts(
    target: np.ndarray, a: np.ndarray, b: np.ndarray, index: int | None = None, *, seed: int
) -> Estimate:
    """The interval of `score_difference` for two classes by another way, fifty times as fast.

    Texts with the same gold class and the same two predictions count alike, so drawing texts again is drawing how
    many there are of each of these eight kinds.
    """
    n, kinds = len(target), np.arange(8)
    gold, given_a, given_b = kinds >> 2, kinds >> 1 & 1, kinds & 1
    counts = np.bincount(4 * target + 2 * a + b, minlength=8)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, inference.RESAMPLES)

    def of(given: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        if index is None:
            return drawn[..., given == gold].sum(axis=-1) / n
        both = (given == index) & (gold == index)
        whole = drawn[..., given == index].sum(axis=-1) + drawn[..., gold == index].sum(axis=-1)
        return 2 * drawn[..., both].sum(axis=-1) / np.maximum(whole, 1)

    low, high = np.quantile(of(given_a, drawn) - of(given_b, drawn), [0.025, 0.975])
    return Estimate(float(of(given_a, counts) - of(given_b, counts)), float(low), float(high), n)


_RIGHT = np.array([[[0.99, 0.95, 0.70], [0.95, 0.85, 0.50]], [[0.98, 0.92, 0.65], [0.90, 0.75, 0.40]]])
"""How often each of two models is right, by the class of a text and how hard it is."""


def _true_score(model: int, index: int | None, rarity: float) -> float:
    """The score of a model on texts without end."""
    right_0, right_1 = _RIGHT[model].mean(axis=1)
    if index is None:
        return float((1 - rarity) * right_0 + rarity * right_1)
    found, wrongly, missed = rarity * right_1, (1 - rarity) * (1 - right_0), rarity * (1 - right_1)
    return float(2 * found / (2 * found + wrongly + missed))


def bootstrap_coverage(distribution: _Distribution, n: int, samples: int) -> tuple[float, float, float]:
    """Of the intervals of mean, median and ratio of means, the share that hold the true value.

    The ratio is of two correlated means, a = (b + c) / 2 with b and c drawn alike, so that it is truly 1.
    """
    rng = np.random.default_rng(n)
    held = np.zeros((samples, 3), dtype=bool)
    for k in range(samples):
        b, c = distribution.draw(rng, n), distribution.draw(rng, n)
        held[k] = (
            _holds(inference.mean(b, seed=k), distribution.mean),
            _holds(inference.median(b, seed=k), distribution.median),
            _holds(inference.ratio_of_means((b + c) / 2, b, seed=k), 1.0),
        )
    mean, median, ratio = held.mean(axis=0).tolist()
    return mean, median, ratio


def _holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


if __name__ == "__main__":
    main()
