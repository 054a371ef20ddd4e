"""Gradients against captum, and against a graph written out with the attention as constants."""

import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients

from attnaudit.importance import MEASURES
from attnaudit.importance.integrated import attributed
from tests import tiny

COMBINATIONS = [(e, a) for e in ("bilstm", "cnn", "average") for a in ("additive", "dot")]


@pytest.mark.parametrize(("encoder", "attention"), COMBINATIONS)
def test_full_gradient_is_captums(encoder: str, attention: str) -> None:
    model = tiny.model(encoder, attention, sharp=1.0)
    batch = model.encode(tiny.instances(3, 8, 20))
    predicted = model.trace(batch).logits[:, 0].argmax(-1)

    def probability(embedding: torch.Tensor) -> torch.Tensor:
        return model.trace(batch, embedding=embedding).output[:, 0]

    embedding = model.embed(batch).clone().requires_grad_(True)
    expected = InputXGradient(probability).attribute(embedding, target=predicted).sum(-1).abs()
    found = MEASURES["gradient_full"](model, batch)[:, 0]
    assert found.max() > 1e-4
    assert torch.allclose(found, expected.float(), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize(("encoder", "attention"), COMBINATIONS)
def test_detached_gradient_is_that_of_constant_weights(encoder: str, attention: str) -> None:
    model = tiny.model(encoder, attention, sharp=1.0)
    batch = model.encode(tiny.instances(3, 8, 20))
    weights = model.trace(batch).attention[model.sites[0]][:, 0, 0]
    embedding = model.embed(batch).clone().requires_grad_(True)
    states = model.encoder(embedding, batch.token_mask)
    context = torch.stack(
        [sum(w * h for w, h in zip(*row, strict=True)) for row in zip(weights, states, strict=True)]
    )
    probability = torch.sigmoid(context @ model.readout.weight[0] + model.readout.bias[0])
    (gradient,) = torch.autograd.grad(probability.sum(), embedding)
    expected = (gradient * embedding).sum(-1).abs()
    found = MEASURES["gradient_detached"](model, batch)[:, 0]
    assert torch.allclose(found, expected, atol=1e-7, rtol=1e-4)
    if attention == "additive":
        assert not torch.allclose(found, MEASURES["gradient_full"](model, batch)[:, 0], rtol=1e-2)


@pytest.mark.parametrize("bias", [25.0, -25.0])
def test_confident_outputs_of_either_class_keep_their_gradient(bias: float) -> None:
    model = tiny.model(sharp=1.0)
    with torch.no_grad():
        model.readout.bias += bias
    batch = model.encode(tiny.instances(6))
    scores = MEASURES["gradient_detached"](model, batch)[0, 0, 1:7]
    assert scores.min() > 0
    assert len(scores.unique()) == 6


def test_a_saturated_output_has_gradient_zero() -> None:
    model = tiny.model()
    with torch.no_grad():
        model.readout.bias += 2000
    batch = model.encode(tiny.instances(6))
    assert (MEASURES["gradient_detached"](model, batch) == 0).all()


@pytest.mark.parametrize(("encoder", "attention"), COMBINATIONS)
def test_integrated_gradients_are_captums(encoder: str, attention: str) -> None:
    model = tiny.model(encoder, attention, sharp=1.0)
    batch = model.encode(tiny.instances(3, 8, 20))
    predicted = model.trace(batch).logits[:, 0].argmax(-1)

    def probability(embedding: torch.Tensor) -> torch.Tensor:
        copies = batch.take(torch.arange(len(embedding)) % len(batch))
        return model.trace(copies, embedding=embedding).output[:, 0]

    embedding = model.embed(batch).clone().requires_grad_(True)
    expected = IntegratedGradients(probability).attribute(embedding, target=predicted, n_steps=50)
    found = attributed(model, batch, 50)[:, 0]
    assert found.abs().max() > 1e-3
    assert torch.allclose(found, expected.sum(-1).float(), atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize(
    "form", [{}, {"classes": ("a", "b", "c")}, {"query": True, "classes": ("a", "b", "c")}]
)
def test_integrated_gradients_are_complete(form: dict) -> None:
    """The attributions of a text add up to what its words change in the output."""
    model = tiny.model(sharp=1.0, **form)
    batch = model.encode(tiny.instances(3, 8, 20))
    embedding = model.embed(batch)
    output = model.trace(batch).output[:, 0]
    nothing = model.trace(batch, embedding=torch.zeros_like(embedding)).output[:, 0]
    rows, predicted = torch.arange(len(batch)), output.argmax(-1)
    found = attributed(model, batch, 100).sum(dim=-1)[:, 0]
    assert torch.allclose(found, (output - nothing)[rows, predicted], atol=1e-5)
