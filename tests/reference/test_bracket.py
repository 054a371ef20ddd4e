"""The bracket against dense grids counted out, against the exact solution, and against linear programming."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from attnaudit.case import Case
from attnaudit.counterfactual.bracket import Bracket, bracket
from attnaudit.counterfactual.bracket_edges import Edges
from attnaudit.counterfactual.bracket_program import Program
from attnaudit.counterfactual.bracket_relaxation import Envelope
from attnaudit.counterfactual.exact import farthest_within
from attnaudit.readout import LinearReadout, Readout, TanhReadout, probabilities
from attnaudit.stats.divergence import LN2, jensen_shannon_divergence, total_variation_distance

EPSILONS = (0.01, 0.05, 0.2, 0.6)


def random_attention(draw: np.random.Generator, n: int) -> np.ndarray:
    attention = draw.dirichlet(np.full(n, draw.choice([0.1, 0.5, 3.0])))
    if draw.random() < 0.25:
        attention[draw.integers(n)] = 0.0  # underflowed weights
    return attention / attention.sum()


def random_head(draw: np.random.Generator, n: int, hidden: int = 6, outputs: int = 4) -> TanhReadout:
    inner = draw.normal(0, draw.choice([0.3, 1.5, 4.0]), (hidden, n))
    if draw.random() < 0.25:
        inner[:, 0] = inner[:, -1]  # two tokens that are the same to the output
    outer = draw.normal(0, draw.choice([0.3, 1.0, 5.0]), (outputs, hidden))
    return TanhReadout(inner, draw.normal(size=hidden), outer, draw.normal(size=outputs))


def shift(readout: Readout, weights: np.ndarray, own: np.ndarray) -> np.ndarray:
    """TVD of the outputs, the literal way."""
    return total_variation_distance(
        probabilities(readout.logits(weights)), probabilities(readout.logits(own[None]))
    )


def farthest_of(points: np.ndarray, own: np.ndarray, readout: Readout, epsilon: float) -> float:
    allowed = points[shift(readout, points, own) <= epsilon]
    return float(jensen_shannon_divergence(allowed, own).max(initial=0.0))


def edge_points(n: int, steps: int) -> np.ndarray:
    share = np.linspace(0, 1, steps + 1)[:, None]
    eye = np.eye(n)
    return np.concatenate(
        [share * eye[i] + (1 - share) * eye[j] for i, j in itertools.combinations(range(n), 2)]
    )


def simplex_points(n: int, steps: int) -> np.ndarray:
    """All distributions on n tokens whose weights are multiples of 1 / steps."""
    bars = np.array(list(itertools.combinations(range(steps + n - 1), n - 1)))
    edges = np.concatenate(
        [np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), steps + n - 1)], axis=1
    )
    return (np.diff(edges, axis=1) - 1) / steps


def check(found: Bracket, own: np.ndarray, readout: Readout, epsilon: float) -> None:
    assert 0 <= found.lower <= found.upper <= LN2 + 1e-12
    assert found.weights.min() >= 0
    assert found.weights.sum() == pytest.approx(1, abs=1e-12)
    assert shift(readout, found.weights[None], own)[0] <= epsilon + 1e-9
    assert float(jensen_shannon_divergence(found.weights, own)) == pytest.approx(found.lower, abs=1e-12)
    trivial = jensen_shannon_divergence(np.eye(len(own)), own).max()
    assert found.trivial == pytest.approx(trivial, abs=1e-12)
    assert found.upper <= trivial + 1e-8


SIMPLEX = {3: simplex_points(3, 400), 4: simplex_points(4, 60), 5: simplex_points(5, 26)}


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(("n", "hidden", "outputs"), [(3, 1, 2), (3, 8, 3), (4, 6, 6), (5, 16, 3)])
def test_holds_the_brute_force(n: int, hidden: int, outputs: int, epsilon: float) -> None:
    """No grid point within ε may be above `upper`, nor above `lower` by more than the search leaves out."""
    draw = np.random.default_rng([n, hidden, int(1000 * epsilon)])
    for _ in range(6):
        own, readout = random_attention(draw, n), random_head(draw, n, hidden, outputs)
        found = bracket(own, readout, epsilon)
        check(found, own, readout, epsilon)
        best = farthest_of(SIMPLEX[n], own, readout, epsilon)
        assert best <= found.upper
        assert best <= found.lower + 1e-3


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_no_edge_is_better(epsilon: float) -> None:
    draw = np.random.default_rng(int(1000 * epsilon))
    for n in (3, 4, 5, 8):
        own, readout = random_attention(draw, n), random_head(draw, n)
        best = farthest_of(edge_points(n, 4000), own, readout, epsilon)
        assert bracket(own, readout, epsilon, nodes=1).lower >= best - 1e-6


@pytest.mark.parametrize("seed", range(25))
def test_equal_to_the_exact_solution_when_linear_and_binary(seed: int) -> None:
    draw = np.random.default_rng(seed)
    for n in (2, 3, 12):
        own, epsilon = random_attention(draw, n), float(draw.choice(EPSILONS))
        readout = LinearReadout(draw.normal(0, draw.choice([0.1, 2.0, 9.0]), (2, n)), draw.normal(size=2))
        found = bracket(own, readout, epsilon)
        check(found, own, readout, epsilon)
        exact = farthest_within(Case("case", own, readout), epsilon).jsd
        assert found.lower == pytest.approx(exact, abs=1e-9)
        assert found.exact


@pytest.mark.parametrize("seed", range(40))
def test_holds_the_brute_force_when_linear_with_three_outputs(seed: int) -> None:
    draw = np.random.default_rng(seed)
    own, epsilon = random_attention(draw, 3), float(draw.choice(EPSILONS))
    readout = LinearReadout(draw.normal(0, draw.choice([0.3, 2.0, 6.0]), (3, 3)), draw.normal(size=3))
    found = bracket(own, readout, epsilon)
    check(found, own, readout, epsilon)
    best = farthest_of(SIMPLEX[3], own, readout, epsilon)
    assert best <= found.upper
    assert best <= found.lower + 1e-3


def test_mixtures_of_more_than_two_tokens_are_found() -> None:
    """Where several classes share the output, the answer need not lie on an edge."""
    beyond_edges = 0
    for seed in range(12):
        draw = np.random.default_rng(seed)
        own, head = draw.dirichlet(np.full(4, 0.6)), random_head(draw, 4, hidden=16, outputs=5)
        readout = TanhReadout(0.5 * head.inner, head.inner_bias, 0.3 * head.outer, head.outer_bias)
        found = bracket(own, readout, 0.02)
        best = farthest_of(SIMPLEX[4], own, readout, 0.02)
        assert found.lower >= best - 1e-3
        beyond_edges += best > farthest_of(edge_points(4, 4000), own, readout, 0.02) + 0.01
    assert beyond_edges >= 3


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 9), st.sampled_from(EPSILONS), st.booleans())
def test_no_allowed_attention_is_above(seed: int, n: int, epsilon: float, linear: bool) -> None:
    """Of attentions near the own one and far from it, none within ε is above the bound of few or of more nodes."""
    draw = np.random.default_rng(seed)
    own = random_attention(draw, n)
    readout: Readout = random_head(draw, n)
    if linear:
        readout = LinearReadout(draw.normal(0, draw.choice([0.3, 3.0]), (4, n)), draw.normal(size=4))
    sparse = draw.dirichlet(np.full(n, 0.2), 400)
    points = np.concatenate([sparse, own + draw.random((400, 1)) * (sparse - own)])
    best = farthest_of(points, own, readout, epsilon)
    few, more = (bracket(own, readout, epsilon, nodes=nodes) for nodes in (1, 5))
    assert best <= more.upper <= few.upper


@pytest.mark.parametrize("seed", range(4))
def test_more_nodes_never_loosen(seed: int) -> None:
    draw = np.random.default_rng(seed)
    own, readout = random_attention(draw, 10), random_head(draw, 10, hidden=12)
    found = [bracket(own, readout, 0.05, nodes=nodes) for nodes in (1, 2, 3, 9, 25)]
    assert len({each.lower for each in found}) == 1
    uppers = [each.upper for each in found]
    assert uppers == sorted(uppers, reverse=True)


def test_branching_closes_what_lines_leave_open() -> None:
    draw = np.random.default_rng(1)
    width = []
    for _ in range(4):
        own, readout = draw.dirichlet(np.full(6, 0.3)), random_head(draw, 6, hidden=4, outputs=3)
        found = [bracket(own, readout, 0.05, nodes=nodes) for nodes in (1, 61)]
        width.append([each.upper - each.lower for each in found])
    assert np.mean(width, axis=0)[1] < 0.5 * np.mean(width, axis=0)[0]


def test_everything_is_allowed() -> None:
    """All weight may go to the token with the least attention when the output does not depend on it."""
    own = np.array([0.6, 0.3, 0.1])
    head = TanhReadout(np.zeros((4, 3)), np.ones(4), np.ones((3, 4)), np.zeros(3))
    for readout, epsilon in ((head, 0.01), (random_head(np.random.default_rng(0), 3), 1.0)):
        found = bracket(own, readout, epsilon)
        assert found.exact
        assert found.weights.tolist() == [0, 0, 1]
        assert found.lower == pytest.approx(float(jensen_shannon_divergence([0, 0, 1], own)))


def test_nothing_but_the_own_attention_is_allowed() -> None:
    """Two tokens of steep and opposite effect: the output follows the least change of attention."""
    readout = TanhReadout(
        np.array([[-50.0, 50.0]]), np.zeros(1), np.array([[-3.0], [3.0], [0.0]]), np.zeros(3)
    )
    found = bracket(np.array([0.5, 0.5]), readout, 0.001, nodes=31)
    assert 0 <= found.lower < 1e-6
    assert found.upper < 1e-5


def test_saturated_output() -> None:
    """Probabilities that are 1 and 0 to rounding are no obstacle."""
    readout = TanhReadout(
        np.array([[1.0, 0.0, -1.0]]), np.zeros(1), np.array([[300.0], [-300.0]]), np.zeros(2)
    )
    own = np.array([0.9, 0.1, 0.0])
    found = bracket(own, readout, 0.05)
    best = farthest_of(SIMPLEX[3], own, readout, 0.05)
    assert best - 1e-3 <= found.lower
    assert best <= found.upper


def test_one_token() -> None:
    found = bracket(np.ones(1), random_head(np.random.default_rng(0), 1), 0.05)
    assert (found.lower, found.upper, found.trivial) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(20))
def test_envelope_is_above_tanh_and_touches_it(seed: int) -> None:
    draw = np.random.default_rng(seed)
    low = draw.normal(0, 3, 40)
    high = low + draw.exponential(draw.choice([1e-9, 0.1, 4.0]), 40)
    envelope = Envelope.over(low, high)
    grid = low + np.linspace(0, 1, 101)[:, None] * (high - low)
    for inputs in grid[::10]:
        slope, height = envelope.lines(inputs)
        assert (slope * grid + height - np.tanh(grid)).min() >= -1e-12
    # Least: no concave function above tanh is below a chord of tanh.
    slope, height = envelope.lines(grid[50])
    left = np.tanh(grid[:50]), grid[:50]
    best = np.max(
        [
            left[0] + (value - left[0]) * (grid[50] - left[1]) / np.maximum(at - left[1], 1e-300)
            for at, value in zip(grid[51:], np.tanh(grid[51:]), strict=True)
        ],
        axis=(0, 1),
    )
    assert np.abs(slope * grid[50] + height - np.maximum(best, np.tanh(grid[50]))).max() < 2e-3


@pytest.mark.parametrize("seed", range(15))
def test_program_agrees_with_scipy(seed: int) -> None:
    draw = np.random.default_rng(seed)
    value, cuts = draw.random(9), draw.normal(0.2, 1, (6, 9))
    program = Program(value, 6)
    for count, cut in enumerate(cuts, start=1):
        program.add(cut)
        solved = linprog(-value, A_ub=-cuts[:count], b_ub=np.zeros(count), A_eq=np.ones((1, 9)), b_eq=[1.0])
        assert program.empty == (solved.status == 2)
        if program.empty:
            assert program.fold.max() < 0
            break
        assert value @ program.weights == pytest.approx(-solved.fun, abs=1e-9)
        assert (value + program.fold).max() == pytest.approx(-solved.fun, abs=1e-9)


@pytest.mark.parametrize("seed", range(15))
def test_farthest_beyond_a_half_space(seed: int) -> None:
    draw = np.random.default_rng(seed)
    own, cut = random_attention(draw, 4), draw.normal(draw.choice([-0.5, 0.0, 0.5]), 1, 4)
    edges = Edges(own)
    points = np.concatenate([SIMPLEX[4], edge_points(4, 4000)])
    inside = points[points @ cut >= 0]
    best = float(jensen_shannon_divergence(inside, own).max()) if len(inside) else -1.0
    assert best - 1e-12 <= edges.farthest(cut) <= best + 1e-3


@pytest.mark.parametrize("floor", [0.1, 0.3, 0.6])
def test_chords_are_above_jsd_where_it_matters(floor: float) -> None:
    draw = np.random.default_rng(3)
    edges = Edges(random_attention(draw, 4))
    distance = jensen_shannon_divergence(SIMPLEX[4], edges.own)
    slope, height = edges.chords(np.zeros(4), edges.most(floor))
    above = SIMPLEX[4] @ slope + height.sum() - distance
    assert above[distance >= floor].min(initial=0.0) >= -1e-12
