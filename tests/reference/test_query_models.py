"""The QA and NLI models against the same network written out in plain torch, one text at a time."""

import pytest
import torch
from captum.attr import InputXGradient
from torch import nn

from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models import load, save, to_plain
from tests import tiny

NLI = ("neutral", "contradiction", "entailment")


def lstm_of(state: dict[str, torch.Tensor], name: str) -> nn.LSTM:
    lstm = nn.LSTM(12, 16, bidirectional=True, batch_first=True)
    lstm.load_state_dict({k.removeprefix(name): v for k, v in state.items() if k.startswith(name)})
    return lstm.double()


def written_out(model, instance: Instance, *, embedding=None, constant_weights: bool = False) -> torch.Tensor:
    """Class probabilities of one text in float64, from the plain weights, with loops where the model has none."""
    state = {name: value.double() for name, value in to_plain(model).items()}
    ids = model.encoding.ids(instance)
    embedding = state["embedding.weight"][ids.tokens] if embedding is None else embedding
    states = lstm_of(state, "lstm.")(embedding[None])[0][0]
    asked = state["query_embedding.weight"][ids.query]
    _, (last, _) = lstm_of(state, "query_lstm.")(asked[None])
    query = torch.cat([last[0, 0], last[1, 0]])
    scores = []
    for h in states[1:-1]:
        if model.settings["attention"] == "dot":
            scores.append(h @ query / 32**0.5)
        else:
            inner = state["scorer.projection.weight"] @ h + state["scorer.projection.bias"]
            inner = inner + state["scorer.query_projection.weight"] @ query
            inner = torch.tanh(inner + state["scorer.query_projection.bias"])
            scores.append(state["scorer.direction.weight"][0] @ inner)
    weights = torch.softmax(torch.stack(scores), 0)
    if constant_weights:
        weights = weights.detach()
    context = sum(w * h for w, h in zip(weights, states[1:-1], strict=True))
    inner = state["readout.projection.weight"] @ context + state["readout.projection.bias"]
    inner = inner + state["readout.query_projection.weight"] @ query + state["readout.query_projection.bias"]
    logits = state["readout.output.weight"] @ torch.tanh(inner) + state["readout.output.bias"]
    if ids.candidates is not None:
        impossible = [k for k in range(len(logits)) if k not in ids.candidates]
        logits[impossible] = -torch.inf
    return torch.softmax(logits, 0)


@pytest.mark.parametrize("attention", ["additive", "dot"])
@pytest.mark.parametrize(
    "form", [{"classes": NLI}, {"classes": tiny.WORDS, "cloze": True}], ids=["nli", "qa"]
)
def test_output_is_that_of_the_network_written_out(attention: str, form: dict) -> None:
    model = tiny.model("bilstm", attention, query=True, **form)
    texts = tiny.instances(1, 7, 25)
    together = tiny.outputs(model, texts)
    for row, instance in enumerate(texts):
        assert torch.allclose(together[row], written_out(model, instance), atol=2e-6)


@pytest.mark.parametrize("attention", ["additive", "dot"])
def test_detached_gradient_is_that_of_constant_weights(attention: str) -> None:
    model = tiny.model("bilstm", attention, query=True, classes=NLI, sharp=1.0)
    texts = tiny.instances(3, 9)
    found = MEASURES["gradient_detached"](model, model.encode(texts))[:, 0]
    for row, instance in enumerate(texts):
        ids = model.encoding.ids(instance).tokens
        embedding = model.embedding.weight[ids].double().clone().requires_grad_(True)
        output = written_out(model, instance, embedding=embedding, constant_weights=True)
        (gradient,) = torch.autograd.grad(output.max(), embedding)
        expected = (gradient * embedding).sum(-1).abs()
        assert expected.max() > 1e-4
        assert torch.allclose(found[row, : len(ids)].double(), expected, atol=1e-7, rtol=1e-4)


@pytest.mark.parametrize("encoder", ["bilstm", "cnn", "average"])
def test_full_gradient_is_captums(encoder: str) -> None:
    model = tiny.model(encoder, query=True, classes=NLI, sharp=1.0)
    batch = model.encode(tiny.instances(3, 8, 20))
    predicted = model.trace(batch).logits[:, 0].argmax(-1)

    def probability(embedding: torch.Tensor) -> torch.Tensor:
        return model.trace(batch, embedding=embedding).output[:, 0]

    embedding = model.embed(batch).clone().requires_grad_(True)
    expected = InputXGradient(probability).attribute(embedding, target=predicted).sum(-1).abs()
    found = MEASURES["gradient_full"](model, batch)[:, 0]
    assert found.max() > 1e-4
    assert torch.allclose(found, expected.float(), atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("encoder", ["bilstm", "cnn", "average"])
def test_leave_one_out_deletes_from_the_attended_text_and_leaves_the_query(encoder: str) -> None:
    model = tiny.model(encoder, query=True, classes=NLI)
    texts = tiny.instances(2, 12)
    scores = MEASURES["leave_one_out"](model, model.encode(texts))[:, 0]
    whole = tiny.outputs(model, texts)
    assert scores.max() > 0.01
    for row, instance in enumerate(texts):
        words = instance.fields["text"].split()
        for place in range(len(words)):
            fields = dict(instance.fields) | {"text": " ".join(words[:place] + words[place + 1 :])}
            change = 0.5 * (tiny.outputs(model, [Instance("x", fields, 0)])[0] - whole[row]).abs().sum()
            assert scores[row, place + 1].item() == pytest.approx(change.item(), abs=1e-5)


def test_the_summary_of_a_query_does_not_depend_on_its_company() -> None:
    for encoder in ("bilstm", "cnn", "average"):
        model = tiny.model(encoder, query=True, classes=NLI)
        short = Instance("a", {"text": "ba be bi", "question": "da"}, 0)
        long = Instance("b", {"text": "ba be bi", "question": " ".join(tiny.WORDS)}, 0)
        assert torch.allclose(
            tiny.outputs(model, [short, long])[0], tiny.outputs(model, [short])[0], atol=1e-6
        )


def test_saved_model_comes_back_whole(tmp_path) -> None:
    model = tiny.model("cnn", "dot", query=True, classes=tiny.WORDS, cloze=True)
    save(model, tmp_path / "m.safetensors")
    back = load(tmp_path / "m.safetensors")
    assert (back.settings, back.encoding) == (model.settings, model.encoding)
    assert torch.equal(tiny.outputs(back, tiny.instances(9)), tiny.outputs(model, tiny.instances(9)))
