"""The encoder against PyTorch's packed bidirectional LSTM; leave-one-out against deleting words from the text."""

import pytest
import torch
from torch import nn

from attnaudit.errors import ModelError
from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models import from_plain, load, save, to_plain
from attnaudit.models.encoders import BiLstm
from tests import tiny


def packed(state: dict[str, torch.Tensor], inputs: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    lstm = nn.LSTM(inputs.shape[-1], 8, bidirectional=True, batch_first=True)
    lstm.load_state_dict(state)
    lengths = mask.sum(1)
    rows = nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
    return nn.utils.rnn.pad_packed_sequence(lstm(rows)[0], batch_first=True, total_length=inputs.shape[1])[0]


def test_bilstm_equals_the_packed_bidirectional_lstm_gradients_too() -> None:
    torch.manual_seed(0)
    encoder = BiLstm(5, 8)
    state = {}
    for name, value in encoder.state_dict().items():
        direction, name = name.split(".")
        state[name + ("_reverse" if direction == "backward_lstm" else "")] = value
    mask = torch.tensor([[True] * n + [False] * (9 - n) for n in (9, 1, 4, 6)])
    inputs = torch.randn(4, 9, 5, requires_grad=True)
    ours, theirs = encoder(inputs, mask), packed(state, inputs, mask)
    assert torch.allclose(ours, theirs, atol=1e-6)
    weights = torch.randn_like(ours)
    ours_gradient = torch.autograd.grad((ours * weights).sum(), inputs)[0]
    theirs_gradient = torch.autograd.grad((theirs * weights).sum(), inputs)[0]
    assert torch.allclose(ours_gradient, theirs_gradient, atol=1e-6)


@pytest.mark.parametrize(
    ("encoder", "attention"), [("bilstm", "additive"), ("cnn", "dot"), ("average", "additive")]
)
def test_leave_one_out_is_what_deleting_the_word_gives(encoder: str, attention: str) -> None:
    model = tiny.model(encoder, attention)
    texts = tiny.instances(2, 9, 40)
    scores = MEASURES["leave_one_out"](model, model.encode(texts))[:, 0]
    whole = tiny.outputs(model, texts)
    assert scores.max() > 0.05
    for row, instance in enumerate(texts):
        words = instance.fields["text"].split()
        for place in range(len(words)):
            shorter = Instance("shorter", {"text": " ".join(words[:place] + words[place + 1 :])}, 0)
            change = 0.5 * (tiny.outputs(model, [shorter])[0] - whole[row]).abs().sum()
            assert scores[row, place + 1].item() == pytest.approx(change.item(), abs=1e-5)


def test_plain_weights_give_the_same_model_in_plain_torch() -> None:
    """The plain form, built with nothing but `torch.nn`, gives the outputs of the audited model."""
    model = tiny.model()
    state = to_plain(model)
    lstm = nn.LSTM(12, 16, bidirectional=True, batch_first=True)
    lstm.load_state_dict({k.removeprefix("lstm."): v for k, v in state.items() if k.startswith("lstm.")})
    for instance in tiny.instances(1, 7, 25):
        ids = torch.tensor([model.encoding.ids(instance).tokens])
        states = lstm(state["embedding.weight"][ids])[0]
        hidden = torch.tanh(states @ state["scorer.projection.weight"].T + state["scorer.projection.bias"])
        scores = (hidden @ state["scorer.direction.weight"].T)[0, 1:-1, 0]
        context = torch.softmax(scores, 0) @ states[0, 1:-1]
        logit = context @ state["readout.weight"][0] + state["readout.bias"][0]
        expected = torch.sigmoid(logit.double())
        assert tiny.outputs(model, [instance])[0, 1].item() == pytest.approx(expected.item(), abs=1e-6)


def test_weights_travel_both_ways() -> None:
    model, other = tiny.model(seed=1), tiny.model(seed=2)
    texts = tiny.instances(4, 11)
    assert not torch.allclose(tiny.outputs(model, texts), tiny.outputs(other, texts))
    from_plain(other, to_plain(model))
    assert torch.equal(tiny.outputs(model, texts), tiny.outputs(other, texts))


def test_weights_that_do_not_fit_are_all_named() -> None:
    model = tiny.model()
    state = to_plain(model)
    del state["readout.bias"]
    state["lstm.weight_ih_l1"] = torch.zeros(2)
    state["embedding.weight"] = torch.zeros(3, 12)
    with pytest.raises(
        ModelError, match=r"readout.bias` is missing.*weight_ih_l1` is unknown.*must have the shape"
    ):
        from_plain(model, state)
    with pytest.raises(ModelError, match="`cnn`"):
        to_plain(tiny.model("cnn"))


def test_saved_model_comes_back_whole(tmp_path) -> None:
    model = tiny.model("cnn", "dot")
    save(model, tmp_path / "m.safetensors")
    back = load(tmp_path / "m.safetensors")
    assert (back.settings, back.classes, back.vocabulary) == (model.settings, model.classes, model.vocabulary)
    assert torch.equal(tiny.outputs(back, tiny.instances(9)), tiny.outputs(model, tiny.instances(9)))
    (tmp_path / "bad.safetensors").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="no model can be read"):
        load(tmp_path / "bad.safetensors")


@pytest.mark.parametrize("name", ["builtins:print", "os:kill", "math:sqrt"])
def test_a_file_of_weights_does_not_decide_what_is_run(tmp_path, name: str, capsys) -> None:
    model = tiny.model()
    model.settings["encoder"] = name
    save(model, tmp_path / "m.safetensors")
    with pytest.raises(ModelError, match=r"must be a class of `torch.nn.Module`|import the module"):
        load(tmp_path / "m.safetensors")
    assert capsys.readouterr().out == ""
