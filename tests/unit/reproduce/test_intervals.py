import numpy as np
import pytest
from scipy.stats import wasserstein_distance
from sklearn import metrics

from attnaudit.reproduce import intervals
from attnaudit.reproduce.compare import bins_tvd, wasserstein
from attnaudit.reproduce.published import JSD_EDGES


def sample(n=400):
    rng = np.random.default_rng(1)
    target = rng.random(n) < 0.4
    return target, np.round(0.7 * rng.random(n) + 0.3 * target, 2)  # with ties


def test_scores_are_those_of_scikit_learn():
    target, probability = sample()
    area, precision = intervals.ranked(target, probability)
    assert area.value == pytest.approx(metrics.roc_auc_score(target, probability))
    assert precision.value == pytest.approx(metrics.average_precision_score(target, probability))
    decided = (probability > 0.5).astype(int)
    for label in (0, 1):
        found = intervals.f1(target.astype(int), decided, label)
        assert found.value == pytest.approx(metrics.f1_score(target, decided, pos_label=label))


def test_intervals_are_those_of_resampled_texts():
    target, probability = sample()
    decided = (probability > 0.5).astype(int)
    rng = np.random.default_rng(2)
    drawn = []
    for _ in range(800):
        rows = rng.integers(0, len(target), len(target))
        t, p, d = target[rows], probability[rows], decided[rows]
        drawn.append(
            (metrics.roc_auc_score(t, p), metrics.average_precision_score(t, p), metrics.f1_score(t, d))
        )
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    found = (*intervals.ranked(target, probability), intervals.f1(target.astype(int), decided, 1))
    for number, estimate in enumerate(found):
        assert estimate.low == pytest.approx(low[number], abs=0.012)
        assert estimate.high == pytest.approx(high[number], abs=0.012)


def test_what_is_undefined_has_no_value():
    one = np.ones(5, dtype=bool)
    assert [e.value for e in intervals.ranked(one, np.linspace(0, 1, 5))] == [None, None]
    assert intervals.f1(np.zeros(5, int), np.zeros(5, int), 1).value is None
    assert intervals.difference_of_medians(np.empty(0), np.ones(3)).value is None
    assert intervals.difference_of_medians(np.zeros(1), np.ones(3)).low is None


def test_differences_of_two_samples():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 500), rng.normal(1, 1, 500)
    found = intervals.difference_of_means(a, b)
    error = np.sqrt(a.var() / 500 + b.var() / 500)
    assert found.value == pytest.approx(b.mean() - a.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    medians = intervals.difference_of_medians(a, b)
    assert medians.low < medians.value < medians.high


def test_distances_of_histograms():
    rng = np.random.default_rng(0)
    a, b = rng.dirichlet(np.ones(40)), rng.dirichlet(np.ones(40))
    middles = (JSD_EDGES[1:] + JSD_EDGES[:-1]) / 2
    assert wasserstein(a, b) == pytest.approx(wasserstein_distance(middles, middles, a, b))
    assert wasserstein(a, a) == 0
    assert bins_tvd(np.eye(2)[0], np.eye(2)[1]) == 1
