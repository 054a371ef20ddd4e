"""Plausibility against cases worked by hand, scikit-learn, every pair of spans, and all orders counted."""

from itertools import combinations, permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from attnaudit import tables
from attnaudit.agreement import plausibility, rationale_share
from attnaudit.stats import marked


def instances_of(evidence):
    """`evidence`: for each instance a list an annotator, or None."""
    lengths = [len(annotators[0]) if annotators else 1 for annotators in evidence]
    ids = [f"i{i}" for i in range(len(lengths))]
    return tables.build(
        "instances",
        dict.fromkeys(("text", "query", "tokens", "target"))
        | {
            "instance_id": ids,
            "split": "test",
            "offsets": [[]] * len(ids),
            "audited": [[True] * n for n in lengths],
            "evidence": [
                annotators and [[bool(mark) for mark in marks] for marks in annotators]
                for annotators in evidence
            ],
            "prediction": 0,
            "output": [[0.5, 0.5]] * len(ids),
            "n_audited": lengths,
        },
    )


def importance_of(scores, status="ok"):
    return tables.build(
        "importance",
        {
            "instance_id": [f"i{i}" for i in range(len(scores))],
            "step": 0,
            "measure": "m",
            "scores": scores,
            "objective": "p",
            "status": status,
        },
    )


def held(evidence, scores, **more):
    """(instance, measure, annotator, metric) → value, or the status where there is none."""
    rows = plausibility(instances_of(evidence), importance_of(scores), **more).to_pylist()
    return {
        (int(row["instance_id"][1:]), row["measure"], row["annotator"], row["metric"]): (
            row["status"] if row["value"] is None else row["value"]
        )
        for row in rows
    }


def runs(selected):
    """The spans of a selection as sets of places."""
    found, last = [], None
    for place in np.flatnonzero(selected).tolist():
        if last is not None and place == last + 1:
            found[-1].add(place)
        else:
            found.append({place})
        last = place
    return found


def pairwise_span_f1(selected, marks):
    """Every span against every other, as ERASER words it: precision and recall of partial matches."""
    ours, theirs = runs(selected), runs(marks)

    def matched(some, others):
        return sum(any(len(a & b) / len(a | b) > 0.5 for b in others) for a in some) / len(some)

    precision, recall = matched(ours, theirs), matched(theirs, ours)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def selections(scores, k):
    """Every way to take the `k` highest."""
    order = sorted(scores, reverse=True)
    above = {i for i, score in enumerate(scores) if score > order[k - 1]}
    tied = [i for i, score in enumerate(scores) if score == order[k - 1]]
    for rest in combinations(tied, k - len(above)):
        chosen = above | set(rest)
        yield np.array([i in chosen for i in range(len(scores))])


@pytest.mark.parametrize("decimals", [1, 8])  # with one decimal there are many ties
def test_average_precision_is_that_of_scikit_learn(decimals: int) -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 120, 200)
    scores = [np.round(rng.random(n), decimals).astype(np.float32) for n in lengths]
    evidence = [rng.random(n) < rng.random() for n in lengths]
    found = held([[marks.tolist()] for marks in evidence], scores)
    checked = 0
    for i, (marks, values) in enumerate(zip(evidence, scores, strict=True)):
        value = found[i, "m", 0, "average_precision"]
        if value != "not_applicable":
            assert value == pytest.approx(average_precision_score(marks, values), abs=1e-12)
            checked += 1
    assert checked > 150


def test_f1_of_tokens_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        n = int(rng.integers(2, 60))
        marks, scores = rng.random(n) < 0.4, rng.permutation(n).astype(float)
        marks[rng.integers(n)] = True
        k = int(rng.integers(1, n + 1))
        selected = scores >= np.sort(scores)[-k]
        assert marked.token_f1(marks, scores, k) == pytest.approx(f1_score(marks, selected), abs=1e-12)
        if k == marks.sum():
            assert marked.precision_at_k(marks, scores, k) == pytest.approx(f1_score(marks, selected))


def test_f1_of_spans_is_that_of_every_pair_of_spans() -> None:
    rng = np.random.default_rng(2)
    above_zero = 0
    for _ in range(500):
        n = int(rng.integers(1, 30))
        marks, selected = (np.repeat(rng.random(n) < 0.5, 3)[:n] ^ (rng.random(n) < 0.15) for _ in range(2))
        if not marks.any() or not selected.any():
            continue
        value = marked.span_f1(selected[None], marks)[0]
        assert value == pytest.approx(pairwise_span_f1(selected, marks), abs=1e-12)
        above_zero += value > 0
    assert above_zero > 100


@pytest.mark.parametrize(
    ("marks", "selected", "expected"),
    [
        ("0110", "0110", 1.0),
        ("1100", "0011", 0.0),
        ("0110", "0100", 0.0),  # half of both is not more than half
        ("01110", "01100", 1.0),  # two of three are
        ("11100110", "11000000", 2 / 3),  # one of one is right, one of two is found
        ("11100111", "11011010", 2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2)),
        ("1111", "0001", 0.0),
    ],
)
def test_f1_of_spans_by_hand(marks: str, selected: str, expected: float) -> None:
    marks, selected = (np.array([c == "1" for c in text]) for text in (marks, selected))
    assert marked.span_f1(selected[None], marks)[0] == pytest.approx(expected)
    assert pairwise_span_f1(selected, marks) == pytest.approx(expected)


