"""The same questions to every model: four members, exact replacement, fast paths equal to the slow ones."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from attnaudit import memory
from attnaudit.core import Batch, Trace
from attnaudit.errors import AttentionError, DataError
from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models import ENCODERS, SCORERS
from attnaudit.models.interface import (
    AuditedModel,
    Deletes,
    ReadsOut,
    Replays,
    delete_each,
    delete_each_by_trace,
    replay,
    replay_by_trace,
)
from tests import tiny
from tests.contract.test_measures import OF_LAYERS


class OnlyFourMembers:
    """A model that offers what it must and nothing else; all else goes through the fallbacks."""

    def __init__(self) -> None:
        self._inner = tiny.model()
        self.sites = self._inner.sites

    def encode(self, instances: Sequence[Instance]) -> Batch:
        return self._inner.encode(instances)

    def embed(self, batch: Batch) -> torch.Tensor:
        return self._inner.embed(batch)

    def trace(self, batch: Batch, *, embedding=None, intervention=None) -> Trace:
        return self._inner.trace(batch, embedding=embedding, intervention=intervention)


FORMS = {
    "classification": {},
    "multi-class": {"classes": ("a", "b", "c")},
    "nli": {"query": True, "classes": ("neutral", "contradiction", "entailment")},
    "qa": {"query": True, "classes": tiny.WORDS, "cloze": True},
}


@pytest.fixture(
    params=[(e, s, f) for e in ENCODERS for s in SCORERS for f in FORMS], ids=lambda p: "-".join(p)
)
def model(request: pytest.FixtureRequest):
    encoder, attention, form = request.param
    return tiny.model(encoder, attention, sharp=1.5, **FORMS[form])


@pytest.fixture
def batch(model) -> Batch:
    return model.encode(tiny.instances(1, 2, 7, 31))


def test_attention_is_a_distribution_over_audited_tokens(model, batch: Batch) -> None:
    weights = model.trace(batch).attention[model.sites[0]][:, 0, 0]
    assert torch.allclose(weights.sum(-1), torch.ones(4))
    assert (weights[~batch.audit_mask] == 0).all()


def test_identity_intervention_returns_the_trace_bit_for_bit(model, batch: Batch) -> None:
    plain = model.trace(batch)
    assert torch.equal(plain.logits, model.trace(batch, intervention=lambda _site, own: own).logits)
    assert torch.equal(plain.logits, model.trace(batch, embedding=model.embed(batch)).logits)


def test_an_intervention_on_one_row_changes_that_row_alone(model, batch: Batch) -> None:
    def last_token(_site, own: torch.Tensor) -> torch.Tensor:
        changed = own.clone()
        changed[3] = 0
        changed[3, ..., 31] = 1
        return changed

    plain, changed = model.trace(batch).logits, model.trace(batch, intervention=last_token).logits
    assert torch.equal(plain[:3], changed[:3])
    assert not torch.allclose(plain[3], changed[3])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda own: own * 2, "sum to 1"),
        (lambda own: own.flip(-1), "markers and padding"),
        (lambda own: own * float("nan"), "finite"),
        (lambda own: -own, "negative"),
        (lambda own: own[..., :-1], "shape"),
    ],
)
def test_what_is_no_distribution_is_refused(model, wrong, message: str) -> None:
    batch = model.encode(tiny.instances(3, 9))
    with pytest.raises(AttentionError, match=message):
        model.trace(batch, intervention=lambda _site, own: wrong(own))


def test_replay_equals_a_forward_pass_a_draw(model, batch: Batch) -> None:
    assert isinstance(model, Replays)
    draw = torch.rand(4, 6, 1, batch.token_ids.shape[1], generator=torch.Generator().manual_seed(0))
    draw = draw * batch.audit_mask[:, None, None]
    draw = draw / draw.sum(-1, keepdim=True)
    fast = replay(model, batch, model.trace(batch), draw)
    slow = replay_by_trace(model, batch, draw).double()
    assert torch.allclose(torch.softmax(fast, dim=-1), torch.softmax(slow, dim=-1), atol=1e-5)


def test_readouts_give_the_logits_of_the_allowed_classes(model, batch: Batch) -> None:
    assert isinstance(model, ReadsOut)
    trace = model.trace(batch)
    for row, readout in enumerate(model.readouts(batch, trace)):
        weights = trace.attention[model.sites[0]][row, 0, 0, batch.audit_mask[row]].double().numpy()
        logits = trace.logits[row, 0].double()
        allowed = torch.isfinite(logits)
        assert readout.logits(weights) == pytest.approx(logits[allowed].numpy(), abs=1e-5)


def test_only_candidates_can_be_the_answer() -> None:
    model = tiny.model(query=True, classes=tiny.WORDS, cloze=True)
    texts = tiny.instances(1, 5)
    output = tiny.outputs(model, texts)
    for row, instance in enumerate(texts):
        inside = [word in instance.fields["text"].split() for word in tiny.WORDS]
        assert (output[row][inside] > 0).all()
        assert (output[row][~torch.tensor(inside)] == 0).all()
    with pytest.raises(DataError, match="none of the possible answers"):
        model.encode([Instance("other", {"text": "nothing known", "question": "who"}, 0)])


def test_the_query_is_read() -> None:
    model = tiny.model(query=True, classes=("a", "b", "c"))
    one, other = (
        Instance("x", {"text": "ba be bi", "question": question}, 0) for question in ("ba da", "so su si")
    )
    output = tiny.outputs(model, [one, other])
    assert (output[0] - output[1]).abs().max() > 1e-3
    with pytest.raises(DataError, match="field `question`"):
        model.encode([Instance("other", {"text": "ba"}, 0)])


def test_delete_each_equals_the_literal_loop(model, batch: Batch) -> None:
    assert isinstance(model, Deletes)
    fast, slow = delete_each(model, batch), delete_each_by_trace(model, batch)
    assert torch.equal(torch.isfinite(fast), torch.isfinite(slow))
    fast, slow, own = (torch.softmax(x, dim=-1) for x in (fast, slow, model.trace(batch).logits))
    assert torch.allclose(fast, slow, atol=1e-5)
    assert (fast - own).abs()[3, 1:32].max() > 1e-3


def test_long_texts_are_handed_over_a_few_at_a_time(model, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = model.encode(tiny.instances(8, 5, 20))
    whole = delete_each(model, batch)
    monkeypatch.setattr("attnaudit.models.interface._TOKENS", 1)
    parts = delete_each(model, batch)
    assert torch.allclose(torch.softmax(whole, dim=-1), torch.softmax(parts, dim=-1), atol=1e-6)


def test_a_long_text_is_deleted_from_a_block_at_a_time(model) -> None:
    batch = model.encode(tiny.instances(8, 20))
    whole = delete_each(model, batch)
    with memory.limited(16 * 2 * 22 * model.readout.part * 5):
        parts = delete_each(model, batch)
    assert torch.allclose(torch.softmax(whole, dim=-1), torch.softmax(parts, dim=-1), atol=1e-6)


def test_fallbacks_serve_a_model_with_four_members() -> None:
    bare, full = OnlyFourMembers(), tiny.model()
    assert isinstance(bare, AuditedModel)
    assert not isinstance(bare, Deletes)
    texts = tiny.instances(2, 11)
    for name, measure in MEASURES.items():
        if name in OF_LAYERS:
            continue
        expected = measure(full, full.encode(texts))
        assert torch.allclose(measure(bare, bare.encode(texts)), expected, atol=1e-6), name


def test_unknown_words_and_odd_text_are_encoded() -> None:
    model = tiny.model()
    odd = [
        Instance("odd", {"text": t}, 0) for t in ("zzzz qqqq", "مرحبا بالعالم", "👩‍👩‍👧 ok", "我喜欢", "!!!")
    ]
    batch = model.encode(odd)
    assert batch.n_audited.tolist() == [2, 2, 2, 3, 3]
    assert torch.isfinite(model.trace(batch).logits).all()


def test_a_text_without_a_token_is_refused() -> None:
    with pytest.raises(DataError, match="no token"):
        tiny.model().encode([Instance("blank", {"text": " \t\n"}, 0)])
    with pytest.raises(DataError, match="field `text`"):
        tiny.model().encode([Instance("other", {"premise": "x"}, 0)])
