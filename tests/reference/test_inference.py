"""Intervals against theory and closed formulas."""

import numpy as np
import pytest
from scipy.stats import linregress

from attnaudit.stats import inference


def test_interval_of_a_mean_is_that_of_normal_theory_on_a_large_sample() -> None:
    values = np.random.default_rng(0).normal(3, 2, 4000)
    found = inference.mean(values)
    error = values.std(ddof=1) / np.sqrt(len(values))
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_interval_of_a_mean_covers_as_often_as_it_says() -> None:
    draw = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        found = inference.mean(draw.exponential(1.0, 200))
        hits += found.low <= 1.0 <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_share_is_wilson() -> None:
    found = inference.share(7, 50)
    z, p, n = 1.959964, 7 / 50, 50
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert found == pytest.approx((p, middle - half, middle + half, 50), abs=1e-6)


def test_ratio_of_means_is_that_of_fieller_on_a_large_sample() -> None:
    draw = np.random.default_rng(2)
    b = draw.normal(2, 1, 5000)
    a = 0.5 * b + draw.normal(0, 0.5, 5000)
    found = inference.ratio_of_means(a, b)
    ratio = a.mean() / b.mean()
    error = np.std(a - ratio * b) / np.sqrt(5000) / b.mean()
    assert found.value == pytest.approx(ratio)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_share_of_variance_is_a_slope_and_its_interval_that_of_the_slope() -> None:
    draw = np.random.default_rng(4)
    part, other = draw.normal(0, 2, 3000), draw.normal(0, 1, 3000)
    found, rest = (
        inference.share_of_variance(part, part + other),
        inference.share_of_variance(other, part + other),
    )
    fit = linregress(part + other, part)
    assert found.value == pytest.approx(fit.slope)
    assert found.value + rest.value == pytest.approx(1)
    assert found.value == pytest.approx(0.8, abs=0.02)
    assert found.high - found.low == pytest.approx(2 * 1.96 * fit.stderr, rel=0.1)
    few = np.array([1.0, 1.0, 2.0, 1.0])  # some resamples do not vary
    assert np.isfinite(inference.share_of_variance(few, few)[:3]).all()


def test_nothing_to_estimate_is_null() -> None:
    assert inference.mean(np.array([])) == (None, None, None, 0)
    assert inference.mean(np.array([2.0])) == (2.0, None, None, 1)
    assert inference.mean(np.array([2.0, 2.0])) == (2.0, 2.0, 2.0, 2)
    assert inference.share(0, 0) == (None, None, None, 0)
    assert inference.ratio_of_means(np.array([1.0, 1.0]), np.array([1.0, -1.0])).value is None
    assert inference.share_of_variance(np.arange(2.0), np.arange(2.0)) == (None, None, None, 2)
    assert inference.share_of_variance(np.arange(3.0), np.ones(3)) == (None, None, None, 3)
    assert inference.ratio_of_means(np.array([1.0, 1.0, 1.0]), np.array([0.0, 0.0, 1.0])).value is None


def test_the_same_seed_gives_the_same_interval() -> None:
    values = np.random.default_rng(3).normal(size=50)
    assert inference.median(values) == inference.median(values)
    assert inference.median(values).value == np.median(values)


def test_how_many_values_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    values, ceiling = rng.normal(0.3, 0.2, 501), rng.normal(0.6, 0.2, 501)
    found = []
    for at_once in (4_000_000, 250_000, 7_777, 1):
        monkeypatch.setattr(inference, "_AT_ONCE", at_once)
        found.append(
            (
                inference.mean(values),
                inference.median(values),
                inference.ratio_of_means(values, ceiling),
            )
        )
    assert found == [found[0]] * 4
