"""How often the 95% intervals hold the true value.

    python -m benchmarks.calibration [SAMPLES]

Bootstrap intervals over instances are taken of samples from distributions whose mean and median are known, intervals
over seeds of normal values. A share over 1,000 samples is itself uncertain by ± 1.4 points.
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
from attnaudit.stats.seeds import over_seeds

SIZES = (200, 500)
SEEDS = (3, 4, 5, 7, 10)
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
