"""What makes a model auditable: four members, and the fast paths that it may offer besides.

`replay` and `delete_each` are fast paths and no more: each has a generic fallback here, built on `trace`, and a
contract test says that the two agree. `readouts` has none: what needs to see the read-out says so.
`check_attention` is the one place where replaced weights are checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from attnaudit.core import Attention, Batch, Embedding, Intervention, Site, Trace
from attnaudit.errors import AttentionError
from attnaudit.instance import Instance
from attnaudit.models.removal import without_token
from attnaudit.readout import Readout


@runtime_checkable
class AuditedModel(Protocol):
    """The four members that every measure, counterfactual and diagnostic works on."""

    sites: tuple[Site, ...]

    def encode(self, instances: Sequence[Instance]) -> Batch:
        """Instances → ids, masks and tokens with offsets."""

    def embed(self, batch: Batch) -> Embedding:
        """The word vectors that the model starts from."""

    def trace(
        self, batch: Batch, *, embedding: Embedding | None = None, intervention: Intervention | None = None
    ) -> Trace:
        """One forward pass, from `embedding` if given, with attention replaced by `intervention` if given."""


class TextModel(AuditedModel, Protocol):
    """What a run needs to know of a model besides: what it reads, and how large it is."""

    @property
    def attended(self) -> str:
        """The field whose words are audited."""

    @property
    def query(self) -> str | None:
        """The field that is read beside it, if any."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""

    @property
    def bytes_per_token(self) -> int:
        """What a forward and backward pass hold for a token."""

    @property
    def pad_id(self) -> int:
        """What fills a batch up."""

    @property
    def mask_id(self) -> int | None:
        """What stands in place of a masked word; None where nothing can."""

    def length(self, instance: Instance) -> int:
        """How many tokens the model reads of it, markers included."""

    def n_words(self, instance: Instance) -> int:
        """How many words of it are audited."""

    def described(self) -> dict[str, Any]:
        """Settings and sizes, plain values for a manifest."""


@runtime_checkable
class Replays(Protocol):
    """Outputs for many attention distributions from one encoding."""

    def replay(
        self, batch: Batch, trace: Trace, attention: Float[Tensor, "batch draw head token"]
    ) -> Float[Tensor, "batch draw output"]:
        """Logits under each of the given attentions, all else as in `trace`."""


@runtime_checkable
class ReadsOut(Protocol):
    """An output that follows from one attention by numbers that can be written down."""

    def readouts(self, batch: Batch, trace: Trace) -> list[Readout]:
        """For each row the map from the attention on its audited tokens to the logits of its allowed classes."""


@runtime_checkable
class Deletes(Protocol):
    """Every leave-one-out output, sharing work."""

    def delete_each(self, batch: Batch) -> Float[Tensor, "batch token output"]:
        """Logits with each audited token left out; the untouched logits at every other position."""


def check_attention(attention: Attention, allowed: Tensor) -> Attention:
    """The same weights, if they are distributions over the allowed tokens.

    Args:
        attention: float [batch, head, query, token].
        allowed: bool [batch, token], True where a token may be attended.

    Raises:
        AttentionError: another shape, a value that is not finite or below 0, weight on a token that may not
            be attended, or a row that does not sum to 1 within 1e-4.
    """
    if attention.ndim != 4 or (attention.shape[0], attention.shape[3]) != tuple(allowed.shape):
        raise AttentionError(
            f"attention must have the shape [batch={allowed.shape[0]}, head, query, token={allowed.shape[1]}], "
            f"found {list(attention.shape)}"
        )
    weights = attention.detach()
    if not torch.isfinite(weights).all():
        raise AttentionError("attention must be finite, found NaN or infinity")
    if (weights < 0).any():
        raise AttentionError(f"attention must not be negative, found {weights.min().item():.3g}")
    outside = (weights * ~allowed[:, None, None, :]).sum(dim=-1).max().item()
    if outside > 0:
        raise AttentionError(f"attention must be 0 on markers and padding, found {outside:.3g} there")
    off = (weights.sum(dim=-1) - 1).abs().max().item()
    if off > 1e-4:
        raise AttentionError(f"rows of attention must sum to 1, found one that is off by {off:.3g}")
    return attention


def replay(
    model: AuditedModel, batch: Batch, trace: Trace, attention: Float[Tensor, "batch draw head token"]
) -> Float[Tensor, "batch draw output"]:
    """Logits under each of the given attentions: the model's own way, or a forward pass a draw."""
    if isinstance(model, Replays):
        return model.replay(batch, trace, attention)
    return replay_by_trace(model, batch, attention)


def replay_by_trace(
    model: AuditedModel, batch: Batch, attention: Float[Tensor, "batch draw head token"]
) -> Float[Tensor, "batch draw output"]:
    """The fallback: one forward pass a draw, for models that attend at one site with one query."""
    outputs = []
    for draw in attention.unbind(dim=1):
        outputs.append(model.trace(batch, intervention=partial(_instead, draw)).logits[:, 0])
    return torch.stack(outputs, dim=1)


_TOKENS = 2048
"""Most tokens whose deletions one call of a model's `delete_each` is given (unless one text alone has more): each is
a row of what is computed anew, and so many still lie in a core's cache."""

_TOKENS_GPU = 2**16
"""A GPU wants more at a time."""


def _instead(draw: Float[Tensor, "batch head token"], _site: Site, _own: Attention) -> Attention:
    return draw[:, :, None, :]


def delete_each(model: AuditedModel, batch: Batch) -> Float[Tensor, "batch token output"]:
    """Logits with each audited token left out: the model's own way, or a forward pass a token.

    Few texts are handed over at a time, which bounds memory and is faster on a CPU than many.
    """
    each = model.delete_each if isinstance(model, Deletes) else partial(delete_each_by_trace, model)
    tokens = _TOKENS if batch.token_ids.device.type == "cpu" else _TOKENS_GPU
    at_once = max(1, tokens // batch.token_ids.shape[1])
    parts = [each(batch.select(slice(i, i + at_once))) for i in range(0, len(batch), at_once)]
    return torch.cat(parts)


def delete_each_by_trace(model: AuditedModel, batch: Batch) -> Float[Tensor, "batch token output"]:
    """The fallback, and the definition: delete the token, encode and attend anew.

    Costs one forward pass a token position. A row whose only audited token would go keeps its logits.
    """
    logits = model.trace(batch).logits[:, 0]
    outputs = logits[:, None, :].repeat(1, batch.token_ids.shape[1], 1)
    deletable = batch.audit_mask & (batch.n_audited > 1)[:, None]
    for position in deletable.any(dim=0).nonzero().flatten().tolist():
        rows = deletable[:, position].nonzero().flatten()
        outputs[rows, position] = model.trace(without_token(batch, rows, position)).logits[:, 0]
    return outputs
