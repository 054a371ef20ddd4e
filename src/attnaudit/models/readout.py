"""From the attended context to class probabilities: a linear layer, or the paper's small tanh layer for QA and NLI.

A head is linear in the context up to its first layer, which is what leave-one-out and the read-outs of the
counterfactuals build on: `project` maps a state to where contexts are added up (`part` numbers), `finish` goes on
from the sum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from attnaudit.readout import LinearReadout, Readout, TanhReadout


class LinearHead(nn.Linear):
    """W c + b. A binary model has one logit z, given as the two columns (0, z); a query is not looked at."""

    def __init__(self, dim: int, outputs: int) -> None:
        super().__init__(dim, 1 if outputs == 2 else outputs)
        self.part = self.out_features

    def project(
        self, states: Float[Tensor, "*rows column"], columns: slice = slice(None)
    ) -> Float[Tensor, "*rows part"]:
        """What these columns of each state add to the logits when it has all the attention."""
        return nn.functional.linear(states, self.weight[:, columns])

    def finish(
        self, projected: Float[Tensor, "*rows part"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows output"]:
        """Logits, one column a class."""
        del query
        return _by_class(projected + self.bias)

    def readouts(
        self,
        states: Float[Tensor, "batch token dim"],
        query: Float[Tensor, "batch query"] | None,
        audited: Bool[Tensor, "batch token"],
        candidates: Bool[Tensor, "batch output"] | None,
    ) -> list[Readout]:
        """The read-out of each instance over its audited tokens and allowed classes."""
        del query
        coefficients, bias = _numbers(_by_class(self.project(states))), _numbers(_by_class(self.bias))
        kept, allowed = _rows(audited, len(states)), _rows(candidates, len(states))
        return [
            LinearReadout(coefficients[row, kept[row]].T[allowed[row]], bias[allowed[row]])
            for row in range(len(states))
        ]


class TanhHead(nn.Module):
    """O tanh(A c + a + B q + b) + o, with half as many inner units as the context has dimensions."""

    def __init__(self, dim: int, query_dim: int, outputs: int) -> None:
        super().__init__()
        self.projection = nn.Linear(dim, dim // 2)
        self.query_projection = nn.Linear(query_dim, dim // 2)
        self.output = nn.Linear(dim // 2, outputs)
        self.part = dim // 2

    def project(
        self, states: Float[Tensor, "*rows column"], columns: slice = slice(None)
    ) -> Float[Tensor, "*rows part"]:
        """What these columns of each state add to the inputs of the tanh when it has all the attention."""
        return nn.functional.linear(states, self.projection.weight[:, columns])

    def finish(
        self, projected: Float[Tensor, "*rows part"], query: Float[Tensor, "*#rows query"] | None = None
    ) -> Float[Tensor, "*rows output"]:
        """Logits, one column a class."""
        return self.output(torch.tanh(projected + self._inner_bias(query)))

    def readouts(
        self,
        states: Float[Tensor, "batch token dim"],
        query: Float[Tensor, "batch query"] | None,
        audited: Bool[Tensor, "batch token"],
        candidates: Bool[Tensor, "batch output"] | None,
    ) -> list[Readout]:
        """The read-out of each instance over its audited tokens and allowed classes."""
        inner, inner_bias = _numbers(self.project(states)), _numbers(self._inner_bias(query))
        outer, outer_bias = _numbers(self.output.weight), _numbers(self.output.bias)
        kept, allowed = _rows(audited, len(states)), _rows(candidates, len(states))
        return [
            TanhReadout(
                inner[row, kept[row]].T, inner_bias[row], outer[allowed[row]], outer_bias[allowed[row]]
            )
            for row in range(len(states))
        ]

    def _inner_bias(self, query: Float[Tensor, "*rows query"] | None) -> Float[Tensor, "*rows part"]:
        assert query is not None
        return self.query_projection(query) + self.projection.bias


def _numbers(values: Tensor) -> np.ndarray:
    return values.detach().cpu().numpy()


def _rows(which: Bool[Tensor, "batch _"] | None, count: int) -> Sequence[slice | np.ndarray]:
    """For each of so many rows what is kept, to index an array with; all where nothing is said."""
    return [slice(None)] * count if which is None else [row.nonzero()[0] for row in _numbers(which)]


def _by_class(logits: Float[Tensor, "*rows output"]) -> Float[Tensor, "*rows output_by_class"]:
    """One logit z as the two columns (0, z); several as they are."""
    return torch.cat([torch.zeros_like(logits), logits], dim=-1) if logits.shape[-1] == 1 else logits
