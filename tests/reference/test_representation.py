"""Conicity, entropy and shares of attention against numpy and scipy, text by text."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cosine
from scipy.stats import entropy

from attnaudit.instance import Instance
from attnaudit.models.attentive import POOL
from attnaudit.representation import representation
from tests import tiny

TEXTS = [
    Instance("a", {"text": "ba, be: bi!"}, 0),
    Instance("b", {"text": "ba"}, 0),
    Instance("c", {"text": "da de $ di do du fa fe fi fo fu"}, 1),
]


def test_all_quantities_against_numpy_and_scipy():
    model = tiny.model()
    batch = model.encode(TEXTS)
    for row, text in zip(representation(model, batch, model.trace(batch)), TEXTS, strict=True):
        found = {one.quantity: one.value for one in row}
        alone = model.encode([text])
        trace = model.trace(alone)
        weights = trace.attention[POOL][0, 0, 0, 1:-1].double().numpy()
        states = trace.states.tokens[0, 1:-1].double().numpy()
        marks = np.array([token in {",", ":", "!"} for token in alone.tokens[0][1:-1]])
        assert found["attention_entropy"] == pytest.approx(entropy(weights), abs=1e-6)
        assert found["punctuation_mass"] == pytest.approx(weights[marks].sum(), abs=1e-6)
        assert found["special_mass"] == pytest.approx(0.0, abs=1e-6)
        middle = states.mean(axis=0)
        assert found["conicity"] == pytest.approx(np.mean([1 - cosine(s, middle) for s in states]), abs=1e-5)
        assert all(one.status == "ok" for one in row)


def test_states_that_sum_to_nothing_have_no_cone():
    import torch

    from attnaudit.representation import conicity

    assert conicity(torch.tensor([[1.0, 0.0], [-1.0, 0.0]])) is None
    assert conicity(torch.ones(3, 2)) == pytest.approx(1.0)
