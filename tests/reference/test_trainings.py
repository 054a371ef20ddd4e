"""What other trainings say of a run, against scikit-learn, scipy and counting, on small columns made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import accuracy_score, f1_score

from attnaudit.named import AUDITED
from attnaudit.stats import inference
from attnaudit.stats.paired import paired_difference, score, score_difference
from attnaudit.summary.rows import Group, Row
from attnaudit.summary.trainings import Columns, trainings
from benchmarks.calibration import (
    difference_by_counts,
    paired_trainings_coverage,
    score_difference_coverage,
)

N = 24
DRAW = np.random.default_rng(7)
TARGET = DRAW.integers(0, 2, N)
PREDICTION = np.where(DRAW.random(N) < 0.8, TARGET, 1 - TARGET)
N_TOKENS = np.full(N, 7, dtype=np.int32)
OVERALL = Group("overall", np.ones(N, dtype=bool), None)
CLASSES = [Group(f"predicted {k}", k == PREDICTION, k) for k in (0, 1)]
Found = dict[tuple[str, str, str], Row]


def guess(quality: float) -> np.ndarray:
    return np.where(DRAW.random(N) < quality, TARGET, 1 - TARGET).astype(np.float64)


def rows(
    found: Columns, *, target: np.ndarray = TARGET, adversary: np.ndarray | None = None, groups=None
) -> Found:
    groups = [OVERALL, *CLASSES] if groups is None else groups
    made = list(
        trainings(found, target.astype(np.int32), PREDICTION.astype(np.int32), N_TOKENS, adversary, groups)
    )
    keyed = {(row.experiment, row.subject, row.group, row.statistic): row for row in made}
    assert len(keyed) == len(made)
    for row in made:
        assert all(x is None or math.isfinite(x) for x in (row.value, row.low, row.high)), row
    return keyed


def of_score(target: np.ndarray, prediction: np.ndarray, group: Group) -> float:
    if group.predicted is None:
        return float(accuracy_score(target, prediction))
    return float(f1_score(target, prediction, labels=[group.predicted], average="macro", zero_division=0))


def interval(values: np.ndarray) -> tuple[float, float]:
    half = values.std(ddof=1) / math.sqrt(len(values))
    return t.interval(0.95, len(values) - 1, values.mean(), half)


# --- scores ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_scores_are_those_of_scikit_learn(n_classes: int) -> None:
    draw = np.random.default_rng(n_classes)
    target, a, b = draw.integers(0, n_classes, (3, 200))
    a = np.where(draw.random(200) < 0.5, target, a)
    assert score(target, a) == pytest.approx(accuracy_score(target, a), abs=1e-15)
    for index in range(n_classes):
        its = [f1_score(target, p, labels=[index], average="macro") for p in (a, b)]
        assert score(target, a, index) == pytest.approx(its[0], abs=1e-15)
        found = score_difference(target, [a], [b], index)
        assert found.value == pytest.approx(its[0] - its[1], abs=1e-15)
        assert found.low <= found.value <= found.high
    assert score(target, a, n_classes) == 0.0  # nobody has it
    assert score_difference(target, [a], [b], n_classes)[:3] == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("index", [None, 1])
def test_the_interval_of_a_difference_is_that_of_texts_drawn_again_and_again(index: int | None) -> None:
    draw = np.random.default_rng(0)
    target = draw.integers(0, 2, 150)
    a, b = (np.where(draw.random(150) < q, target, 1 - target) for q in (0.85, 0.7))
    group = Group("", np.ones(150, dtype=bool), index)
    drawn = []
    for _ in range(1500):
        some = draw.integers(0, 150, 150)
        drawn.append(of_score(target[some], a[some], group) - of_score(target[some], b[some], group))
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = score_difference(target, [a], [b], index)
    assert found.low == pytest.approx(low, abs=0.012)
    assert found.high == pytest.approx(high, abs=0.012)
    assert found.n == 150


def test_a_difference_of_accuracy_is_the_paired_one_and_turns_round() -> None:
    a, b = guess(0.9), guess(0.6)
    found = score_difference(TARGET, [a], [b], seed=5)
    right = [(p == TARGET).astype(np.float64) for p in (a, b)]
    assert found == pytest.approx(paired_difference(*right, seed=5))
    back = score_difference(TARGET, [b], [a], seed=5)
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))
    assert score_difference(TARGET, [a], [a]) == (0.0, 0.0, 0.0, N)
    assert score_difference(TARGET[:1], [a[:1]], [b[:1]]).low is None
    assert score_difference(TARGET[:0], [a[:0]], [b[:0]]) == (None, None, None, 0)


# --- seeds -----------------------------------------------------------------------------------------------


def of_seeds(k: int) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray]:
    near, far, moved = DRAW.random((3, k, N))
    far += 0.5
    found = {}
    for row in range(k):
        for quantity, values in (("attention_jsd", near), ("permuted_jsd", far), ("output_tvd", moved)):
            found["seeds", f"seed {row + 1}", quantity] = values[row]
        found["seeds", f"seed {row + 1}", "prediction"] = guess(0.8)
    return found, near, far, moved


@pytest.mark.parametrize("k", [3, 4])
def test_seeds_have_the_t_interval_over_them(k: int) -> None:
    found, near, far, moved = of_seeds(k)
    near[0, 3] = far[0, 3] = np.nan  # a single token: no seed is compared there
    made = rows(found)
    for group in (OVERALL, *CLASSES):
        inside = group.members & ~np.isnan(near).any(axis=0)
        ratio = near[:, inside].mean(axis=1) / far[:, inside].mean(axis=1)
        for statistic, each in (
            ("share_of_permuted", ratio),
            ("mean_jsd", near[:, inside].mean(axis=1)),
            ("mean_tvd", moved[:, group.members].mean(axis=1)),
        ):
            row = made["seeds", "other seeds", group.name, statistic]
            assert row.value == pytest.approx(each.mean())
            assert (row.low, row.high) == pytest.approx(interval(each))
            assert row.n == k
        assert made["seeds", "other seeds", group.name, "share_of_permuted"].n_undefined == int(
            group.members[3]
        )
        assert made["seeds", "other seeds", group.name, "n_seeds"].value == k


def test_one_or_two_seeds_have_the_interval_over_texts() -> None:
    for k in (1, 2):
        found, near, far, _ = of_seeds(k)
        row = rows(found)["seeds", "other seeds", "overall", "share_of_permuted"]
        whole = inference.ratio_of_means(near.mean(axis=0), far.mean(axis=0))
        assert (row.value, row.low, row.high, row.n) == pytest.approx(whole)
        assert row.value == pytest.approx(near.sum() / far.sum())


def test_how_often_the_adversary_is_beyond_every_seed_is_counted() -> None:
    found, near, _, _ = of_seeds(3)
    adversary = DRAW.random(N)
    adversary[5] = np.nan  # not solved
    made = rows(found, adversary=adversary)
    for group in (OVERALL, *CLASSES):
        there = [i for i in range(N) if group.members[i] and not np.isnan(adversary[i])]
        beyond = sum(all(adversary[i] > near[s, i] for s in range(3)) for i in there)
        row = made["seeds", "other seeds", group.name, "share_adversary_beyond"]
        assert row.value == pytest.approx(beyond / len(there))
        assert row.n == len(there)
        assert row.n_undefined == int(group.members[5])
    assert not any(key[3] == "share_adversary_beyond" for key in rows(found))


def test_what_cannot_be_compared_is_null_not_a_number() -> None:
    nowhere = np.full(N, np.nan)
    found = {
        ("seeds", f"seed {k}", q): nowhere
        for k in (1, 2, 3)
        for q in ("attention_jsd", "permuted_jsd", "output_tvd", "prediction")
    }
    nobody = Group("predicted 2", np.zeros(N, dtype=bool), 2)
    made = rows(found, adversary=nowhere, groups=[OVERALL, nobody])
    for group in ("overall", "predicted 2"):
        for statistic in ("share_of_permuted", "mean_jsd", "mean_tvd", "share_adversary_beyond"):
            assert made["seeds", "other seeds", group, statistic].value is None
    assert made["seeds", "other seeds", "overall", "share_of_permuted"].n_undefined == N


# --- uniform, guide, imitation, deception ----------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_a_loss_by_uniform_attention_is_over_pairs_of_the_same_seed(k: int) -> None:
    learned = [PREDICTION.astype(np.float64), *(guess(0.85) for _ in range(k - 1))]
    uniform = [guess(0.6) for _ in range(k)]
    found = {("uniform", f"seed {s}", "prediction"): uniform[s] for s in range(k)}
    found |= {("seeds", f"seed {s}", "prediction"): learned[s] for s in range(1, k)}
    found |= {
        ("seeds", f"seed {s}", q): np.zeros(N) + 0.1
        for s in range(1, k)
        for q in ("attention_jsd", "permuted_jsd", "output_tvd")
    }
    made = rows(found)
    for group in (OVERALL, *CLASSES):
        its = [[of_score(TARGET, p, group) for p in some] for some in (learned, uniform)]
        for subject, scores in zip((AUDITED, "uniform model"), its, strict=True):
            assert made["uniform model", subject, group.name, "score"].value == pytest.approx(np.mean(scores))
        row = made["uniform model", "uniform model", group.name, "score_difference"]
        each = np.subtract(*its)
        assert made["uniform model", "uniform model", group.name, "n_seeds"].value == k
        if k >= 3:
            assert (row.value, row.low, row.high) == pytest.approx((each.mean(), *interval(each)))
            assert row.n == k
        else:
            one = score_difference(TARGET, learned, uniform, group.predicted)
            assert row.value == pytest.approx(each.mean())
            assert (row.low, row.high) == (one.low, one.high)
            assert row.n == N


def test_a_guide_is_held_against_uniform_of_the_same_seed() -> None:
    models = {
        (name, s): guess(q) for name, q in (("base", 0.9), ("uniform", 0.6), ("own", 0.7)) for s in range(3)
    }
    found = {("guide", f"{name}, seed {s}", "prediction"): p for (name, s), p in models.items()}
    found["guide", "imitation weight 0.001, seed 0", "prediction"] = models["own", 0]
    made = rows(found)
    for group in (OVERALL, *CLASSES):
        its = {key: of_score(TARGET, p, group) for key, p in models.items()}
        for name in ("base", "own"):
            each = np.array([its[name, s] - its["uniform", s] for s in range(3)])
            row = made["guide", f"{name} above uniform", group.name, "score_difference"]
            assert (row.value, row.low, row.high) == pytest.approx((each.mean(), *interval(each)))
        single = made["guide", "imitation weight 0.001 above uniform", group.name, "score_difference"]
        assert single.value == pytest.approx(its["own", 0] - its["uniform", 0])
        assert made["guide", "uniform", group.name, "score"].value == pytest.approx(
            np.mean([its["uniform", s] for s in range(3)])
        )
    assert not any(subject == "uniform above uniform" for _, subject, _, _ in made)


def test_imitations_and_deceptions_are_means_over_texts_and_scores() -> None:
    far, moved, mass, left = DRAW.random((4, N))
    mass[2] = np.nan  # nothing to hide
    imitation, hiding = guess(0.8), guess(0.7)
    found = {
        ("imitation", "weight 0.01", "prediction"): imitation,
        ("imitation", "weight 0.01", "output_tvd"): moved,
        ("imitation", "weight 0.01", "attention_jsd"): far,
        ("deception", "hiding", "prediction"): hiding,
        ("deception", AUDITED, "hidden_mass"): mass,
        ("deception", "hiding", "hidden_mass"): left,
    }
    made = rows(found)
    for group in (OVERALL, *CLASSES):
        inside = group.members
        for key, values in (
            (("imitation", "weight 0.01", group.name, "mean_tvd"), moved),
            (("imitation", "weight 0.01", group.name, "mean_jsd"), far),
            (("deception", AUDITED, group.name, "mean_hidden_mass"), mass),
            (("deception", "hiding", group.name, "mean_hidden_mass"), left),
        ):
            assert made[key].value == pytest.approx(np.nanmean(values[inside]))
            assert made[key].n_undefined == int(np.isnan(values[inside]).sum())
        its = [of_score(TARGET, p, group) for p in (PREDICTION, hiding)]
        row = made["deception", f"{AUDITED} above hiding", group.name, "score_difference"]
        assert row.value == pytest.approx(its[0] - its[1])
        assert made["deception", "hiding", group.name, "score"].value == pytest.approx(its[1])


def test_texts_without_a_known_class_are_left_out_of_scores() -> None:
    target = TARGET.copy()
    target[:5] = -1
    found = {("uniform", "seed 0", "prediction"): guess(0.5)}
    row = rows(found, target=target)["uniform model", "uniform model", "overall", "score"]
    expected = accuracy_score(target[5:], found["uniform", "seed 0", "prediction"][5:])
    assert (row.value, row.n, row.n_undefined) == (pytest.approx(expected), N - 5, 5)
    nothing = rows(found, target=np.full(N, -1))[
        "uniform model", "uniform model", "overall", "score_difference"
    ]
    assert (nothing.value, nothing.low, nothing.n) == (None, None, 0)


# --- coverage: `python -m benchmarks.calibration` has it at length ---------------------------------------


@pytest.mark.parametrize(("k", "n"), [(3, 200), (5, 500)])
def test_intervals_over_pairs_of_trainings_hold_the_true_difference(k: int, n: int) -> None:
    assert paired_trainings_coverage(k, n, 4000) == pytest.approx(0.95, abs=0.012)


@pytest.mark.parametrize("rarity", [0.5, 0.2])
def test_intervals_of_a_difference_of_scores_hold_the_true_one(
    rarity: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "RESAMPLES", 500)  # so that there is time for samples enough
    for share in score_difference_coverage(200, rarity, 4000, difference=difference_by_counts):
        assert 0.93 <= share <= 0.97, share


def test_the_quick_way_to_that_coverage_is_the_same_interval() -> None:
    draw = np.random.default_rng(11)
    target = draw.integers(0, 2, 250)
    a, b = (np.where(draw.random(250) < q, target, 1 - target) for q in (0.85, 0.7))
    for index in (None, 0, 1):
        found, quick = (
            score_difference(target, [a], [b], index),
            difference_by_counts(target, a, b, index, seed=3),
        )
        assert found.value == pytest.approx(quick.value)
        assert (found.low, found.high) == pytest.approx((quick.low, quick.high), abs=0.012)
