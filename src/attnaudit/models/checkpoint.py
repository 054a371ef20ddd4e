"""Weights on disk (safetensors, never pickle), and to and from a plain `nn.LSTM(bidirectional=True)` model.

The plain form is the state dict of a model with these members, and nothing else:

    embedding  nn.Embedding(words, embedding)
    lstm       nn.LSTM(embedding, hidden, bidirectional=True)
    scorer     `projection` and `direction` (additive) or `direction` (dot): see `models/attention.py`
    readout    nn.Linear(2 · hidden, 1)

so that a model trained elsewhere with the same architecture can be audited on equal weights, and back. A model that
reads a query has `query_embedding` and `query_lstm` besides, and the read-out of `models/readout.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialise
from torch import Tensor

from attnaudit.errors import ModelError
from attnaudit.models.attentive import AttentiveModel
from attnaudit.store import write_atomically
from attnaudit.text import Vocabulary

_FORMAT = 1
_ABOUT = "attnaudit"  # one entry of metadata: safetensors writes several in no fixed order


def to_plain(model: AttentiveModel) -> dict[str, Tensor]:
    """The weights of a BiLSTM model under the names of the plain form; copies, on the CPU."""
    _must_be_bilstm(model)
    return {_plain_name(name): value.detach().cpu().clone() for name, value in model.state_dict().items()}


def from_plain(model: AttentiveModel, state: Mapping[str, Tensor]) -> AttentiveModel:
    """The same model with the weights of a plain state dict in it.

    Raises:
        ModelError: another encoder than `bilstm`, weights that are missing or unknown, or of another shape.
    """
    _must_be_bilstm(model)
    own = model.state_dict()
    wanted = {_plain_name(name): name for name in own}
    faults = [f"`{name}` is missing" for name in wanted if name not in state]
    faults += [f"`{name}` is unknown" for name in state if name not in wanted]
    faults += [
        f"`{plain}` must have the shape {list(own[name].shape)}, found {list(state[plain].shape)}"
        for plain, name in wanted.items()
        if plain in state and state[plain].shape != own[name].shape
    ]
    if faults:
        raise ModelError("the weights do not fit the model: " + "; ".join(faults))
    model.load_state_dict({name: state[plain] for plain, name in wanted.items()})
    return model


def save(model: AttentiveModel, path: str | Path) -> None:
    """Weights, vocabulary, classes and settings in one safetensors file; equal models give equal bytes.

    Raises:
        StoreError: it cannot be written.
    """
    about = {
        "format": _FORMAT,
        "settings": model.settings,
        "classes": model.classes,
        "vocabulary": model.vocabulary.words,
    }
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomically(Path(path), serialise(state, {_ABOUT: json.dumps(about)}))


def load(path: str | Path) -> AttentiveModel:
    """The model that `save` wrote, on the CPU, in evaluation mode.

    Raises:
        ModelError: no such file, not a safetensors file, or one that was written by something else.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: no model can be read from it: {error}") from None
    about = json.loads(metadata.get(_ABOUT, "{}"))
    if about.get("format") != _FORMAT:
        raise ModelError(
            f"{path}: must hold a model of format {_FORMAT}, found {about.get('format', 'none')}; "
            "weights trained elsewhere go through `attnaudit.models.from_plain`"
        )
    vocabulary = Vocabulary(tuple(about["vocabulary"]))
    with torch.random.fork_rng(devices=[]):
        model = AttentiveModel(vocabulary, about["classes"], **about["settings"])
    model.load_state_dict(state)
    return model.eval()


def _plain_name(name: str) -> str:
    """`encoder.backward_lstm.weight_ih_l0` → `lstm.weight_ih_l0_reverse`; other names are the same in both."""
    for own, plain in (("query_encoder.", "query_lstm."), ("encoder.", "lstm.")):
        if name.startswith(own + "forward_lstm."):
            return plain + name.removeprefix(own + "forward_lstm.")
        if name.startswith(own + "backward_lstm."):
            return plain + name.removeprefix(own + "backward_lstm.") + "_reverse"
    return name


def _must_be_bilstm(model: AttentiveModel) -> None:
    if model.settings["encoder"] != "bilstm":
        raise ModelError(
            f"the plain form is that of the encoder `bilstm`, found `{model.settings['encoder']}`"
        )
