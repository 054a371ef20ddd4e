"""Many cases at a time against each of them alone."""

import numpy as np
import pytest
from scipy.stats import chisquare

from attnaudit.case import cases
from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.counterfactual.fixed import permuted
from attnaudit.counterfactual.padded import Padded, blocks
from attnaudit.stats.divergence import jensen_shannon_divergence, total_variation_distance
from tests import tiny

FORMS = {
    "binary": {},
    "multi-class": {"classes": ("a", "b", "c")},
    "nli": {"query": True, "classes": ("neutral", "contradiction", "entailment")},
    "qa": {"query": True, "classes": tiny.WORDS, "cloze": True},
}


@pytest.mark.parametrize("form", FORMS)
def test_outputs_are_those_of_each_case(form: str) -> None:
    model = tiny.model(sharp=1.0, **FORMS[form])
    batch = model.encode(tiny.instances(2, 9, 5, 14))
    found = cases(model, batch, model.trace(batch), needed_by="a test")
    draw = np.random.default_rng(0)
    block = Padded(found)
    attention = draw.random((len(found), 7, 14)) * block.real[:, None]
    attention /= attention.sum(axis=-1, keepdims=True)
    output = block.output(attention)
    for row, case in enumerate(found):
        expected = case.output(attention[row, :, : len(case.attention)])
        assert output[row, :, : expected.shape[1]] == pytest.approx(expected, abs=1e-14)
        assert not output[row, :, expected.shape[1] :].any()


def test_blocks_hold_every_case_once_and_little_padding() -> None:
    model = tiny.model()
    batch = model.encode(tiny.instances(*range(1, 60), 60, 60))
    found = cases(model, batch, model.trace(batch), needed_by="a test")
    made = list(blocks(found, draws=100))
    assert sorted(case.instance_id for block in made for case in block.cases) == sorted(batch.instance_ids)
    for block in made:
        assert 4 * block.lengths.min() >= 3 * block.lengths.max()


def test_permutations_keep_the_weights_and_their_rows_say_how_far_they_are() -> None:
    model = tiny.model(sharp=2.0)
    batch = model.encode(tiny.instances(4, 11, 30))
    trace = model.trace(batch)
    rows = COUNTERFACTUALS["permuted"](draws=20)(model, batch, trace, seed=3)
    block = Padded(cases(model, batch, trace, needed_by="a test"))
    attention = permuted(block, 20, 3)
    kept = {(row["instance_id"], row["draw"]): row for row in rows.to_pylist() if row["kind"] == "permuted"}
    for number, case in enumerate(block.cases):
        for draw, weights in enumerate(attention[number, :, : len(case.attention)]):
            assert sorted(weights) == sorted(case.attention)
            row = kept[case.instance_id, draw]
            tvd = total_variation_distance(case.output(weights), case.output(case.attention))
            assert row["output_tvd"] == pytest.approx(float(tvd), abs=1e-14)
            jsd = jensen_shannon_divergence(weights, case.attention)
            assert row["attention_jsd"] == pytest.approx(float(jsd), abs=1e-14)


def test_each_order_is_drawn_equally_often() -> None:
    model = tiny.model(sharp=2.0)
    batch = model.encode(tiny.instances(4))
    block = Padded(cases(model, batch, model.trace(batch), needed_by="a test"))
    attention = permuted(block, 24_000, 0)[0]
    _, counts = np.unique(attention.argsort(axis=1), axis=0, return_counts=True)
    assert len(counts) == 24
    assert chisquare(counts).pvalue > 0.001
