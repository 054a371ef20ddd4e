"""Attention as it is written by hand: small models of plain PyTorch, one a way of writing it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH, HEADS, WORDS = 32, 4, 99


def pooled(states: Tensor, padded: Tensor) -> Tensor:
    return states.masked_fill(padded[..., None], 0.0).sum(dim=1)


class Reader(nn.Module):
    """Words in, three logits out; what stands between is `states`, or `attended`."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.out = nn.Linear(WIDTH, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.out(self.attended(self.words(input_ids), attention_mask == 0))


class MultiHead(Reader):
    def __init__(self, need_weights: bool, **more: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, dropout=0.1, batch_first=True, **more)
        self.need_weights = need_weights

    def attended(self, words: Tensor, padded: Tensor) -> Tensor:
        states, self.own_weights = self.attention(
            words,
            words,
            words,
            key_padding_mask=padded,
            need_weights=self.need_weights,
            average_attn_weights=False,
        )
        return pooled(states, padded)


class Encoder(Reader):
    """In eval mode and without gradients torch would take its fast path here, which skips the padding."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, dim_feedforward=40, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)

    def attended(self, words: Tensor, padded: Tensor) -> Tensor:
        return pooled(self.encoder(words, src_key_padding_mask=padded), padded)


class Both(Reader):
    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(WIDTH, HEADS, 2, 2, dim_feedforward=40, batch_first=True)

    def attended(self, words: Tensor, padded: Tensor) -> Tensor:
        later = torch.ones(4, 4, dtype=torch.bool).triu(1)
        return self.transformer(
            words,
            words[:, :4],
            tgt_mask=later,
            src_key_padding_mask=padded,
            memory_key_padding_mask=padded,
        ).mean(dim=1)


class PooledInTheRoot(Reader):
    """Softmax over dimension 1 of [batch, token], or of [batch, token, 1], outside of any module of attention."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.score = nn.Linear(WIDTH, 1)
        self.last = last

    def attended(self, words: Tensor, padded: Tensor) -> Tensor:
        states, _ = self.lstm(words)
        scores = self.score(states).masked_fill(padded[..., None], -torch.inf)
        weights = torch.softmax(scores, dim=1) if self.last else scores.squeeze(2).softmax(1)[..., None]
        return (weights * states).sum(dim=1)


class EinsumAttention(nn.Module):
    """Says nothing of its heads; softmax is a module of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(WIDTH, 3 * WIDTH)
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, states: Tensor, padded: Tensor) -> Tensor:
        query, key, value = self.project(states).unflatten(-1, (3, HEADS, -1)).unbind(dim=2)
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key).masked_fill(padded[:, None, None], -torch.inf)
        return torch.einsum("bhqk,bkhd->bqhd", self.softmax(scores), value).flatten(2)


class AdditiveAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(WIDTH, 8)
        self.score = nn.Linear(8, 1, bias=False)

    def forward(self, states: Tensor, padded: Tensor) -> Tensor:
        scores = self.score(torch.tanh(self.hidden(states))).squeeze(-1)
        weights = nn.functional.softmax(scores.masked_fill(padded, -torch.inf), dim=-1)
        return torch.einsum("bt,btd->bd", weights, states)


class Attending(Reader):
    """Any module of attention that takes states and padding."""

    def __init__(self, attention: nn.Module, *, recurrent: bool = False) -> None:
        super().__init__()
        self.lstm = nn.LSTM(WIDTH, WIDTH // 2, batch_first=True, bidirectional=True) if recurrent else None
        self.attention = attention

    def attended(self, words: Tensor, padded: Tensor) -> Tensor:
        states = words if self.lstm is None else self.lstm(words)[0]
        states = self.attention(states, padded)
        return states if states.ndim == 2 else pooled(states, padded)
