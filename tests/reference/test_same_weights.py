"""The same-weights adversary against all re-assignments counted out, a random search, and the free adversary."""

import math
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attnaudit.case import Case
from attnaudit.counterfactual.exact import farthest_within, slab
from attnaudit.counterfactual.same_weights import furthest_reassignment, relaxed
from attnaudit.counterfactual.same_weights_bound import bounded
from attnaudit.counterfactual.same_weights_problem import Problem, reversed_order
from attnaudit.counterfactual.same_weights_swaps import counted_out, improved, mixed
from attnaudit.readout import LinearReadout
from attnaudit.stats.divergence import LN2, jensen_shannon_divergence, total_variation_distance

ROUNDING = 1e-11


def random_case(draw: np.random.Generator, n: int) -> Case:
    """A binary case; some with ties, weights of 0, equal evidence, or an output that is all but certain."""
    attention = draw.dirichlet(np.full(n, draw.choice([0.1, 0.5, 2.0, 20.0])))
    if draw.random() < 0.25:
        attention = np.round(attention * 20) / 20 + (draw.random() < 0.5) * 0.01
        attention /= attention.sum()
    evidence = draw.normal(0, draw.choice([0.3, 1.0, 6.0]), n)
    if draw.random() < 0.25:
        evidence = np.round(evidence)
    bias = draw.choice([9.0, -9.0]) if draw.random() < 0.1 else draw.normal()
    readout = LinearReadout(np.stack([np.zeros(n), evidence]), np.array([0.0, bias]))
    return Case("case", attention, readout)


def brute_force(found: Case, epsilon: float) -> float:
    """The largest JSD over all n! re-assignments within the slab, the own order among them."""
    evidence, low, high = slab(found, epsilon)
    weights = found.attention[np.array(list(permutations(range(len(evidence)))))]
    logits = weights @ evidence
    jsd = np.asarray(jensen_shannon_divergence(weights, found.attention))
    return max(0.0, float(jsd[(logits >= low) & (logits <= high)].max(initial=0.0)))


def problem_of(found: Case, epsilon: float) -> Problem | None:
    """The problem as the solver turns it, None where the reversed order is allowed."""
    evidence, low, high = slab(found, epsilon)
    own = evidence @ found.attention
    shifted, low, high = evidence - own, min(low - own, 0.0), max(high - own, 0.0)
    at = shifted @ found.attention[reversed_order(found.attention)]
    if low <= at <= high:
        return None
    sides = (shifted, low, high) if at > high else (-shifted, -high, -low)
    return Problem.of(found.attention, *sides)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("epsilon", [0.003, 0.03, 0.3])
def test_brute_force_lies_between_the_bounds(seed: int, epsilon: float) -> None:
    draw = np.random.default_rng(seed)
    for n in (2, 3, 4, 5, 6):
        found = random_case(draw, n)
        best, solved = (
            brute_force(found, epsilon),
            furthest_reassignment(found.attention, *slab(found, epsilon)),
        )
        assert solved.jsd == pytest.approx(best, abs=ROUNDING)
        assert solved.upper == pytest.approx(best, abs=ROUNDING)


def test_relaxation_and_branches_enclose_brute_force_and_nearly_always_reach_it() -> None:
    """Without counting out, which is only for a handful of tokens: what longer texts are solved by."""
    reached, tight, n_cases = 0, 0, 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        for n in (5, 6, 7):
            found, epsilon = random_case(draw, n), float(draw.choice([0.01, 0.05, 0.3]))
            problem = problem_of(found, epsilon)
            if problem is None:
                continue
            best, solved = brute_force(found, epsilon), relaxed(problem)
            assert solved.jsd <= best + ROUNDING
            assert best <= solved.upper + ROUNDING
            assert problem.allows(solved.order)
            n_cases += 1
            reached += solved.jsd >= best - 1e-9
            tight += solved.upper - solved.jsd <= 0.01 * solved.upper + 1e-6
    assert n_cases >= 250
    assert reached >= 0.98 * n_cases
    assert tight >= 0.98 * n_cases


def test_without_branches_the_bounds_hold_too() -> None:
    reached, n_cases = 0, 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        found, epsilon = random_case(draw, 6), 0.05
        problem = problem_of(found, epsilon)
        if problem is not None:
            best, solved = brute_force(found, epsilon), relaxed(problem, nodes=0)
            assert solved.jsd <= best + ROUNDING <= solved.upper + 2 * ROUNDING
            n_cases += 1
            reached += solved.jsd >= best - 1e-9
    assert n_cases >= 50
    assert reached >= 0.85 * n_cases


@pytest.mark.parametrize("low", [-math.inf, -0.2, -1e-9])
@pytest.mark.parametrize("high", [math.inf, 0.2, 1e-9])
@pytest.mark.parametrize("seed", range(8))
def test_either_side_of_the_slab_may_be_open(seed: int, low: float, high: float) -> None:
    draw = np.random.default_rng(seed)
    alpha, evidence = draw.dirichlet(np.full(6, 0.5)), draw.normal(0, 1, 6)
    own = evidence @ alpha
    orders = np.array(list(permutations(range(6))))
    logits = alpha[orders] @ evidence - own
    jsd = np.asarray(jensen_shannon_divergence(alpha[orders], alpha))
    allowed = (logits >= low) & (logits <= high)
    allowed[0] = True
    solved = furthest_reassignment(alpha, evidence, own + low, own + high)
    assert solved.jsd == pytest.approx(float(jsd[allowed].max()), abs=ROUNDING)


