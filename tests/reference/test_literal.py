"""The engine against the protocol done word for word: small models of every encoder, attention and task."""

import numpy as np
import pytest
import torch

from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.importance import MEASURES
from attnaudit.models.attentive import POOL, AttentiveModel
from attnaudit.models.interface import delete_each, replay
from benchmarks.literal import protocol
from benchmarks.literal.model import LiteralModel
from tests import tiny

FORMS = {
    "binary": {},
    "three": {"classes": ("red", "green", "blue")},
    "nli": {"query": True, "classes": ("neutral", "contradiction", "entailment")},
    "cloze": {"query": True, "classes": tiny.WORDS, "cloze": True},
}
LENGTHS = (2, 3, 9, 14, 30)


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> dict:
    return FORMS[request.param]


@pytest.fixture(params=["bilstm", "cnn", "average"])
def encoder(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["additive", "dot"])
def model(request: pytest.FixtureRequest, encoder: str, form: dict) -> AttentiveModel:
    return tiny.model(encoder, request.param, **form)


@torch.no_grad()
def test_output_and_attention(model: AttentiveModel) -> None:
    batch, literal = model.encode(tiny.instances(*LENGTHS)), LiteralModel(model)
    trace, encoded = model.trace(batch), literal.encode(batch)
    attention = literal.attention(encoded)
    assert torch.allclose(trace.attention[POOL][:, 0, 0], attention, atol=1e-6)
    assert torch.allclose(
        torch.softmax(trace.logits[:, 0], -1), literal.decode(encoded, attention), atol=1e-6
    )


@torch.no_grad()
def test_leave_one_out(model: AttentiveModel) -> None:
    batch = model.encode(tiny.instances(*LENGTHS))
    whole = torch.softmax(model.trace(batch).logits[:, 0], -1)
    found = 0.5 * (torch.softmax(delete_each(model, batch), -1) - whole[:, None]).abs().sum(-1)
    literal = protocol.leave_one_out(LiteralModel(model), batch)
    assert literal.max() > 1e-3
    assert torch.allclose(found, literal, atol=1e-5)


def test_gradient(model: AttentiveModel) -> None:
    batch = model.encode(tiny.instances(*LENGTHS))
    found = MEASURES["gradient_detached"](model, batch)[:, 0] * batch.audit_mask
    literal = protocol.gradient(LiteralModel(model), batch)
    assert literal.max() > 1e-4
    assert torch.allclose(found, literal, atol=1e-6, rtol=1e-3)


@torch.no_grad()
def test_outputs_under_other_attentions(model: AttentiveModel) -> None:
    batch, literal = model.encode(tiny.instances(*LENGTHS)), LiteralModel(model)
    draws = torch.rand(len(batch), 20, batch.token_ids.shape[1]) * batch.audit_mask[:, None]
    draws = draws / draws.sum(-1, keepdim=True)
    found = torch.softmax(replay(model, batch, model.trace(batch), draws[:, :, None]), -1)
    expected = protocol.outputs_under(literal, literal.encode(batch), draws)
    assert torch.allclose(found.float(), expected, atol=1e-6)


def test_median_change_under_permutation_is_near(model: AttentiveModel) -> None:
    """Different draws of the same distribution."""
    torch.manual_seed(0)
    batch = model.encode(tiny.instances(9, 14, 30))
    permuted = COUNTERFACTUALS["permuted"](draws=300)
    with torch.no_grad():
        rows = permuted(model, batch, model.trace(batch), seed=0).to_pylist()
    literal = protocol.permutation(LiteralModel(model), batch, draws=300)
    for name, expected in zip(batch.instance_ids, literal.tolist(), strict=True):
        changes = [
            row["output_tvd"] for row in rows if row["instance_id"] == name and row["kind"] == "permuted"
        ]
        spread = np.subtract(*np.quantile(changes, [0.65, 0.35]))
        assert abs(np.median(changes) - expected) <= max(spread, 1e-4)


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_the_search_is_never_above_what_is_proved(encoder: str, attention: str, form: dict) -> None:
    torch.manual_seed(0)
    model = tiny.model(encoder, attention, **form)
    batch = model.encode(tiny.instances(3, 9, 14))
    with torch.no_grad():
        rows = COUNTERFACTUALS["adversarial"](epsilon=0.05)(
            model, batch, model.trace(batch), seed=0
        ).to_pylist()
    weights, found = protocol.search(LiteralModel(model), batch, 0.05, steps=60)
    assert torch.allclose(weights.sum(-1), torch.ones(len(batch)), atol=1e-5)
    for row, distance in zip(rows, found.tolist(), strict=True):
        upper = row["attention_jsd"] if row["certified_upper_jsd"] is None else row["certified_upper_jsd"]
        assert distance <= upper + 1e-4
