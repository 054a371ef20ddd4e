"""Is what was captured what the model computed with, and does replacing it do what it says?

Capturing that fails, fails silently: a mask that is dropped, a site that is missed, an edit without effect. So every
model passes this test before any number of it is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from attnaudit.capture.mode import Capture
from attnaudit.core import Attention
from attnaudit.errors import UnsupportedModelError

Forward = Callable[[], Float[Tensor, "batch *output"]]
"""One forward pass of the model on given texts, the first axis of its result the texts."""

EXACT = 1e-5
"""Largest difference of a logit, as a share of the largest, that the same computation in other steps may make."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One site: its heads, its queries and tokens on the test's texts, the sums of its rows, and its gradient."""

    heads: int
    queries: int
    tokens: int
    least_sum: float
    most_sum: float
    gradient: bool

    @property
    def leaks(self) -> bool:
        """Whether rows sum to less than 1: a sink outside of the tokens takes the rest, or no token is allowed."""
        return self.least_sum < 1 - 1e-4


@dataclass(frozen=True, slots=True)
class Checked:
    """What the test found, all that a report has to say of it."""

    sites: Mapping[str, Seen]
    difference: float
    edited: float
    others: float

    def plain(self) -> dict[str, Any]:
        """Plain values for a manifest."""
        return asdict(self)

    @property
    def exact(self) -> bool:
        """Whether the model computed bit for bit what it computes untouched."""
        return self.difference == 0.0


def check(model: nn.Module, forward: Forward, *, sites: str | None = None) -> Checked:
    """Hold a model that is `ready` against itself, untouched.

    Costs five forward passes and a backward pass.

    Args:
        model: the module whose attention is captured.
        forward: runs it on two texts or more; called several times.
        sites: as for `Capture`.

    Returns:
        The sites in the order of computation; `difference`, the largest of any logit between the captured and the
        untouched pass; `edited`, how far uniform attention of the first text moves its own logits, and `others`,
        how far those of the other texts.

    Raises:
        UnsupportedModelError: nothing was seen, something that is called attention was not, the captured pass
            computes other numbers, or replacing the attention of one text does nothing, or moves others, or heads
            and queries cannot be told apart.
    """
    with torch.no_grad():
        plain = forward()
    batch = len(plain)
    if batch < 2:
        raise ValueError(f"the test needs two texts or more, found {batch}")
    with torch.no_grad(), Capture(model, batch, sites=sites) as captured:
        same = forward()
    _seen(captured, sites)
    scale = max(1.0, plain.abs().max().item())
    difference = (same - plain).abs().max().item()
    if not difference <= EXACT * scale:
        raise UnsupportedModelError(
            f"with its attention captured the model computes other logits: {difference:.3g} off. It may draw random "
            "numbers, or compute otherwise while it is watched"
        )
    with torch.no_grad(), Capture(model, batch, sites=sites, edit=_uniform_of_first, keep=False):
        moved = (forward() - plain).abs().flatten(1).max(dim=1).values
    edited, others = moved[0].item(), moved[1:].max().item()
    if not others <= EXACT * scale:
        raise UnsupportedModelError(
            f"replacing the attention of one text moves the logits of another by {others:.3g}; texts of a batch must "
            "not depend on one another"
        )
    if not edited > 2 * max(difference, others):  # both are 0 where the model computes in fixed order
        raise UnsupportedModelError(
            "uniform attention at every site leaves the logits where they were, so the sites that were seen are not "
            f"the attention that the model uses: {_listed(captured.attention)}"
        )
    gradients = _gradients(model, forward, batch, sites)
    found = {
        name: Seen(
            heads=weights.shape[1],
            queries=weights.shape[2],
            tokens=weights.shape[3],
            least_sum=weights.sum(dim=-1).min().item(),
            most_sum=weights.sum(dim=-1).max().item(),
            gradient=gradients[name],
        )
        for name, weights in captured.attention.items()
    }
    for name, seen in found.items():
        if seen.most_sum > 1 + 1e-4:
            raise UnsupportedModelError(
                f"rows of `{name}` sum to as much as {seen.most_sum:.4g}; attention weights must sum to at most 1"
            )
    if sites is None:
        _over_one_thing(found)
    for name in captured.unsaid:
        seen = found[name]
        if seen.heads == seen.tokens and seen.queries not in (1, seen.tokens):
            raise UnsupportedModelError(
                f"`{name}` has {seen.queries} queries and as many heads as tokens, {seen.tokens}, so that heads and "
                "queries may lie the other way round; give its module an attribute `num_heads`, or the test texts of "
                "another length"
            )
    return Checked(found, difference, edited, others)


