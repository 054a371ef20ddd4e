"""The interval over seeds against scipy's, and how often it covers."""

import numpy as np
import pytest
from scipy.stats import sem, t

from attnaudit.stats.seeds import over_seeds


@pytest.mark.parametrize("k", [3, 5, 10])
def test_it_is_the_t_interval_and_covers_as_often_as_it_says(k: int) -> None:
    runs = np.random.default_rng(k).normal(0.8, 0.02, (2000, k))
    found = [over_seeds(values) for values in runs]
    assert np.mean([one.low <= 0.8 <= one.high for one in found]) == pytest.approx(0.95, abs=0.02)
    low, high = t.interval(0.95, k - 1, loc=runs[0].mean(), scale=sem(runs[0]))
    assert found[0] == pytest.approx((runs[0].mean(), low, high, k))


def test_few_runs_say_nothing_about_seeds() -> None:
    assert over_seeds(np.array([])) == (None, None, None, 0)
    assert over_seeds(np.array([0.5])) == (0.5, None, None, 1)
    assert over_seeds(np.array([0.5, 0.7])) == (pytest.approx(0.6), None, None, 2)
    assert over_seeds(np.array([0.5, 0.5, 0.5])) == (0.5, 0.5, 0.5, 3)
