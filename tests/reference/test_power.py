"""What a sample can tell, against the closed formula and against samples that try."""

import math

import numpy as np
import pytest

from attnaudit.stats.inference import Estimate
from attnaudit.stats.power import enough_by_interval, enough_for, smallest_detectable

VALUES = np.array([1.0, 2.0, 3.0, 4.0])  # mean 2.5, standard deviation √(5/3)


def test_half_width_by_hand() -> None:
    assert smallest_detectable(VALUES) == pytest.approx(1.959964 * math.sqrt(5 / 3) / 2)
    assert smallest_detectable(VALUES, level=0.9) == pytest.approx(1.644854 * math.sqrt(5 / 3) / 2)
    assert smallest_detectable(np.ones(5)) == 0
    assert smallest_detectable(np.array([1.0])) == math.inf


def test_enough_is_the_first_that_is_enough() -> None:
    z2 = 1.959964**2
    assert enough_for(VALUES, 2.4) == math.floor(z2 * (5 / 3) / 0.1**2) + 1 == 641
    assert enough_for(VALUES, 2.6) == 641
    assert enough_for(VALUES, 0.0) == 2
    for threshold in (2.0, 2.45, 3.7):
        n = enough_for(VALUES, threshold)
        half_of_one = smallest_detectable(VALUES) * math.sqrt(len(VALUES))
        assert half_of_one / math.sqrt(n) < abs(2.5 - threshold) <= half_of_one / math.sqrt(n - 1)


def test_an_interval_tells_as_much_as_the_values() -> None:
    half = smallest_detectable(VALUES)
    known = Estimate(2.5, 2.5 - half, 2.5 + half, len(VALUES))
    for threshold in (2.0, 2.4, 2.45, 2.6, 3.7, 0.0):
        assert enough_by_interval(known, threshold) == pytest.approx(enough_for(VALUES, threshold), abs=1)
    assert enough_by_interval(known, 2.5) is None
    assert enough_by_interval(Estimate(0.5, None, None, 1), 0.4) is None
    assert enough_by_interval(Estimate(None, None, None, 0), 0.4) is None


def test_of_a_skewed_interval_the_half_towards_the_threshold_counts() -> None:
    for threshold, enough in ((1.2, 401), (0.9, 401), (1.5, 65), (0.75, 65), (0.5, 17)):
        found = enough_by_interval(Estimate(1.0, 0.8, 1.4, 100), threshold)
        assert found == pytest.approx(enough, abs=1)  # rounding of the numbers of this test


def test_at_the_threshold_no_number_is_enough() -> None:
    assert enough_for(VALUES, 2.5) is None
    assert enough_for(np.array([0.1, 0.2, 0.3]), 0.2) is None  # in spite of rounding
    assert enough_for(np.array([0.1] * 3), 0.1) is None
    assert enough_for(np.array([0.0, 0.0]), 0.0) is None
    assert enough_for(np.array([1.0]), 0.0) is None
    assert enough_for(np.ones(3), 0.5) == 2


@pytest.mark.parametrize(("times", "deciding"), [(0.0, 0.05), (1.0, 0.5), (2.0, 0.975)])
def test_samples_decide_as_often_as_is_said(times: float, deciding: float) -> None:
    samples = np.random.default_rng(0).normal(0, 1, (4000, 400))
    threshold = times * 1.959964 / math.sqrt(400)
    decided = [abs(one.mean() - threshold) > smallest_detectable(one) for one in samples]
    assert np.mean(decided) == pytest.approx(deciding, abs=0.03)
