"""Kendall's τ-b against counted pairs, and what is undefined."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from attnaudit.stats.rank import kendall_tau_b
from attnaudit.stats.rank_bulk import kendall_tau_b_each

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


@given(st.integers(0, 10**6), st.sampled_from([1.0, 5.0, 1e9]))
def test_many_at_once_are_what_each_is_alone(seed: int, values: float) -> None:
    """With ties and without, exact p-values and approximate ones, short and long, in any order."""
    draw = np.random.default_rng(seed)
    lengths = draw.choice([1, 2, 3, 5, 12, 33, 34, 60, 230], 12)
    pairs = [np.floor(draw.random((2, n)) * values) for n in lengths]
    pairs += [np.stack([np.arange(40.0), order]) for order in (np.arange(40.0), np.r_[1.0, 0.0, 2.0:40.0])]
    found = kendall_tau_b_each([a for a, _ in pairs], [b for _, b in pairs])
    for (a, b), one in zip(pairs, found, strict=True):
        alone = kendall_tau_b(a, b)
        assert one.status == alone.status
        if alone.value is not None:
            assert one.value == pytest.approx(alone.value, abs=1e-12)
            assert one.p_value == pytest.approx(alone.p_value, abs=1e-12, rel=1e-9)
