"""Paired differences, and sign flips against all of them written out."""

from itertools import product

import numpy as np
import pytest

from attnaudit.stats import inference, paired
from attnaudit.stats.paired import paired_difference, paired_permutation_test


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
