"""Words taken away by rank against a loop that takes them away one by one."""

import math

import numpy as np
import pytest

from attnaudit.case import Case, cases
from attnaudit.erasure.by_rank import RemovedByRank, outputs_of
from attnaudit.erasure.orders import FRACTIONS
from attnaudit.readout import LinearReadout
from tests import tiny

FORMS = {
    "binary": {},
    "multi-class": {"classes": ("a", "b", "c")},
    "nli": {"query": True, "classes": ("neutral", "contradiction", "entailment")},
    "qa": {"query": True, "classes": tiny.WORDS, "cloze": True},
}


def found_cases(form: str, *lengths: int) -> list[Case]:
    model = tiny.model(sharp=1.0, **FORMS[form])
    batch = model.encode(tiny.instances(*lengths))
    return cases(model, batch, model.trace(batch), needed_by="a test")


def literally(case: Case, order: np.ndarray, k: int, operator: str, *, alone: bool) -> np.ndarray:
    """The output when the first k words of the order are removed, or all others."""
    weights = case.attention.copy()
    for place, token in enumerate(order):
        if (place < k) != alone:
            weights[token] = 0.0
    if operator == "renormalise":
        weights = weights / weights.sum()
    return case.output(weights)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operator", ["renormalise", "zero"])
def test_outputs_are_those_of_a_literal_loop(form: str, operator: str) -> None:
    draw = np.random.default_rng(0)
    for case in found_cases(form, 2, 5, 12):
        n = len(case.attention)
        orders = np.stack([draw.permutation(n) for _ in range(3)])
        without, alone = outputs_of(case, orders, operator)
        for row, order in enumerate(orders):
            for k in range(1, n):
                assert without[row, k - 1] == pytest.approx(
                    literally(case, order, k, operator, alone=False), abs=1e-12
                )
                assert alone[row, k - 1] == pytest.approx(
                    literally(case, order, k, operator, alone=True), abs=1e-12
                )


@pytest.mark.parametrize("form", FORMS)
def test_flips_and_shares_are_those_of_a_literal_loop(form: str) -> None:
    censored = flipped = 0
    for case in found_cases(form, 3, 8, 20, 25):
        n = len(case.attention)
        scores = np.random.default_rng(n).random(n)
        order = np.argsort(-scores)
        own = case.output(case.attention)
        for row in RemovedByRank(draws=2).of(case, {"mine": scores}, seed=0):
            if row.ordering != "mine":
                continue
            if row.quantity == "decision_flip":
                outputs = [literally(case, order, k, row.operator, alone=False) for k in range(1, n)]
                first = next((k for k, y in enumerate(outputs, 1) if y.argmax() != own.argmax()), None)
                assert row.value == (None if first is None else pytest.approx(first / n))
                assert row.status == ("censored" if first is None else "ok")
                censored, flipped = censored + (first is None), flipped + (first is not None)
            else:
                k = min(max(1, math.ceil(row.fraction * n)), n - 1)
                only = row.quantity == "sufficiency"
                moved = own.max() - literally(case, order, k, row.operator, alone=only)[own.argmax()]
                assert row.value == pytest.approx(moved, abs=1e-12)
    assert flipped or form != "binary"


def test_by_hand() -> None:
    """One word speaks for class 1, three against: without it the decision flips, at a quarter of the words."""
    evidence = np.array([4.0, -1.0, -1.0, -1.0])
    readout = LinearReadout(np.stack([np.zeros(4), evidence]), np.zeros(2))
    case = Case("case", np.array([0.7, 0.1, 0.1, 0.1]), readout)
    rows = RemovedByRank(draws=4).of(
        case, {"attention": case.attention, "backwards": -case.attention}, seed=0
    )
    flips = {(r.ordering, r.operator): r.value for r in rows if r.quantity == "decision_flip" and r.draw == 0}
    assert flips["attention", "renormalise"] == 0.25
    assert flips["backwards", "renormalise"] is None  # the last word that stays is the one that speaks for it
    assert len([r for r in rows if r.ordering == "random" and r.quantity == "decision_flip"]) == 8
    assert {r.fraction for r in rows if r.quantity == "sufficiency"} == set(FRACTIONS)


def test_what_cannot_be_ranked_says_why() -> None:
    readout = LinearReadout(np.array([[0.0, 0.0], [1.0, -2.0]]), np.zeros(2))
    case = Case("case", np.array([0.5, 0.5]), readout)
    rows = RemovedByRank().of(case, {"gradient": "constant"}, seed=0)
    assert {r.status for r in rows if r.ordering == "gradient"} == {"constant"}
    single = Case("one", np.array([1.0]), LinearReadout(np.array([[0.0], [1.0]]), np.zeros(2)))
    assert {r.status for r in RemovedByRank().of(single, {"attention": np.ones(1)}, seed=0)} == {"too_short"}


def test_words_without_weight_end_the_removal() -> None:
    """When all weight is gone there is nothing to renormalise: no flip, no number."""
    readout = LinearReadout(np.array([[0.0, 0.0, 0.0], [1.0, -5.0, -5.0]]), np.zeros(2))
    case = Case("case", np.array([1.0, 0.0, 0.0]), readout)
    rows = RemovedByRank(draws=1).of(case, {"attention": case.attention}, seed=0)
    of = {(r.quantity, r.operator, r.fraction): r for r in rows if r.ordering == "attention"}
    assert of["decision_flip", "renormalise", None].status == "censored"
    assert of["comprehensiveness", "renormalise", 0.1].status == "infeasible"
