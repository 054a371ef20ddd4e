"""Paired differences, and sign flips against all of them written out."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest

from attnaudit.stats import inference, paired
from attnaudit.stats.paired import (
    paired_difference,
    paired_permutation_test,
    statistic_difference,
    statistic_permutation_test,
)


def test_difference_is_the_mean_of_the_differences() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 300))
    assert paired_difference(a, b, seed=3) == inference.mean(a - b, seed=3)
    together = np.random.default_rng(1).normal(0, 5, 300)  # cancels, since pairs stay together
    found = paired_difference(a + together, b + together, seed=3)
    assert found == pytest.approx(paired_difference(a, b, seed=3))


@pytest.mark.parametrize("shift", [0.0, 0.4, 1.0, 3.0])
def test_p_value_is_that_of_all_sign_flips(shift: float) -> None:
    a, b = np.random.default_rng(2).normal(size=(2, 11))
    a = a + shift
    signs = np.array(list(product((1, -1), repeat=11)))
    means = np.abs(signs @ (a - b))
    every = float((means >= means[0] - 1e-12).mean())
    found = paired_permutation_test(a, b, seed=0)
    assert found == pytest.approx(every)
    drawn = paired_permutation_test(np.tile(a, 2), np.tile(b, 2), seed=0)  # 2²² flips are too many: by chance
    assert drawn <= found + 0.02
    assert found == paired_permutation_test(b, a, seed=0)


def test_ties_count_as_far() -> None:
    a = np.array([0.1, 0.2, 0.3])  # 2 of 8 flips, in spite of rounding
    assert paired_permutation_test(a, np.zeros(3)) == 0.25
    assert paired_permutation_test(a, a) == 1.0
    assert paired_permutation_test(np.array([]), np.array([])) == 1.0
    assert paired_permutation_test(np.ones(200), np.zeros(200)) == 1 / 10_000


def test_no_difference_is_found_as_rarely_as_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paired, "DRAWS", 499)
    draws = np.random.default_rng(4).exponential(size=(600, 2, 30))
    found = [paired_permutation_test(a, b, seed=k) for k, (a, b) in enumerate(draws)]
    assert 0.025 <= np.mean(np.array(found) <= 0.05) <= 0.075


def test_how_many_values_are_held_at_once_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = np.random.default_rng(5).normal(size=(2, 77))
    found = []
    for at_once in (4_000_000, 250_000, 7_777):
        monkeypatch.setattr(paired, "_AT_ONCE", at_once)
        found.append(paired_permutation_test(a, b, seed=1))
    assert found == [found[0]] * 3
    assert paired_permutation_test(a, b, seed=2) != found[0]


@pytest.mark.parametrize("call", [paired_difference, paired_permutation_test])
def test_values_without_a_partner_or_undefined_are_refused(call) -> None:
    with pytest.raises(ValueError, match="3 values and 1"):
        call(np.zeros(3), np.zeros(1))
    with pytest.raises(ValueError, match="undefined"):
        call(np.zeros(3), np.array([0.0, np.nan, 1.0]))


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (3, 1), (30, 12), (25, 22), (60, 20)])
def test_of_right_and_wrong_it_is_the_exact_test_of_mcnemar(only_a: int, only_b: int) -> None:
    a = np.r_[np.ones(only_a), np.zeros(only_b), np.ones(40), np.zeros(9)]
    b = np.r_[np.zeros(only_a), np.ones(only_b), np.ones(40), np.zeros(9)]
    exact = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert paired_permutation_test(a, b) == pytest.approx(exact, abs=0.015)


def _mean(values: np.ndarray) -> np.ndarray:
    return values[..., 0].mean(axis=-1)


def _ratio(values: np.ndarray) -> np.ndarray:
    return values[..., 0].mean(axis=-1) / values[..., 1].mean(axis=-1)


def test_a_statistic_that_is_the_mean_is_treated_as_the_mean() -> None:
    a, b = np.random.default_rng(6).normal(size=(2, 120, 1))
    found = statistic_difference(_mean, a, b, seed=1)
    assert found == pytest.approx(paired_difference(a[:, 0], b[:, 0], seed=1))
    p_value = statistic_permutation_test(_mean, a, b, seed=1)
    assert p_value == pytest.approx(paired_permutation_test(a[:, 0], b[:, 0], seed=1))


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("statistic", [_ratio, lambda values: np.median(values[..., 0], axis=-1)])
def test_p_value_of_a_statistic_is_that_of_all_ways_to_turn_the_pairs(statistic, shift: float) -> None:
    a, b = np.random.default_rng(7).exponential(size=(2, 10, 2))
    a[:, 0] += shift
    observed = abs(statistic(a) - statistic(b))
    far = []
    for turned in product((False, True), repeat=10):
        first, second = a.copy(), b.copy()
        for pair in np.flatnonzero(turned):
            first[pair], second[pair] = b[pair], a[pair]
        far.append(abs(statistic(first) - statistic(second)) >= observed - 1e-12)
    assert statistic_permutation_test(statistic, a, b) == pytest.approx(np.mean(far))


def test_interval_of_a_ratio_is_about_that_of_fieller_and_none_of_one_pair() -> None:
    """Both ratios are near 1/2 and independent: the variances of their linear forms add up."""
    draw = np.random.default_rng(8)
    below = draw.uniform(1, 2, size=(2, 2_000))
    above = 0.5 * below + draw.normal(0, 0.2, size=(2, 2_000))
    a, b = (np.stack([above[k], below[k]], axis=1) for k in (0, 1))
    found = statistic_difference(_ratio, a, b)
    residual = [(above[k] - _ratio(x) * below[k]) / below[k].mean() for k, x in enumerate((a, b))]
    half = 1.96 * np.std(residual[0] - residual[1]) / np.sqrt(2_000)
    assert found.value == pytest.approx(_ratio(a) - _ratio(b))
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.1 * half)
    assert statistic_difference(_ratio, a[:1], b[:1]).low is None
    assert statistic_difference(_ratio, a, a) == (0, 0, 0, 2_000)
    assert statistic_permutation_test(_ratio, a, a) == 1
    assert statistic_difference(_mean, a[:0], b[:0]) == (None, None, None, 0)