@pytest.mark.parametrize("scores", [[2, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [3, 3, 2, 2, 2, 1]])
def test_ties_are_the_mean_over_all_ways_to_choose(scores: list[int]) -> None:
    marks, values = np.array([True, True, False, True, False, False]), np.array(scores, dtype=float)
    for k in range(1, 7):
        ways = list(selections(scores, k))
        tokens = np.mean([f1_score(marks, way) for way in ways])
        assert marked.token_f1(marks, values, k) == pytest.approx(tokens, abs=1e-12)
        precision = np.mean([marks[way].mean() for way in ways])
        assert marked.precision_at_k(marks, values, k) == pytest.approx(precision, abs=1e-12)
        spans = [pairwise_span_f1(way, marks) for way in ways]
        drawn = np.mean([marked.iou_f1(marks, values, k, np.random.default_rng(seed)) for seed in range(30)])
        assert drawn == pytest.approx(
            np.mean(spans), abs=5 * np.std(spans) / np.sqrt(30 * marked.DRAWS) + 1e-9
        )


@pytest.mark.parametrize("marks", ["1", "10", "01", "1001", "110010", "0100000"])
def test_chance_of_average_precision_is_the_mean_over_all_orders(marks: str) -> None:
    marks = np.array([c == "1" for c in marks])
    orders = [average_precision_score(marks, order) for order in permutations(range(len(marks)))]
    assert marked.random_average_precision(marks) == pytest.approx(np.mean(orders), abs=1e-12)


def test_a_table_by_hand() -> None:
    evidence = [[[1, 1, 0, 0, 0, 0, 0, 0]], [[0, 0, 1, 1]], None]  # shares 1/4 and 1/2: 3/8 on average
    scores = [[0.9, 0.1, 0.8, 0.7, 0, 0, 0, 0], [0.1, 0.2, 0.9, 0.3], [1.0]]
    assert rationale_share([instances_of(evidence)]) == 0.375
    found = held(evidence, scores)
    assert found[0, "m", 0, "precision_at_k"] == 0.5  # k = 2
    assert found[0, "m", 0, "average_precision"] == pytest.approx((1 + 2 / 4) / 2)
    assert found[0, "m", 0, "token_f1"] == pytest.approx(2 * 1 / (3 + 2))  # k = 3
    assert found[0, "m", 0, "iou_f1"] == 0.0  # {0} shares one of two with {0, 1}
    assert found[1, "m", 0, "token_f1"] == 1.0  # k = 1.5, rounded to 2
    assert found[1, "m", 0, "iou_f1"] == 1.0
    assert found[0, "chance", 0, "precision_at_k"] == pytest.approx(0.25)
    assert found[0, "chance", 0, "token_f1"] == pytest.approx(2 * 3 * 0.25 / (3 + 2))
    assert not any(key[0] == 2 or key[1] == "annotators" for key in found)


def test_annotators_against_each_other_by_hand() -> None:
    a, b, c = [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 1]
    found = held([[a, b, c]], [[5, 4, 3, 2, 1]])
    assert found[0, "annotators", 0, "token_f1"] == pytest.approx((0.8 + 0) / 2)
    assert found[0, "annotators", 1, "token_f1"] == pytest.approx((0.8 + 0) / 2)
    assert found[0, "annotators", 2, "token_f1"] == 0
    assert found[0, "annotators", 0, "iou_f1"] == pytest.approx((1 + 0) / 2)  # 2 of 3 is more than half
    assert (0, "annotators", 0, "precision_at_k") not in found


def test_who_marked_nothing_is_no_evidence_and_no_judge() -> None:
    a, b, nothing = [1, 0, 0], [1, 1, 0], [0, 0, 0]
    found = held([[a, b, nothing]], [[3, 2, 1]])
    assert found[0, "annotators", 0, "token_f1"] == pytest.approx(2 / 3)  # by b alone
    for measure in ("m", "chance", "annotators"):
        assert found[0, measure, 2, "token_f1"] == "not_applicable"
    alone = held([[a, nothing]], [[3, 2, 1]])
    assert alone[0, "annotators", 0, "token_f1"] == "not_applicable"
    assert alone[0, "m", 0, "token_f1"] == 1.0


@pytest.mark.parametrize("marks", [[0, 0, 0], [1, 1, 1]])
def test_nothing_or_all_marked_is_not_applicable(marks: list[int]) -> None:
    found = held([[marks]], [[3, 2, 1]])
    assert set(found.values()) == {"not_applicable"}
    assert {key[1] for key in found} == {"m", "chance"}


def test_an_undefined_measure_keeps_its_status() -> None:
    rows = plausibility(instances_of([[[1, 0]]]), importance_of([None], "diverged")).to_pylist()
    assert {row["status"] for row in rows if row["measure"] == "m"} == {"diverged"}
    assert {row["status"] for row in rows if row["measure"] == "chance"} == {"ok"}


def test_scores_that_are_alike_are_chance() -> None:
    found = held([[[1, 1, 0, 0, 0, 1, 0, 0]]], [[1.0] * 8])
    for metric in ("precision_at_k", "token_f1", "iou_f1"):
        assert found[0, "m", 0, metric] == found[0, "chance", 0, metric]


def test_a_part_of_a_run_is_scored_like_the_whole() -> None:
    evidence = [[[1, 0, 0, 0, 0, 0]], [[1, 1, 1, 1, 0, 0]]]
    scores = [[6, 5, 4, 3, 2, 1], [1, 1, 1, 1, 1, 1]]
    whole = held(evidence, scores)
    share = rationale_share(instances_of([one]) for one in evidence)
    part = held(evidence[:1], scores[:1], share=share)
    assert part == {key: value for key, value in whole.items() if key[0] == 0}
    assert held(evidence[:1], scores[:1]) != part  # which its own share would not give
