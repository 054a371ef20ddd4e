"""The paper's models, put together from parts: embedding, encoder, attention over the states, read-out.

One class for every task. Without a query it is a text classifier; with one (the question of QA, the hypothesis of
NLI) a second encoder reads the query, and attention and read-out look at both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnaudit import memory, text
from attnaudit.core import Batch, Embedding, Intervention, Site, Trace
from attnaudit.errors import ModelError
from attnaudit.instance import Instance
from attnaudit.models.attention import Additive, Dot, Scorer, Uniform, attend
from attnaudit.models.deletions import SharesDeletions
from attnaudit.models.encoders import encoder_named
from attnaudit.models.encoding import Encoding, Ids
from attnaudit.models.interface import delete_each_by_trace
from attnaudit.models.left_out import logits_without
from attnaudit.models.readout import LinearHead, TanhHead
from attnaudit.readout import Readout

SCORERS: dict[str, type[Scorer]] = {"additive": Additive, "dot": Dot, "uniform": Uniform}

BORROWED = "borrowed"
"""Attention that is another model's, in place of one that is learned."""

POOL = Site("pool", "pool")

_BYTES_LEFT_OUT = 16
"""Held for each token of a text and each other one that is left out: scores, weights, masks (measured)."""


@dataclass(frozen=True, slots=True)
class States:
    """What a forward pass leaves behind for the fast paths: a state a token, and the vector of the query.

    `readouts` is empty until they are first asked for: every counterfactual on this pass wants the same.
    """

    tokens: Float[Tensor, "batch token dim"]
    query: Float[Tensor, "batch dim"] | None
    readouts: list[Readout] = field(default_factory=list, repr=False)


