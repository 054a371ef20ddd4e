"""The rarefied share against scipy in a plain loop, against all subsets, and for what it is there: length."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import kendalltau

from attnaudit.stats import rarefied
from attnaudit.stats.rank_bulk import kendall_tau_b_each
from attnaudit.stats.rarefied import drawn_tokens, rarefied_share


def some_texts(seed: int, lengths: list[int]) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Scores with a correlation of .31 (τ = .2), rounded so that there are ties."""
    draw, pairs = np.random.default_rng(seed), []
    for n in lengths:
        a, noise = draw.normal(size=(2, n))
        pairs.append((a.round(1), (0.309 * a + np.sqrt(1 - 0.309**2) * noise).round(1)))
    return [a for a, _ in pairs], [b for _, b in pairs], [f"t{k}" for k in range(len(lengths))]


def test_it_is_a_plain_loop_over_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    firsts, seconds, ids = some_texts(0, [8, 9, 30, 120, 5, 8])
    found = rarefied_share(firsts, seconds, ids, draws=15, seed=4)
    expected = []
    for a, b, name in zip(firsts, seconds, ids, strict=True):
        if len(a) < 8:
            expected.append(np.nan)
            continue
        drawn = drawn_tokens(len(a), name, m=8, draws=15, seed=4)
        assert all(len(set(row)) == 8 and set(row) <= set(range(len(a))) for row in drawn.tolist())
        expected.append(np.mean([kendalltau(a[row], b[row]).pvalue <= 0.05 for row in drawn]))
    assert found == pytest.approx(expected, nan_ok=True)
    monkeypatch.setattr(rarefied, "_AT_ONCE", 1)
    assert rarefied_share(firsts, seconds, ids, draws=15, seed=4) == pytest.approx(found, nan_ok=True)


def test_many_draws_come_to_all_subsets() -> None:
    draw = np.random.default_rng(1)
    a = draw.normal(size=10)
    b = a + 0.7 * draw.normal(size=10)
    subsets = [list(rows) for rows in combinations(range(10), 7)]
    exact = np.mean([kendalltau(a[rows], b[rows]).pvalue <= 0.05 for rows in subsets])
    assert 0.2 < exact < 0.8
    assert rarefied_share([a], [b], ["x"], m=7, draws=4000)[0] == pytest.approx(exact, abs=0.03)


def test_draws_do_not_depend_on_company() -> None:
    firsts, seconds, ids = some_texts(2, [20] * 6)
    found = rarefied_share(firsts, seconds, ids)
    backwards = rarefied_share(firsts[::-1], seconds[::-1], ids[::-1])
    alone = [rarefied_share([a], [b], [name])[0] for a, b, name in zip(firsts, seconds, ids, strict=True)]
    assert found.tolist() == backwards[::-1].tolist() == alone
    rows = drawn_tokens(20, "t0", m=8, draws=3, seed=0).tolist()
    assert rows != drawn_tokens(20, "t0", m=8, draws=3, seed=1).tolist()
    assert rows != drawn_tokens(20, "t1", m=8, draws=3, seed=0).tolist()


def test_flat_draws_are_left_out_and_a_flat_text_is_undefined() -> None:
    up, flat = np.arange(9.0), np.ones(9)
    steps = np.array([0.0] * 8 + [1.0])  # flat on one draw in nine
    found = rarefied_share([up, up, up], [flat, up, steps], ["a", "b", "c"], draws=50)
    assert np.isnan(found[0])
    assert found[1] == 1.0
    assert found[2] == 0.0
    assert rarefied_share([], [], []).tolist() == []


def test_texts_of_any_length_come_out_alike_where_the_raw_share_follows_length() -> None:
    raw, cut = [], []
    for n in (8, 60, 300):
        firsts, seconds, ids = some_texts(n, [n] * 400)
        raw.append(np.mean([one.p_value <= 0.05 for one in kendall_tau_b_each(firsts, seconds)]))
        cut.append(rarefied_share(firsts, seconds, ids).mean())
    assert raw[0] < 0.15
    assert raw[2] > 0.95
    assert max(cut) - min(cut) < 0.05
    assert max(cut) < 0.15


@pytest.mark.parametrize("wrong", [{"m": 1}, {"draws": 0}])
def test_too_little_to_draw_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 tokens"):
        rarefied_share([np.arange(9.0)], [np.arange(9.0)], ["a"], **wrong)
