"""The paper's network in plain torch: packed LSTM, convolutions or a projection; attention; a read-out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attnaudit.core import Batch
from attnaudit.models.attentive import AttentiveModel


@dataclass(frozen=True, slots=True)
class Encoded:
    """States [batch, token, dim], the query's vector [batch, dim] or None, and what may be attended and answered."""

    states: Tensor
    query: Tensor | None
    allowed: Tensor
    candidates: Tensor | None


class LiteralModel(nn.Module):
    """The same weights as an `AttentiveModel`, in a network of its own."""

    def __init__(self, model: AttentiveModel) -> None:
        super().__init__()
        state, kind = model.state_dict(), model.settings["encoder"]
        self.dot = model.settings["attention"] == "dot"
        self.reads_query = model.settings["query"] is not None
        self.embedding = _embedding(state["embedding.weight"])
        self.encoder = _ENCODERS[kind](_within(state, "encoder."))
        if self.reads_query:
            self.query_embedding = _embedding(state["query_embedding.weight"])
            self.query_encoder = _ENCODERS[kind](_within(state, "query_encoder."))
        self.scorer = nn.ModuleDict(_linear_layers(_within(state, "scorer.")))
        layers = _within(state, "readout.")
        self.readout = nn.ModuleDict(
            _linear_layers(
                layers if self.reads_query else {f"output.{name}": value for name, value in layers.items()}
            )
        )

    def encode(self, batch: Batch) -> Encoded:
        """States of the attended text, and the vector of the query from the encoder of its own."""
        states, _ = self.encoder(self.embedding(batch.token_ids), batch.token_mask)
        query = None
        if self.reads_query:
            _, query = self.query_encoder(self.query_embedding(batch.query_ids), batch.query_mask)
        return Encoded(states, query, batch.audit_mask, batch.candidate_mask)

    def attention(self, encoded: Encoded) -> Tensor:
        """Weights [batch, token] over the allowed tokens."""
        states, query = encoded.states, encoded.query
        if self.dot:
            scores = (
                self.scorer["direction"](states)[..., 0]
                if query is None
                else torch.bmm(states, query[:, :, None])[..., 0]
            ) / states.shape[-1] ** 0.5
        else:
            inner = self.scorer["projection"](states)
            if query is not None:
                inner = inner + self.scorer["query_projection"](query)[:, None]
            scores = self.scorer["direction"](torch.tanh(inner))[..., 0]
        return torch.softmax(scores.masked_fill(~encoded.allowed, -float("inf")), dim=-1)

    def decode(self, encoded: Encoded, attention: Tensor) -> Tensor:
        """Class probabilities [batch, output] under the given attention."""
        context = (attention[..., None] * encoded.states).sum(dim=1)
        if encoded.query is None:
            logits = self.readout["output"](context)
            if logits.shape[-1] == 1:
                positive = torch.sigmoid(logits)
                return torch.cat([1 - positive, positive], dim=-1)
        else:
            inner = self.readout["projection"](context) + self.readout["query_projection"](encoded.query)
            logits = self.readout["output"](torch.tanh(inner))
        if encoded.candidates is not None:
            logits = logits.masked_fill(~encoded.candidates, -float("inf"))
        return torch.softmax(logits, dim=-1)

    def forward(self, batch: Batch) -> Tensor:
        """Class probabilities [batch, output]."""
        encoded = self.encode(batch)
        return self.decode(encoded, self.attention(encoded))


class PackedLstm(nn.Module):
    """A packed bidirectional LSTM; the summary is where each direction ends."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        weights = {name.removeprefix("forward_lstm."): v for name, v in state.items() if "forward" in name}
        for name, value in state.items():
            if name.startswith("backward_lstm."):
                weights[f"{name.removeprefix('backward_lstm.')}_reverse"] = value
        gates, size = weights["weight_ih_l0"].shape
        self.lstm = nn.LSTM(size, gates // 4, bidirectional=True, batch_first=True)
        self.lstm.load_state_dict(weights)

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        lengths = mask.sum(dim=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(inputs, lengths, batch_first=True, enforce_sorted=False)
        states, (last, _) = self.lstm(packed)
        states, _ = nn.utils.rnn.pad_packed_sequence(states, batch_first=True, total_length=inputs.shape[1])
        return states, torch.cat([last[0], last[1]], dim=-1)


class Convolutions(nn.Module):
    """Convolutions side by side, then ReLU; the summary is the largest value of each unit."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        while f"convolutions.{len(self.convolutions)}.weight" in state:
            weight = state[f"convolutions.{len(self.convolutions)}.weight"]
            units, size, width = weight.shape
            self.convolutions.append(nn.Conv1d(size, units, width, padding=width // 2))
        self.load_state_dict(state)

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        inputs = (inputs * mask[..., None]).transpose(1, 2)
        states = torch.relu(torch.cat([layer(inputs) for layer in self.convolutions], dim=1))
        states = states.transpose(1, 2) * mask[..., None]
        return states, states.max(dim=1).values


class Projection(nn.Module):
    """A linear layer a token, then tanh; the summary is the mean."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        units, size = state["projection.weight"].shape
        self.projection = nn.Linear(size, units)
        self.load_state_dict(state)

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        states = torch.tanh(self.projection(inputs)) * mask[..., None]
        return states, states.sum(dim=1) / mask.sum(dim=1, keepdim=True)


_ENCODERS = {"bilstm": PackedLstm, "cnn": Convolutions, "average": Projection}


def _within(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _embedding(weight: Tensor) -> nn.Embedding:
    return nn.Embedding.from_pretrained(weight.clone(), freeze=False, padding_idx=0)


def _linear_layers(state: dict[str, Tensor]) -> dict[str, nn.Linear]:
    layers = {}
    for name in dict.fromkeys(full.rpartition(".")[0] for full in state):
        weight, bias = state[f"{name}.weight"], state.get(f"{name}.bias")
        layers[name] = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
        layers[name].load_state_dict(_within(state, f"{name}."))
    return layers