def uniform(attention: Attention) -> Attention:
    """The same weight on every token that a row may attend to, with the sum that the row has.

    A token of weight 0 is taken for one that is masked.
    """
    allowed = attention > 0
    share = attention.sum(dim=-1, keepdim=True) / allowed.sum(dim=-1, keepdim=True).clamp(min=1)
    return allowed * share


def _uniform_of_first(_name: str, attention: Attention) -> Attention:
    return torch.cat([uniform(attention[:1]), attention[1:]])


def _seen(captured: Capture, sites: str | None) -> None:
    """Refuse where nothing was seen, or less than what calls itself attention."""
    if not captured.attention:
        wanted = "in a module that is called attention" if sites is None else f"whose name matches `{sites}`"
        raise UnsupportedModelError(
            f"no attention was seen: no softmax and no `scaled_dot_product_attention` ran {wanted}. If the model "
            "attends elsewhere, name it (`sites`, a regular expression on the names of modules); fused kernels "
            "(flash, flex) and softmax written as exp and sum cannot be seen"
        )
    if captured.unseen and sites is None:
        raise UnsupportedModelError(
            "these modules are called attention, and ran without any that could be seen: "
            f"{_listed(captured.unseen)}. Name the sites that are meant (`sites`), or use an implementation that "
            "computes attention step by step"
        )


def _over_one_thing(found: Mapping[str, Seen]) -> None:
    """Refuse modules that attend over several numbers of things: landmarks, windows or kernels, beside tokens."""
    first: dict[str, str] = {}
    for name, seen in found.items():
        before = first.setdefault(name.partition("#")[0], name)
        if found[before].tokens != seen.tokens:
            raise UnsupportedModelError(
                f"`{before}` attends over {found[before].tokens} things and `{name}`, of the same module, over "
                f"{seen.tokens}, so that not all of them are tokens; name the sites that are meant (`sites`)"
            )


def _gradients(model: nn.Module, forward: Forward, batch: int, sites: str | None) -> dict[str, bool]:
    """For each site, whether a gradient of the logits by weights put in its place exists and is not 0 everywhere."""
    leaves: dict[str, Tensor] = {}

    def leaf(name: str, attention: Attention) -> Attention:
        leaves[name] = attention.detach().clone().requires_grad_()
        return leaves[name]

    with torch.enable_grad(), Capture(model, batch, sites=sites, edit=leaf, keep=False):
        logits = forward()
    found: tuple[Tensor | None, ...] = (None,) * len(leaves)
    # Where no gradient is to be had at all, every site says so; readings and importance that need none still work.
    with suppress(RuntimeError):
        weights = torch.linspace(-1, 1, logits[0].numel(), device=logits.device).reshape(logits[0].shape)
        found = torch.autograd.grad(
            (logits * weights).sum(), list(leaves.values()), allow_unused=True, materialize_grads=False
        )
    return {
        name: gradient is not None and bool(gradient.abs().max() > 0)
        for name, gradient in zip(leaves, found, strict=True)
    }


def _listed(names: Any, most: int = 6) -> str:
    names = [f"`{name}`" for name in names]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
