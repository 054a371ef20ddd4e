"""Goals of training against their sums written out, and what they do to a model."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from attnaudit.diagnostics import Hiding, Imitating, imitated, impermissible
from attnaudit.errors import DataError, ModelError
from attnaudit.instance import Instance, Span
from attnaudit.models.attentive import BORROWED, POOL, AttentiveModel
from attnaudit.train import Schedule, fit
from tests import tiny


def test_the_loss_of_an_imitation_is_tvd_less_the_weighted_divergence():
    texts = tiny.instances(5, 9, 3)
    base, other = tiny.model(seed=0), tiny.model(seed=1)
    goal = Imitating(imitated(base, texts), weight=0.3)
    batch = other.encode(texts)
    found = goal(other.trace(batch), batch, [0, 1, 2], torch.tensor(99.0))
    expected = 0.0
    for text in texts:  # each alone, in numpy
        one = other.trace(other.encode([text]))
        its = base.trace(base.encode([text]))
        p, q = one.output[0, 0].numpy(), its.output[0, 0].numpy()
        a, b = (t.attention[POOL][0, 0, 0, 1:-1].double().numpy() for t in (one, its))
        expected += 0.5 * np.abs(p - q).sum() - 0.3 * (a * np.log(a / b)).sum()
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_what_is_imitated_does_not_depend_on_company():
    texts = tiny.instances(5, 30, 3, 12)
    base = tiny.model()
    together = imitated(base, texts)
    for text, found in zip(texts, together, strict=True):
        alone = imitated(base, [text])[0]
        torch.testing.assert_close(found.output, alone.output)
        torch.testing.assert_close(found.attention, alone.attention)


def test_the_loss_of_hiding_adds_the_logarithm_of_what_is_left():
    texts = [
        Instance("a", {"text": "ba be bi"}, 0, ((Span("text", 0, 2),),)),
        Instance("b", {"text": "de di do du"}, 1, ((Span("text", 3, 5), Span("text", 9, 11)),)),
        Instance("c", {"text": "fa fe"}, 1),  # nothing to hide
        Instance("d", {"text": "ga"}, 1, ((Span("text", 0, 2),),)),  # nothing else
    ]
    model = tiny.model()
    goal = Hiding(impermissible(model, texts, ()), weight=2.0)
    batch = model.encode(texts)
    trace = model.trace(batch)
    weights = trace.attention[POOL][:, 0, 0]
    left = [1 - float(weights[0, 1]), 1 - float(weights[1, 2] + weights[1, 4])]
    found = goal(trace, batch, [0, 1, 2, 3], torch.tensor(7.0))
    assert float(found) == pytest.approx(7.0 - 2.0 * sum(map(math.log, left)), abs=1e-5)


def test_words_to_hide_are_found_in_any_case_and_must_be_there():
    model = tiny.model()
    texts = [Instance("a", {"text": "Ba be BA"}, 0)]
    assert impermissible(model, texts, ["bA"])[0].tolist() == [False, True, False, True, False]
    with pytest.raises(DataError, match="no training text holds the words 'zzz'"):
        impermissible(model, texts, ["zzz"])
    with pytest.raises(DataError, match="any known evidence"):
        impermissible(model, texts, ())


def test_training_by_a_goal_moves_attention_and_keeps_outputs():
    texts = tiny.instances(*[8] * 24)
    base = tiny.model(seed=3)
    start = imitated(base, texts)
    model = tiny.model(seed=3).requires_grad_(True)
    # Small steps: with large ones outputs wander, and the last bits of a machine decide by how much.
    _, best = fit(
        model, texts, texts, Schedule(30, 8, 0.005, 0.0), seed=0, goal=Imitating(start, weight=0.05)
    )
    end = imitated(model, texts)
    moved = np.mean([float((a.attention - b.attention).abs().sum()) for a, b in zip(start, end, strict=True)])
    changed = np.mean(
        [0.5 * float((a.output - b.output).abs().sum()) for a, b in zip(start, end, strict=True)]
    )
    assert best == 30, "the last epoch is kept"
    assert moved > 0.5
    assert changed < 0.05


@pytest.mark.parametrize("query", [False, True])
def test_borrowed_attention_is_the_lenders_and_only_the_rest_learns(query):
    texts = tiny.instances(5, 9, 3, 7)
    lender = tiny.model(query=query)
    model = AttentiveModel(
        lender.vocabulary,
        lender.classes,
        query=lender.encoding.query,
        encoder="average",
        attention=BORROWED,
        embedding=12,
        hidden=16,
        lender=lender.settings,
    )
    assert model.lender is not None
    model.lender.load_state_dict(lender.state_dict())
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit(model, texts, texts, Schedule(2, 2, 0.01, 0.0), seed=0)
    batch = model.encode(texts)
    torch.testing.assert_close(model.trace(batch).attention[POOL], lender.trace(batch).attention[POOL])
    after = model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in after if name.startswith("lender."))
    assert not torch.equal(before["encoder.projection.weight"], after["encoder.projection.weight"])


def test_borrowed_attention_asks_for_a_lender():
    with pytest.raises(ModelError, match="give `lender`"):
        AttentiveModel(tiny.model().vocabulary, ("no", "yes"), attention=BORROWED)


def test_uniform_attention_is_uniform_and_learns_nothing():
    texts = tiny.instances(5, 9, 3, 7)
    model = tiny.model(attention="uniform").requires_grad_(True)
    fit(model, texts, texts, Schedule(2, 2, 0.01, 0.0), seed=0)
    batch = model.encode(texts)
    weights = model.trace(batch).attention[POOL][:, 0, 0]
    expected = batch.audit_mask / batch.audit_mask.sum(dim=1, keepdim=True)
    torch.testing.assert_close(weights, expected)
