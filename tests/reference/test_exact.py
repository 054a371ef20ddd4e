"""The exact adversary against all vertices counted out, against linear programming, and against the search."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial.distance import jensenshannon

from attnaudit.case import Case
from attnaudit.counterfactual.exact import farthest_within, on_edge, slab
from attnaudit.counterfactual.exact_each import farthest_within_each
from attnaudit.counterfactual.padded import Padded
from attnaudit.readout import LinearReadout
from attnaudit.stats.divergence import LN2, jensen_shannon_divergence, total_variation_distance


def case(attention: np.ndarray, evidence: np.ndarray, bias: float = 0.0) -> Case:
    """A binary case with the given evidence for class 1."""
    readout = LinearReadout(np.stack([np.zeros_like(evidence), evidence]), np.array([0.0, bias]))
    return Case("case", attention, readout)


def random_case(draw: np.random.Generator, n: int) -> Case:
    attention = draw.dirichlet(np.full(n, draw.choice([0.05, 0.3, 1.0, 20.0])))
    evidence = draw.normal(0, draw.choice([0.01, 1.0, 8.0]), n)
    if draw.random() < 0.3:
        evidence = np.round(evidence)  # equal evidence: edges that never cross
    lost = draw.integers(n)
    if draw.random() < 0.3 and attention[lost] < 1:
        attention[lost] = 0.0  # underflowed weights
        attention /= attention.sum()
    return case(attention, evidence, draw.normal(0, 2))


def brute_force(found: Case, epsilon: float) -> float:
    """The largest JSD over every vertex of the polytope: each token alone, each edge at each side of the slab."""
    evidence, low, high = slab(found, epsilon)
    n = len(evidence)
    best = 0.0
    for i in range(n):
        if low <= evidence[i] <= high:
            best = max(best, float(jensen_shannon_divergence(np.eye(n)[i], found.attention)))
        for j in range(n):
            for side in (low, high):
                if i == j or math.isinf(side) or evidence[i] == evidence[j]:
                    continue
                share = (side - evidence[j]) / (evidence[i] - evidence[j])
                if 0 <= share <= 1:
                    weights = share * np.eye(n)[i] + (1 - share) * np.eye(n)[j]
                    best = max(best, float(jensen_shannon_divergence(weights, found.attention)))
    return best


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("epsilon", [0.01, 0.2, 0.9])
def test_equal_to_brute_force(seed: int, epsilon: float) -> None:
    draw = np.random.default_rng(seed)
    for n in (2, 3, 5, 9):
        found = random_case(draw, n)
        assert farthest_within(found, epsilon).jsd == pytest.approx(brute_force(found, epsilon), abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_feasible_and_as_far_as_it_says(seed: int) -> None:
    found = random_case(np.random.default_rng(seed), 12)
    adversary = farthest_within(found, 0.01)
    weights = adversary.weights(found.attention)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    tvd = total_variation_distance(found.output(weights), found.output(found.attention))
    assert tvd <= 0.01 + 1e-12
    assert jensen_shannon_divergence(weights, found.attention) == pytest.approx(adversary.jsd, abs=1e-12)


@pytest.mark.parametrize("seed", range(15))
def test_no_point_of_the_polytope_is_further(seed: int) -> None:
    """Random directions through linear programming reach vertices by another road; none may be further away."""
    draw = np.random.default_rng(seed)
    found = random_case(draw, 7)
    evidence, low, high = slab(found, 0.05)
    rows, bounds = [], []
    for side, sign in ((high, 1), (low, -1)):
        if math.isfinite(side):
            rows.append(sign * evidence)
            bounds.append(sign * side)
    best = farthest_within(found, 0.05).jsd
    for _ in range(60):
        solved = linprog(
            draw.normal(size=7), A_ub=rows or None, b_ub=bounds or None, A_eq=[np.ones(7)], b_eq=[1.0]
        )
        point = np.clip(solved.x, 0, 1) / np.clip(solved.x, 0, 1).sum()
        assert jensen_shannon_divergence(point, found.attention) <= best + 1e-7


@given(st.integers(2, 30), st.integers(0, 10_000))
def test_grows_with_epsilon(n: int, seed: int) -> None:
    found = random_case(np.random.default_rng(seed), n)
    values = [farthest_within(found, epsilon).jsd for epsilon in (0.001, 0.01, 0.1, 0.5)]
    assert values == sorted(values)
    assert values[-1] <= LN2


def test_equal_evidence_lets_everything_go() -> None:
    """When no token differs from another, all attention may go to the token with the least."""
    found = case(np.array([0.7, 0.2, 0.1]), np.zeros(3))
    adversary = farthest_within(found, 0.01)
    assert (adversary.first, adversary.second) == (2, 2)
    assert adversary.jsd == pytest.approx(float(jensen_shannon_divergence([0, 0, 1], [0.7, 0.2, 0.1])))


def test_saturated_output_leaves_one_side_of_the_slab_open() -> None:
    found = case(np.array([0.5, 0.5]), np.array([40.0, 60.0]))
    _, low, high = slab(found, 0.01)
    assert high == math.inf
    assert low == pytest.approx(math.log(0.99 / 0.01), rel=1e-6)
    assert farthest_within(found, 0.01).jsd > 0.2


def test_two_tokens_at_the_ends_of_the_slab() -> None:
    """The only way to keep the output is to keep the attention, within ε."""
    found = case(np.array([0.5, 0.5]), np.array([-50.0, 50.0]))
    adversary = farthest_within(found, 0.01)
    weights = adversary.weights(found.attention)
    assert abs(weights[0] - 0.5) < 0.001
    assert 0 < adversary.jsd < 1e-6


@pytest.mark.parametrize("n", [2000, 5000])
def test_long_texts(n: int) -> None:
    draw = np.random.default_rng(n)
    found = case(draw.dirichlet(np.ones(n)), draw.normal(0, 3, n))
    assert 0.69 < farthest_within(found, 0.01).jsd <= LN2


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("epsilon", [0.01, 0.3])
def test_many_at_a_time_are_what_one_at_a_time_is(seed: int, epsilon: float) -> None:
    draw = np.random.default_rng(seed)
    block = Padded([random_case(draw, n) for n in draw.integers(2, 25, 40)])
    for found, each in zip(block.cases, farthest_within_each(block, epsilon), strict=True):
        alone = farthest_within(found, epsilon)
        assert each.jsd == pytest.approx(alone.jsd, abs=1e-14)
        tvd = total_variation_distance(
            found.output(each.weights(found.attention)), found.output(found.attention)
        )
        assert tvd <= epsilon + 1e-12
        distance = jensen_shannon_divergence(each.weights(found.attention), found.attention)
        assert distance == pytest.approx(each.jsd, abs=1e-12)


def test_divergence_on_an_edge_is_that_of_the_whole_distribution() -> None:
    draw = np.random.default_rng(0)
    for _ in range(50):
        own, share = draw.dirichlet(np.full(6, draw.choice([0.05, 1.0]))), draw.random()
        own[5] = 0.0
        own /= own.sum()
        weights = share * np.eye(6)[1] + (1 - share) * np.eye(6)[5]
        expected = jensenshannon(weights, own) ** 2
        assert float(on_edge(own[1], own[5], share)) == pytest.approx(expected, abs=1e-12)
