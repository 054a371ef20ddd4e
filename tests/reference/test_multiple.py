"""Adjusted p-values against the procedures as they are written down."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnaudit.stats.multiple import benjamini_hochberg, holm

p_values = st.lists(st.floats(0, 1) | st.sampled_from([0.0, 0.01, 0.05, 1.0]), min_size=1, max_size=12)


@given(p_values)
def test_benjamini_hochberg_is_the_step_up_procedure(given_: list[float]) -> None:
    n, least = len(given_), 1.0
    expected = [0.0] * n
    for rank, place in reversed(list(enumerate(sorted(range(n), key=given_.__getitem__), start=1))):
        least = min(least, given_[place] * n / rank)
        expected[place] = least
    assert benjamini_hochberg(np.array(given_)) == pytest.approx(expected)


@given(p_values)
def test_holm_is_the_step_down_procedure(given_: list[float]) -> None:
    n, most = len(given_), 0.0
    expected = [0.0] * n
    for rank, place in enumerate(sorted(range(n), key=given_.__getitem__)):
        most = max(most, min(1.0, (n - rank) * given_[place]))
        expected[place] = most
    found = holm(np.array(given_))
    assert found == pytest.approx(expected)
    adjusted = benjamini_hochberg(np.array(given_))
    assert (found >= adjusted - 1e-12).all()
    assert (adjusted >= np.array(given_) - 1e-12).all()


def test_by_hand() -> None:
    given_ = np.array([0.04, 0.01, 0.03])
    assert benjamini_hochberg(given_) == pytest.approx([0.04, 0.03, 0.04])
    assert holm(given_) == pytest.approx([0.06, 0.03, 0.06])


@pytest.mark.parametrize("adjust", [benjamini_hochberg, holm])
def test_no_effect_is_found_as_rarely_as_it_is_said(adjust) -> None:
    draws = np.random.default_rng(0).random((2000, 50))
    assert np.mean([(adjust(row) <= 0.05).any() for row in draws]) <= 0.065  # .05 and three standard errors
    assert np.mean([(row <= 0.05).any() for row in draws]) > 0.9


def test_of_what_is_found_few_are_false() -> None:
    draw, false = np.random.default_rng(1), []
    for _ in range(1000):
        p = np.r_[draw.random(40), draw.random(10) * 0.002]
        found = benjamini_hochberg(p) <= 0.05
        false.append(found[:40].sum() / max(1, found.sum()))
    assert 0.02 <= np.mean(false) <= 0.05  # expected: .05 × 40/50


@pytest.mark.parametrize("adjust", [benjamini_hochberg, holm])
def test_none_gives_none_and_what_is_no_p_value_is_refused(adjust) -> None:
    assert adjust(np.array([])).tolist() == []
    assert adjust(np.array([0.3])).tolist() == [0.3]
    for wrong in (-0.1, 1.1, np.nan):
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjust(np.array([0.5, wrong]))
