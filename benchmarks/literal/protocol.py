"""The experiments on a trained model, each as its description says."""

from __future__ import annotations

import dataclasses

import torch
from scipy.stats import kendalltau
from torch import Tensor

from attnaudit.core import Batch
from benchmarks.literal.model import Encoded, LiteralModel


@torch.enable_grad()
def gradient(model: LiteralModel, batch: Batch) -> Tensor:
    """|e · ∂p/∂e| of the predicted class's probability, attention weights held constant; [batch, token]."""
    embedded: list[Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: object, output: Tensor) -> Tensor:
        embedded.append(output.detach().requires_grad_(True))
        return embedded[0]

    handle = model.embedding.register_forward_hook(keep)
    try:
        encoded = model.encode(batch)
    finally:
        handle.remove()
    output = model.decode(encoded, model.attention(encoded).detach())
    (slope,) = torch.autograd.grad(output.max(dim=-1).values.sum(), embedded[0])
    return (slope * embedded[0]).sum(dim=-1).abs() * batch.audit_mask


@torch.no_grad()
def leave_one_out(model: LiteralModel, batch: Batch) -> Tensor:
    """TVD of the output when a token is deleted, encoded and attended anew, a position at a time; [batch, token]."""
    whole = model(batch)
    changes = torch.zeros_like(batch.token_ids, dtype=whole.dtype)
    for position in range(1, batch.token_ids.shape[1] - 1):
        kept = [place for place in range(batch.token_ids.shape[1]) if place != position]
        shorter = dataclasses.replace(
            batch,
            token_ids=batch.token_ids[:, kept],
            token_mask=batch.token_mask[:, kept],
            audit_mask=batch.audit_mask[:, kept],
        )
        without = model(shorter)
        changes[:, position] = 0.5 * (without - whole).abs().sum(dim=-1)
    return changes.masked_fill(~batch.audit_mask, 0.0)


@torch.no_grad()
def outputs_under(model: LiteralModel, encoded: Encoded, attentions: Tensor) -> Tensor:
    """The output under each of several attentions [batch, draw, token], a draw at a time; [batch, draw, output]."""
    return torch.stack([model.decode(encoded, draw) for draw in attentions.unbind(dim=1)], dim=1)


@torch.no_grad()
def permutation(
    model: LiteralModel, batch: Batch, draws: int = 100, encoded: Encoded | None = None
) -> Tensor:
    """The median over random permutations of attention of the output's TVD; [batch]."""
    encoded = model.encode(batch) if encoded is None else encoded
    own = model.attention(encoded)
    whole = model.decode(encoded, own)
    changes = []
    for _ in range(draws):
        permuted = own.clone()
        for row, allowed in enumerate(batch.audit_mask):
            weights = own[row, allowed]
            permuted[row, allowed] = weights[torch.randperm(len(weights))]
        changes.append(0.5 * (model.decode(encoded, permuted) - whole).abs().sum(dim=-1))
    return torch.stack(changes).median(dim=0).values


@torch.enable_grad()
def search(
    model: LiteralModel,
    batch: Batch,
    epsilon: float,
    *,
    starts: int = 5,
    steps: int = 500,
    encoded: Encoded | None = None,
) -> tuple[Tensor, Tensor]:
    """The farthest attention found and its JSD, [batch, token] and [batch]; the own one where none is within ε.

    Several attentions move together: away from the own one and from each other, with a price on leaving ε.
    """
    with torch.no_grad():
        encoded = model.encode(batch) if encoded is None else encoded
        own = model.attention(encoded)
        whole = model.decode(encoded, own)
    noise = torch.rand(starts, *own.shape).clamp_min(1e-10).log() + 3 * torch.randn(starts, *own.shape)
    logits = noise.requires_grad_(True)
    optimiser = torch.optim.Adam([logits], lr=0.01, amsgrad=True)
    forbidden = ~encoded.allowed
    for _ in range(steps):
        moved = torch.softmax(logits.masked_fill(forbidden, -float("inf")), dim=-1)
        away = torch.stack([_jsd(each, own) for each in moved])
        left = torch.stack([_tvd(model.decode(encoded, each), whole) for each in moved])
        apart = torch.stack([_jsd(one, other) for one in moved for other in moved]).mean(dim=0)
        loss = (500 * (left - epsilon).clamp_min(0) - away).sum() - apart.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        moved = torch.softmax(logits.masked_fill(forbidden, -float("inf")), dim=-1)
        moved = torch.cat([moved, own[None]])
        left = torch.stack([_tvd(model.decode(encoded, each), whole) for each in moved])
        away = torch.stack([_jsd(each, own) for each in moved]).masked_fill(left > epsilon, -1.0)
        away[-1] = 0.0
        best = away.argmax(dim=0)
        return moved[best, torch.arange(len(own))], away.amax(dim=0)


def kendall(first: list[Tensor], second: list[Tensor]) -> list[tuple[float, float]]:
    """τ-b and its p-value, a call of scipy a text."""
    return [tuple(kendalltau(one.numpy(), other.numpy())) for one, other in zip(first, second, strict=True)]


def optimisers(model: LiteralModel) -> list[torch.optim.Optimizer]:
    """Adam with AMSGrad for encoder, read-out and attention; attention is not decayed."""
    scorer = set(model.scorer.parameters())
    rest = [parameter for parameter in model.parameters() if parameter not in scorer]
    return [
        torch.optim.Adam(rest, lr=1e-3, weight_decay=1e-5, amsgrad=True),
        torch.optim.Adam(scorer, lr=1e-3, amsgrad=True),
    ]


@torch.enable_grad()
def training_step(
    model: LiteralModel, steps: list[torch.optim.Optimizer], batch: Batch, targets: Tensor
) -> float:
    """One step on the summed cross-entropy of a batch; gives the loss."""
    output = model(batch)
    loss = -output[torch.arange(len(targets)), targets].clamp_min(1e-12).log().sum()
    for each in steps:
        each.zero_grad()
    loss.backward()
    for each in steps:
        each.step()
    return loss.item()


def _tvd(one: Tensor, other: Tensor) -> Tensor:
    return 0.5 * (one - other).abs().sum(dim=-1)


def _jsd(one: Tensor, other: Tensor) -> Tensor:
    middle = 0.5 * (one + other)
    return 0.5 * (_kl(one, middle) + _kl(other, middle))


def _kl(one: Tensor, other: Tensor) -> Tensor:
    return (one * ((one + 1e-10).log() - (other + 1e-10).log())).sum(dim=-1)