@given(st.integers(2, 7), st.integers(0, 10_000))
def test_the_reversed_order_is_the_furthest_of_all(n: int, seed: int) -> None:
    alpha = random_case(np.random.default_rng(seed), n).attention
    every = np.asarray(jensen_shannon_divergence(alpha[np.array(list(permutations(range(n))))], alpha))
    solved = furthest_reassignment(alpha, np.arange(n, dtype=float), -math.inf, math.inf)
    assert solved.order.tolist() == reversed_order(alpha).tolist()
    assert solved.jsd == pytest.approx(float(every.max()), abs=ROUNDING)
    assert solved.upper == solved.jsd


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("n", [3, 12, 40])
def test_weights_are_kept_and_the_output_stays(seed: int, n: int) -> None:
    found = random_case(np.random.default_rng(seed), n)
    solved = furthest_reassignment(found.attention, *slab(found, 0.02))
    weights = found.attention[solved.order]
    assert np.sort(weights).tobytes() == np.sort(found.attention).tobytes()
    tvd = total_variation_distance(found.output(weights), found.output(found.attention))
    assert tvd <= 0.02 + 1e-12
    assert jensen_shannon_divergence(weights, found.attention) == pytest.approx(solved.jsd, abs=1e-12)
    assert 0 <= solved.jsd <= solved.upper <= LN2


@pytest.mark.parametrize("seed", range(25))
def test_never_further_than_with_free_weights(seed: int) -> None:
    found = random_case(np.random.default_rng(seed), 15)
    solved = furthest_reassignment(found.attention, *slab(found, 0.05))
    assert solved.jsd <= farthest_within(found, 0.05).jsd + ROUNDING


@pytest.mark.parametrize("seed", range(6))
def test_no_random_reassignment_is_above_the_bound(seed: int) -> None:
    """Random orders, pushed into the slab and as far as swaps go, are another road to far ones."""
    draw = np.random.default_rng(seed)
    found = random_case(draw, 50)
    solved = furthest_reassignment(found.attention, *slab(found, 0.05))
    problem = problem_of(found, 0.05)
    if problem is None:
        assert solved.upper == solved.jsd
        return
    met = 0
    for _ in range(30):
        order = improved(problem, draw.permutation(50))
        if problem.allows(order):
            met += 1
            assert problem.jsd(order) <= solved.upper + ROUNDING
    assert met > 0


def test_shifting_the_evidence_changes_nothing() -> None:
    """Weights sum to 1, so a constant in the evidence is one in the logit; its sign is a matter of names."""
    draw = np.random.default_rng(3)
    alpha, evidence = draw.dirichlet(np.full(20, 0.3)), draw.normal(0, 1, 20)
    own = evidence @ alpha
    plain = furthest_reassignment(alpha, evidence, own - 0.01, own + 0.05)
    shifted = furthest_reassignment(alpha, evidence + 1000, own + 999.99, own + 1000.05)
    mirrored = furthest_reassignment(alpha, -evidence, -own - 0.05, -own + 0.01)
    assert shifted.upper == pytest.approx(plain.upper, abs=1e-6)
    assert mirrored.jsd == pytest.approx(plain.jsd, abs=1e-9)


def test_two_tokens_that_cannot_change_places() -> None:
    solved = furthest_reassignment(np.array([0.9, 0.1]), np.array([1.0, 0.0]), 0.8, 1.0)
    assert solved.order.tolist() == [0, 1]
    assert solved.jsd == solved.upper == 0


def test_pieces_of_one_instance() -> None:
    draw = np.random.default_rng(1)
    problem = None
    while problem is None:
        problem = problem_of(random_case(draw, 7), 0.01)
    exact = counted_out(problem)
    outside, own = reversed_order(problem.alpha), np.arange(7)
    bound = bounded(problem, outside=outside, inside=own)
    assert bound.upper >= exact.jsd - ROUNDING
    assert problem.at(bound.outside) > problem.high >= problem.at(bound.inside)
    mix = mixed(problem, bound.outside, bound.inside)
    assert sorted(mix.tolist()) == list(range(7))
    assert problem.at(mix) <= problem.high + ROUNDING
    assert problem.jsd(mix) >= problem.jsd(bound.inside) - ROUNDING
    wide = replace(problem, low=-math.inf)
    assert bounded(wide, outside=outside, inside=own).upper >= counted_out(wide).jsd - ROUNDING


@pytest.mark.parametrize("n", [200, 1000])
def test_long_texts_end_with_bounds_that_meet(n: int) -> None:
    draw = np.random.default_rng(n)
    powers = np.exp(2 * draw.normal(size=n))
    alpha, evidence = powers / powers.sum(), draw.normal(0, 2, n)
    own = evidence @ alpha
    away = evidence @ alpha[reversed_order(alpha)] - own
    solved = furthest_reassignment(alpha, evidence, own - 0.1 * abs(away), own + 0.1 * abs(away))
    assert 0 < solved.jsd <= solved.upper
    assert solved.upper - solved.jsd <= 0.01 * solved.upper
