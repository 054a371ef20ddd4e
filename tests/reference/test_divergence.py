"""Divergences against scipy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cityblock, jensenshannon

from attnaudit.stats.divergence import LN2, jensen_shannon_divergence, total_variation_distance


@st.composite
def distributions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 12))
    weights = st.lists(st.floats(0, 1), min_size=n, max_size=n).filter(lambda w: sum(w) > 1e-3)
    p, q = np.array(draw(weights)), np.array(draw(weights))
    return p / p.sum(), q / q.sum()


@given(distributions())
def test_equal_to_scipy(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    assert np.isclose(total_variation_distance(p, q), cityblock(p, q) / 2, atol=1e-12)
    expected = np.nan_to_num(jensenshannon(p, q)) ** 2
    assert np.isclose(jensen_shannon_divergence(p, q), expected, atol=1e-9)


@given(distributions())
def test_symmetric_and_bounded(pair: tuple[np.ndarray, np.ndarray]) -> None:
    p, q = pair
    value = float(jensen_shannon_divergence(p, q))
    assert value == float(jensen_shannon_divergence(q, p))
    assert 0 <= value <= LN2
    assert 0 <= total_variation_distance(p, q) <= 1 + 1e-12


def test_disjoint_supports_are_as_far_as_can_be() -> None:
    assert jensen_shannon_divergence([1, 0], [0, 1]) == LN2
    assert total_variation_distance([1, 0], [0, 1]) == 1


def test_binary_tvd_is_the_difference_of_probabilities() -> None:
    assert np.isclose(total_variation_distance([0.3, 0.7], [0.45, 0.55]), 0.15)
