"""The paper's text classifier: embedding, encoder, attention over the states, linear read-out.

One class, put together from an encoder and a scorer by name; the vocabulary and the tokeniser travel with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnaudit import text
from attnaudit.core import Batch, Embedding, Evidence, Intervention, Site, Trace
from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.models.attention import Additive, Dot, attend
from attnaudit.models.encoders import ENCODERS, SharesDeletions
from attnaudit.models.interface import delete_each_by_trace

SCORERS: dict[str, type[Additive] | type[Dot]] = {"additive": Additive, "dot": Dot}

POOL = Site("pool", "pool")


class AttentiveClassifier(nn.Module):
    """Embedding → encoder → attention → linear → class probabilities.

    A binary model has one logit z, given as the two columns (0, z).
    """

    sites: tuple[Site, ...] = (POOL,)

    def __init__(
        self,
        vocabulary: text.Vocabulary,
        classes: Sequence[str],
        *,
        tokeniser: str = "words-1",
        encoder: str = "bilstm",
        attention: str = "additive",
        embedding: int = 300,
        hidden: int = 128,
    ) -> None:
        """Weights are drawn from torch's global generator, as in all of `torch.nn`."""
        super().__init__()
        self.vocabulary = vocabulary
        self.classes = tuple(classes)
        self.settings = {
            "tokeniser": tokeniser,
            "encoder": encoder,
            "attention": attention,
            "embedding": embedding,
            "hidden": hidden,
        }
        self._tokenise = text.TOKENISERS[tokeniser]
        self._index = vocabulary.index()
        self.embedding = nn.Embedding(len(vocabulary), embedding, padding_idx=text.PAD)
        self.encoder = ENCODERS[encoder](embedding, hidden)
        self.scorer = SCORERS[attention](self.encoder.dim)
        self.readout = nn.Linear(self.encoder.dim, 1 if len(self.classes) == 2 else len(self.classes))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding.weight.device

    def encode(self, instances: Sequence[Instance]) -> Batch:
        """Start marker, tokens, end marker, padding; unknown words share one id.

        Raises:
            DataError: an instance without a field `text`, or with no token in it.
        """
        rows = [self._tokens(instance) for instance in instances]
        start, end = self.vocabulary.words[text.START], self.vocabulary.words[text.END]
        return replace(
            self.pad([self._ids(row) for row in rows]),
            instance_ids=tuple(instance.id for instance in instances),
            tokens=tuple((start, *(token.text for token in row), end) for row in rows),
            offsets=tuple((None, *((token.start, token.end) for token in row), None) for row in rows),
        )

    def token_ids(self, instance: Instance) -> list[int]:
        """Ids of one instance, markers included, as `pad` takes them."""
        return self._ids(self._tokens(instance))

    def pad(self, rows: Sequence[Sequence[int]]) -> Batch:
        """A batch of ids alone, without the tokens' texts; what training needs."""
        lengths = torch.tensor([len(row) for row in rows])
        ids = nn.utils.rnn.pad_sequence(
            [torch.tensor(row) for row in rows], batch_first=True, padding_value=text.PAD
        )
        places = torch.arange(ids.shape[1])
        real = places < lengths[:, None]
        audited = real & (places > 0) & (places < lengths[:, None] - 1)
        return Batch((), (), (), ids.to(self.device), real.to(self.device), audited.to(self.device))

    def embed(self, batch: Batch) -> Embedding:
        """Word vectors, [batch, token, dim]."""
        return self.embedding(batch.token_ids)

    def trace(
        self, batch: Batch, *, embedding: Embedding | None = None, intervention: Intervention | None = None
    ) -> Trace:
        """One forward pass; `states` of the trace are the encoder's, [batch, token, dim]."""
        inputs = self.embed(batch) if embedding is None else embedding
        states = self.encoder(inputs, batch.token_mask)
        weights = attend(self.scorer(states), batch.audit_mask, POOL, intervention)
        context = torch.einsum("bt,btd->bd", weights, states)
        logits = _by_class(self.readout(context))
        return Trace(logits[:, None, :], {POOL: weights[:, None, None, :]}, states)

    def evidence(self, batch: Batch, trace: Trace) -> Evidence:
        """What each token adds to each logit when it has all the attention, in float64."""
        states = trace.states
        assert isinstance(states, Tensor)
        weight, bias = self.readout.weight.double(), self.readout.bias.double()
        coefficients = _by_class(states.double() @ weight.T).transpose(1, 2)
        return Evidence(coefficients, _by_class(bias[None, :]).expand(len(batch), -1))

    def replay(
        self, batch: Batch, trace: Trace, attention: Float[Tensor, "batch draw head token"]
    ) -> Float[Tensor, "batch draw output"]:
        """Logits under each attention, in float64: one product over the evidence."""
        evidence = self.evidence(batch, trace)
        return (
            torch.einsum("bdt,bot->bdo", attention[:, :, 0].double(), evidence.coefficients)
            + evidence.bias[:, None]
        )

    @torch.no_grad()
    def delete_each(self, batch: Batch) -> Float[Tensor, "batch token output"]:
        """Logits with each audited token left out; the encoder recomputes only the states that change.

        Memory grows with the square of the length: a score and a logit's worth for each pair of tokens.
        """
        if not isinstance(self.encoder, SharesDeletions):
            return delete_each_by_trace(self, batch)
        deletable = batch.audit_mask & (batch.n_audited > 1)[:, None]
        states, changes = self.encoder.deletions(self.embed(batch), batch.token_mask, deletable)
        scores, logits = self.scorer(states), self.readout(states)
        width = batch.token_ids.shape[1]
        all_scores = scores[:, None, :].repeat(1, width, 1)  # [batch, deleted, token]
        all_logits = logits[:, None, :, :].repeat(1, width, 1, 1)  # [batch, deleted, token, output]
        for change in changes:
            all_scores[change.rows, change.deleted, change.positions] = self.scorer(change.states)
            all_logits[change.rows, change.deleted, change.positions] = self.readout(change.states)
        gone = torch.eye(width, dtype=torch.bool, device=self.device) & deletable[:, None, :]
        allowed = batch.audit_mask[:, None, :] & ~gone
        weights = torch.softmax(all_scores.masked_fill(~allowed, float("-inf")), dim=-1)
        return _by_class(torch.einsum("bdt,bdto->bdo", weights, all_logits))

    def _ids(self, tokens: Sequence[text.Token]) -> list[int]:
        return [text.START, *(self._index.get(token.text, text.UNKNOWN) for token in tokens), text.END]

    def _tokens(self, instance: Instance) -> list[text.Token]:
        if "text" not in instance.fields:
            raise DataError(
                f"instance `{instance.id}` must have a field `text`, found {sorted(instance.fields)}"
            )
        tokens = self._tokenise(instance.fields["text"])
        if not tokens:
            raise DataError(
                f"instance `{instance.id}` has no token in its text {instance.fields['text']!r:.60}"
            )
        return tokens


def _by_class(logits: Float[Tensor, "*rows output"]) -> Float[Tensor, "*rows output_by_class"]:
    """One logit z as the two columns (0, z); several as they are."""
    return torch.cat([torch.zeros_like(logits), logits], dim=-1) if logits.shape[-1] == 1 else logits
