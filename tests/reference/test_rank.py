"""Kendall's τ-b against counted pairs, and what is undefined."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from attnaudit.stats.rank import kendall_tau_b

scores = st.integers(2, 15).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 5).map(float), min_size=n, max_size=n)] * 2)
)


@given(scores)
def test_equal_to_counted_pairs(pair: tuple[list[float], list[float]]) -> None:
    a, b = map(np.array, pair)
    found = kendall_tau_b(a, b)
    signs = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in combinations(range(len(a)), 2)]
    untied = np.sqrt(sum(x != 0 for x, _ in signs) * sum(y != 0 for _, y in signs))
    if untied == 0:
        assert found == (None, None, "constant")
    else:
        assert found.value == pytest.approx(sum(x * y for x, y in signs) / untied)
        assert found.p_value == pytest.approx(kendalltau(a, b).pvalue)


def test_p_value_of_a_small_sample_is_the_share_of_permutations_at_least_as_extreme() -> None:
    a, b = np.arange(6.0), np.array([1.0, 0.0, 2.0, 4.0, 3.0, 5.0])
    found = kendall_tau_b(a, b)
    taus = [kendall_tau_b(a, np.array(order, dtype=float)).value for order in permutations(range(6))]
    extreme = np.mean([abs(tau) >= abs(found.value) - 1e-12 for tau in taus])
    assert found.p_value == pytest.approx(extreme)


def test_undefined_is_null_with_a_reason() -> None:
    assert kendall_tau_b(np.array([1.0]), np.array([2.0])) == (None, None, "too_short")
    assert kendall_tau_b(np.array([1.0, 1.0]), np.array([2.0, 3.0])) == (None, None, "constant")
