import numpy as np
import pytest

from attnaudit.drawing.shapes import density, histogram, violin


def test_histogram_shares_sum_to_one_and_the_last_bin_holds_its_upper_edge():
    edges = np.linspace(-1, 1, 31)
    counts, shares = histogram(np.array([-1.0, 0.0, 0.99, 1.0]), edges)
    assert counts.sum() == 4
    assert counts[-1] == 2
    assert shares.sum() == pytest.approx(1)


def test_histogram_of_nothing_is_all_zero():
    counts, shares = histogram(np.empty(0), np.linspace(0, 1, 5))
    assert not counts.any()
    assert not shares.any()


@pytest.mark.parametrize(
    "sample",
    [
        np.random.default_rng(0).normal(0, 0.3, 400).clip(-1, 1),
        np.full(10, 0.25),  # a constant sample has no covariance
        np.array([0.5]),
        np.array([0.1, 0.1 + 1e-13]),
        np.array([1.0, 1.0, 1.0]),  # half of each kernel lies beyond the range
    ],
)
def test_density_integrates_to_one_on_its_range(sample):
    grid = np.linspace(-1, 1, 201)
    curve = density(sample, grid)
    assert np.isfinite(curve).all()
    assert (curve >= 0).all()
    assert np.trapezoid(curve, grid) == pytest.approx(1)


def test_density_of_a_constant_sample_peaks_there():
    grid = np.linspace(-1, 1, 201)
    assert grid[np.argmax(density(np.full(10, 0.25), grid))] == pytest.approx(0.25)


def test_violin_ends_where_its_values_end():
    sample = np.random.default_rng(1).uniform(0.2, 0.7, 50)
    grid, curve = violin(sample)
    assert (grid[0], grid[-1]) == (sample.min(), sample.max())
    assert (curve > 0).all()


def test_violin_of_equal_values_is_a_line():
    grid, curve = violin(np.full(7, 0.3))
    assert set(grid) == {0.3}
    assert np.isfinite(curve).all()
