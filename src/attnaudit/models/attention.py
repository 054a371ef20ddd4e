"""Scorers, the masked softmax, and the one place where an intervention enters.

Additive and scaled-dot attention as in Jain & Wallace 2019, without a query (text classification) and with one (QA,
NLI). A score is linear in the state up to where it is not: `project` goes so far, `finish` goes on. So where only
some columns of a state change, as in leave-one-out, only their share is projected anew.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnaudit.core import Intervention, Site
from attnaudit.models.interface import check_attention


class Additive(nn.Module):
    """v · tanh(W h + b), W from `dim` to half of it; v has no bias (the paper's tanh attention).

    Read beside a query q it is v · tanh(W h + b + W′ q + b′).
    """

    def __init__(self, dim: int, query_dim: int | None = None) -> None:
        super().__init__()
        self.projection = nn.Linear(dim, dim // 2)
        self.direction = nn.Linear(dim // 2, 1, bias=False)
        if query_dim is not None:
            self.query_projection = nn.Linear(query_dim, dim // 2)

    def forward(
        self, states: Float[Tensor, "*rows dim"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows"]:
        """One score a state, unbounded."""
        inner = self.projection(states)
        if query is not None:
            inner = inner + self.query_projection(query)
        return self.direction(torch.tanh(inner)).squeeze(-1)

    def project(
        self, states: Float[Tensor, "*rows column"], columns: slice = slice(None)
    ) -> Float[Tensor, "*rows part"]:
        """What these columns of a state add to the inputs of the tanh."""
        return nn.functional.linear(states, self.projection.weight[:, columns])

    def finish(
        self, projected: Float[Tensor, "*rows part"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows"]:
        """The score of what all columns together add."""
        inner = projected + self.projection.bias
        if query is not None:
            inner = inner + self.query_projection(query)
        # tanh, by the sigmoid: torch computes that several times faster on a CPU, and v · 1 is one number.
        squashed = torch.sigmoid(2 * inner)
        return 2 * self.direction(squashed).squeeze(-1) - self.direction.weight.sum()


class Dot(nn.Module):
    """w · h / √dim with a learned w and no bias (the paper's scaled dot attention).

    Read beside a query q it is q · h / √dim, and nothing is learned.
    """

    def __init__(self, dim: int, query_dim: int | None = None) -> None:
        super().__init__()
        if query_dim is None:
            self.direction = nn.Linear(dim, 1, bias=False)

        self.dim = dim

    def forward(
        self, states: Float[Tensor, "*rows dim"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows"]:
        """One score a state, unbounded."""
        return self.finish(self.project(states), query)

    def project(
        self, states: Float[Tensor, "*rows column"], columns: slice = slice(None)
    ) -> Float[Tensor, "*rows part"]:
        """What these columns of a state add to w · h; the columns themselves, 0 elsewhere, where w is a query."""
        if hasattr(self, "direction"):
            return nn.functional.linear(states, self.direction.weight[:, columns])
        start, stop, _ = columns.indices(self.dim)
        return nn.functional.pad(states, (start, self.dim - stop))

    def finish(
        self, projected: Float[Tensor, "*rows part"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows"]:
        """The score of what all columns together add."""
        scores = projected.squeeze(-1) if query is None else (projected * query).sum(dim=-1)
        return scores / self.dim**0.5


class Uniform(nn.Module):
    """The same score for every state: attention that is uniform and stays so, with nothing to learn."""

    def __init__(self, dim: int, query_dim: int | None = None) -> None:
        super().__init__()

    def forward(
        self, states: Float[Tensor, "*rows dim"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows"]:
        """Zeros."""
        return self.finish(self.project(states), query)

    def project(
        self, states: Float[Tensor, "*rows column"], columns: slice = slice(None)
    ) -> Float[Tensor, "*rows 1"]:
        """Zeros, that follow from the states so that a gradient (zero) can be asked for."""
        return 0 * states[..., :1]

    def finish(
        self, projected: Float[Tensor, "*rows 1"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows"]:
        """Zeros."""
        return projected.squeeze(-1)


Scorer = Additive | Dot | Uniform


def attend(
    scores: Float[Tensor, "batch token"],
    allowed: Bool[Tensor, "batch token"],
    site: Site,
    intervention: Intervention | None,
) -> Float[Tensor, "batch token"]:
    """Softmax of the scores over the allowed tokens (at least one a row), or what the intervention puts instead."""
    weights = torch.softmax(scores.masked_fill(~allowed, float("-inf")), dim=-1)
    if intervention is None:
        return weights
    replaced = intervention(site, weights[:, None, None, :])
    return check_attention(replaced, allowed)[:, 0, 0, :]