class AttentiveModel(nn.Module):
    """Embedding → encoder → attention → read-out → class probabilities (Jain & Wallace 2019, section 3).

    A binary text classifier has one logit z, given as the two columns (0, z). With a query the read-out is the
    paper's tanh layer, and a class that cannot be the answer has the logit −∞.

    With `attention="borrowed"` the weights are those that a frozen model inside it, the `lender`, computes for the
    same text; encoder and read-out learn around them (the guide of Wiegreffe & Pinter 2019, section 3.4).
    """

    sites: tuple[Site, ...] = (POOL,)

    def __init__(
        self,
        vocabulary: text.Vocabulary,
        classes: Sequence[str],
        *,
        tokeniser: str = "words-1",
        attended: str = "text",
        query: str | None = None,
        cloze: bool = False,
        encoder: str = "bilstm",
        attention: str = "additive",
        embedding: int = 300,
        hidden: int = 128,
        lender: Mapping[str, Any] | None = None,
    ) -> None:
        """Weights are drawn from torch's global generator, as in all of `torch.nn`; `lender` are its settings.

        Raises:
            ModelError: attention is to be borrowed, and there is no lender.
        """
        super().__init__()
        self.encoding = Encoding(vocabulary, tuple(classes), tokeniser, attended, query, cloze)
        self.settings: dict[str, Any] = {
            "tokeniser": tokeniser,
            "attended": attended,
            "query": query,
            "cloze": cloze,
            "encoder": encoder,
            "attention": attention,
            "embedding": embedding,
            "hidden": hidden,
        }
        self.lender: AttentiveModel | None = None
        if attention == BORROWED:
            if lender is None:
                raise ModelError(
                    f'attention="{BORROWED}" needs the settings of the model that lends it: give `lender`, as the '
                    "`settings` of an `AttentiveModel` have them"
                )
            self.settings["lender"] = dict(lender)
            self.lender = AttentiveModel(vocabulary, classes, **lender).requires_grad_(False)
            attention = "uniform"
        self.embedding = nn.Embedding(len(vocabulary), embedding, padding_idx=text.PAD)
        self.encoder = encoder_named(encoder)(embedding, hidden)
        dim = self.encoder.dim
        self.readout: LinearHead | TanhHead
        if query is None:
            self.scorer = SCORERS[attention](dim)
            self.readout = LinearHead(dim, len(self.classes))
        else:
            self.query_embedding = nn.Embedding(len(vocabulary), embedding, padding_idx=text.PAD)
            self.query_encoder = encoder_named(encoder)(embedding, hidden)
            self.scorer = SCORERS[attention](dim, dim)
            self.readout = TanhHead(dim, dim, len(self.classes))

    @property
    def vocabulary(self) -> text.Vocabulary:
        """The words that the model knows."""
        return self.encoding.vocabulary

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by index."""
        return self.encoding.classes

    @property
    def attended(self) -> str:
        """The field whose words are audited."""
        return self.encoding.attended

    @property
    def query(self) -> str | None:
        """The field that is read beside it, if any."""
        return self.encoding.query

    @property
    def pad_id(self) -> int:
        """What fills a batch up."""
        return text.PAD

    @property
    def mask_id(self) -> int:
        """What stands in place of a masked word: the id that all unknown words share."""
        return text.UNKNOWN

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding.weight.device

    @property
    def bytes_per_token(self) -> int:
        """What a forward and backward pass hold for a token: its vectors and states several times over (measured)."""
        return 4 * (4 * self.embedding.embedding_dim + 18 * self.encoder.dim)

    @torch.no_grad()
    def start_from(self, vectors: Float[Tensor, "word dim"]) -> None:
        """Put the given word vectors in, for the attended text and for the query; they are learned on from there."""
        self.embedding.weight.copy_(vectors)
        if self.encoding.query is not None:
            self.query_embedding.weight.copy_(vectors)

    def encode(self, instances: Sequence[Instance]) -> Batch:
        """Ids, masks and tokens with offsets; see `Encoding.batch`."""
        return self.encoding.batch(instances).to(self.device)

    def length(self, instance: Instance) -> int:
        """How many tokens are read of the attended text, markers included."""
        return len(self.encoding.ids(instance).tokens)

    def n_words(self, instance: Instance) -> int:
        """How many words of it are audited."""
        return self.length(instance) - 2  # less the markers

    def described(self) -> dict[str, Any]:
        """Settings and sizes, plain values for a manifest."""
        parameters = sum(parameter.numel() for parameter in self.parameters())
        return {**self.settings, "vocabulary": len(self.vocabulary), "parameters": parameters}

    def pad(self, rows: Sequence[Ids]) -> Batch:
        """A batch of ids alone, without the tokens' texts; what training needs."""
        return self.encoding.pad(rows).to(self.device)

    def embed(self, batch: Batch) -> Embedding:
        """Word vectors of the attended text, [batch, token, dim]."""
        return self.embedding(batch.token_ids)

    def trace(
        self, batch: Batch, *, embedding: Embedding | None = None, intervention: Intervention | None = None
    ) -> Trace:
        """One forward pass; `states` of the trace are `States`."""
        inputs = self.embed(batch) if embedding is None else embedding
        states, query = self.encoder(inputs, batch.token_mask), self._query(batch)
        if self.lender is None:
            scores = self.scorer(states, None if query is None else query[:, None])
        else:
            with torch.no_grad():
                scores = self.lender.trace(batch).attention[POOL][:, 0, 0].log()
        weights = attend(scores, batch.audit_mask, POOL, intervention)
        context = torch.einsum("bt,btd->bd", weights, states)
        logits = _allowed(self.readout.finish(self.readout.project(context), query), batch)
        return Trace(logits[:, None, :], {POOL: weights[:, None, None, :]}, States(states, query))

    @torch.no_grad()
    def readouts(self, batch: Batch, trace: Trace) -> list[Readout]:
        """For each row the map from the attention on its audited tokens to the logits of its allowed classes."""
        assert isinstance(trace.states, States)
        known = trace.states.readouts
        if not known:
            states, query = _precise(trace), _precise_query(trace)
            known += self._precise_head().readouts(states, query, batch.audit_mask, batch.candidate_mask)
        return list(known)

    def replay(
        self, batch: Batch, trace: Trace, attention: Float[Tensor, "batch draw head token"]
    ) -> Float[Tensor, "batch draw output"]:
        """Logits under each attention, in float64: contexts by one product, then the read-out."""
        head, query = self._precise_head(), _precise_query(trace)
        projected = torch.einsum("bdt,btk->bdk", attention[:, :, 0].double(), head.project(_precise(trace)))
        return _allowed(head.finish(projected, None if query is None else query[:, None]), batch)

    @torch.no_grad()
    def delete_each(self, batch: Batch) -> Float[Tensor, "batch token output"]:
        """Logits with each audited token left out; the encoder recomputes only the states that change.

        Tokens are left out a block at a time, so that memory does not grow with the square of the length.
        """
        if self.lender is not None or not isinstance(self.encoder, SharesDeletions):
            return delete_each_by_trace(self, batch)
        width = batch.token_ids.shape[1]
        left_out = _BYTES_LEFT_OUT * len(batch) * width * self.readout.part
        at_once = max(1, memory.limit() // left_out)
        embedding, query = self.embed(batch), self._query(batch)
        logits = [
            logits_without(
                self.encoder,
                self.scorer,
                self.readout,
                embedding,
                query,
                batch,
                slice(start, start + at_once),
            )
            for start in range(0, width, at_once)
        ]
        return _allowed(torch.cat(logits, dim=1), batch)

    def _query(self, batch: Batch) -> Float[Tensor, "batch dim"] | None:
        """The vector of the query, from an encoder and word vectors of its own."""
        if batch.query_ids is None or batch.query_mask is None:
            return None
        states = self.query_encoder(self.query_embedding(batch.query_ids), batch.query_mask)
        return self.query_encoder.summary(states, batch.query_mask)

    def _precise_head(self) -> LinearHead | TanhHead:
        return deepcopy(self.readout).double().requires_grad_(False)


def _allowed(
    logits: Float[Tensor, "batch *draw output"], batch: Batch
) -> Float[Tensor, "batch *draw output"]:
    """The same logits, −∞ for classes that cannot be the answer."""
    if batch.candidate_mask is None:
        return logits
    mask = batch.candidate_mask.reshape(len(batch), *[1] * (logits.ndim - 2), -1)
    return logits.masked_fill(~mask, float("-inf"))


def _precise(trace: Trace) -> Float[Tensor, "batch token dim"]:
    assert isinstance(trace.states, States)
    return trace.states.tokens.double()


def _precise_query(trace: Trace) -> Float[Tensor, "batch dim"] | None:
    assert isinstance(trace.states, States)
    return None if trace.states.query is None else trace.states.query.double()
