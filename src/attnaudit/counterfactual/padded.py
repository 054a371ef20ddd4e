"""Many cases at a time: their attentions and read-outs as arrays, filled up to the longest of them.

What `Case` says of one instance, with the same numbers; several numpy calls an instance become several a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from attnaudit.case import Case
from attnaudit.readout import LinearReadout, TanhReadout, probabilities

_AT_ONCE = 2**16
"""Most numbers in one array of a block: half a megabyte, so that a few of them stay in a core's cache."""


@dataclass(frozen=True)
class Padded:
    """Cases side by side, float64; attention is 0 beyond the tokens of a case, probability 0 beyond its classes."""

    cases: Sequence[Case]

    @cached_property
    def lengths(self) -> Int[np.ndarray, " case"]:
        """Number of audited tokens of each case."""
        return np.array([len(case.attention) for case in self.cases])

    @cached_property
    def real(self) -> Bool[np.ndarray, "case token"]:
        """True on the tokens of each case."""
        return np.arange(self.lengths.max()) < self.lengths[:, None]

    @cached_property
    def attention(self) -> Float[np.ndarray, "case token"]:
        """The model's own."""
        return filled([case.attention for case in self.cases])

    @cached_property
    def own_output(self) -> Float[np.ndarray, "case output"]:
        """The distribution over classes under the model's own attention."""
        return self.output(self.attention[:, None])[:, 0]

    def output(
        self, attention: Float[np.ndarray, "case draw token"]
    ) -> Float[np.ndarray, "case draw output"]:
        """The distribution over classes under the given attentions."""
        inner, inner_bias, outer, outer_bias = self.layers
        # Draws last in memory: sums over a few classes are then sums of long rows.
        values = inner @ attention.swapaxes(1, 2) + inner_bias
        if outer is not None:
            values = outer @ np.tanh(values) + outer_bias
        return probabilities(values.swapaxes(1, 2))

    @cached_property
    def linear(self) -> tuple[Float[np.ndarray, "case output token"], Float[np.ndarray, "case output"]]:
        """Coefficients and bias of cases whose read-outs are all linear."""
        readouts = [case.readout for case in self.cases if isinstance(case.readout, LinearReadout)]
        assert len(readouts) == len(self.cases)
        return filled([r.coefficients for r in readouts]), filled([r.bias for r in readouts], -np.inf)

    @cached_property
    def layers(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Weights [case, part, token] and bias [case, part, 1] of the one layer of linear read-outs; of those with a
        tanh also those of the second, from its units to the classes. −∞ is the bias of a class that a case has not.
        """
        readouts = [case.readout for case in self.cases if isinstance(case.readout, TanhReadout)]
        if not readouts:
            coefficients, bias = self.linear
            return coefficients, bias[..., None], None, None
        return (
            filled([r.inner for r in readouts]),
            filled([r.inner_bias for r in readouts])[..., None],
            filled([r.outer for r in readouts]),
            filled([r.outer_bias for r in readouts], -np.inf)[..., None],
        )


def blocks(cases: Sequence[Case], draws: int = 1) -> Iterator[Padded]:
    """All cases in blocks of similar length, as many as fit in a core's cache with so many attentions each."""
    order = sorted(cases, key=lambda case: -len(case.attention))
    start = 0
    while start < len(order):
        longest = len(order[start].attention)
        stop = start + max(1, _AT_ONCE // (draws * longest))
        block = [case for case in order[start:stop] if 4 * len(case.attention) >= 3 * longest]
        yield Padded(block)
        start += len(block)


def filled(values: Sequence[np.ndarray], fill: float = 0.0) -> np.ndarray:
    """Arrays of one rank as one, each axis as long as the longest of them."""
    shape = np.max([value.shape for value in values], axis=0)
    filled = np.full((len(values), *shape), fill)
    for place, value in zip(filled, values, strict=True):
        place[tuple(slice(size) for size in value.shape)] = value
    return filled
