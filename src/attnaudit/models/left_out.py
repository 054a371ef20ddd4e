"""Outputs without each token of a text, from the states that change: attention and read-out, after the encoder.

The context of a text is N / Z with N = Σ exp(score) · part and Z = Σ exp(score) over its tokens, where `part` is what
the head makes of a state. Where further states hardly differ, the encoder gives what they add to N and Z at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from attnaudit.core import Batch
from attnaudit.models.attention import Scorer
from attnaudit.models.deletions import Remainder, SharesDeletions, Slopes
from attnaudit.models.readout import LinearHead, TanhHead

_FEW = 8
"""Most parts of a head whose sums are worth a backward pass each; with more, every changed state is computed."""

_UNDIVIDED = 1 - 1e-6
"""With more weight than this on one token, the others' share is lost in float32, and so is what it changes by."""


@dataclass(frozen=True)
class Attended:
    """A batch of texts whose states are known, with all that follows from them."""

    scorer: Scorer
    head: LinearHead | TanhHead
    states: Float[Tensor, "batch token dim"]
    query: Float[Tensor, "batch dim"] | None
    audited: Bool[Tensor, "batch token"]

    @cached_property
    def inner(self) -> Float[Tensor, "batch token inner"]:
        """What each state is to the scorer, up to where that is linear."""
        return self.scorer.project(self.states)

    @cached_property
    def parts(self) -> Float[Tensor, "batch token part"]:
        """What each state is to the head, up to where that is linear."""
        return self.head.project(self.states)

    @cached_property
    def scores(self) -> Float[Tensor, "batch token"]:
        """The score of each token before the softmax, −∞ where there is nothing to attend to."""
        scores = self.scorer.finish(self.inner, None if self.query is None else self.query[:, None])
        return scores.masked_fill(~self.audited, float("-inf"))

    @cached_property
    def weights(self) -> Float[Tensor, "batch token"]:
        """The model's own attention."""
        return torch.softmax(self.scores, dim=-1)

    def before(self, columns: slice) -> tuple[Float[Tensor, "place inner"], Float[Tensor, "place part"]]:
        """What all other columns of each state are to the scorer, and what these ones were to the head."""
        old = self.states[..., columns]
        inner = self.inner - self.scorer.project(old, columns)
        return inner.flatten(0, 1), self.head.project(old, columns).flatten(0, 1)

    @property
    def few_sums(self) -> bool:
        """Whether following N and Z backwards pays, and float32 can tell what it gives."""
        return self.head.part < _FEW and bool(self.weights.max() < _UNDIVIDED)

    def slopes(self) -> Slopes:
        """Of N (a functional a part) and Z, both over the Z of the whole text."""
        with torch.enable_grad():
            states = self.states.detach().requires_grad_(True)
            query = None if self.query is None else self.query[:, None]
            scores = self.scorer.finish(self.scorer.project(states), query)
            (of_scores,) = torch.autograd.grad(scores.sum(), states)  # tokens do not meet in the scorer
        of_parts = self.head.project(torch.eye(states.shape[-1], device=states.device)).T
        of_sums = self.parts[..., None] * of_scores[:, :, None] + of_parts
        by_state = self.weights[..., None, None] * torch.cat([of_sums, of_scores[:, :, None]], dim=2)
        return Slopes(by_state, 1 / (1 - self.weights))


def logits_without(
    encoder: SharesDeletions,
    scorer: Scorer,
    head: LinearHead | TanhHead,
    embedding: Float[Tensor, "batch token in"],
    query: Float[Tensor, "batch dim"] | None,
    batch: Batch,
    block: slice,
) -> Float[Tensor, "batch deleted output"]:
    """Logits with each token of a block of positions left out; untouched ones where there is nothing to leave out."""
    deletable = torch.zeros_like(batch.audit_mask)
    deletable[:, block] = (batch.audit_mask & (batch.n_audited > 1)[:, None])[:, block]
    states, changes = encoder.deletions(embedding, batch.token_mask, deletable)
    own = Attended(scorer, head, states, query, batch.audit_mask)
    width = states.shape[1]
    positions = torch.arange(width, device=states.device)
    gone = (positions[block, None] == positions) & deletable[:, block, None]
    deleted = gone.shape[1]
    scores = own.scores[:, None, :].repeat(1, deleted, 1)  # [batch, deleted, token]
    before: dict[tuple[int | None, int | None], tuple[Tensor, Tensor]] = {}
    rest = states.new_zeros(len(batch) * deleted, head.part + 1)
    shifts: list[tuple[Tensor, Tensor, Tensor]] = []
    for found in changes(own.slopes if own.few_sums else None):
        case = found.rows * deleted + found.deleted - block.start
        if isinstance(found, Remainder):
            rest.index_add_(0, case, found.effects)
            continue
        columns = (found.columns.start, found.columns.stop)
        if columns not in before:
            before[columns] = own.before(found.columns)
        place = found.rows * width + found.positions
        inner, parts = (values.index_select(0, place) for values in before[columns])
        inner = inner.add_(scorer.project(found.states, found.columns))
        new_scores = scorer.finish(inner, None if query is None else query[found.rows])
        scores.view(-1).index_copy_(0, case * width + found.positions, new_scores)
        shifts.append((case, found.positions, head.project(found.states, found.columns) - parts))
    scores = scores.masked_fill(~batch.audit_mask[:, None, :] | gone, float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    contexts = (weights @ own.parts).flatten(0, 1)  # as if no state had changed
    if shifts:
        case, position, shift = (torch.cat(pieces) for pieces in zip(*shifts, strict=True))
        weight = weights.view(-1).index_select(0, case * width + position)
        contexts.index_add_(0, case, weight[:, None] * shift)
    # The rest is over the Z of the whole text, the weights over that of what was computed anew.
    scale = torch.exp(torch.logsumexp(own.scores, -1)[:, None] - torch.logsumexp(scores, -1)).view(-1, 1)
    contexts = (contexts + scale * rest[:, :-1]) / (1 + scale * rest[:, -1:])
    contexts = contexts.view(len(batch), deleted, -1)
    return head.finish(contexts, None if query is None else query[:, None])
