"""Words taken away by rank, the encoder's states held fixed: when does the decision flip, how far does it move?

A removed word keeps its state and loses its weight. What is left of the attention is renormalised, or not: the two
stand side by side, since neither is what the model was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float, Int

from attnaudit.case import Case, cases
from attnaudit.core import Batch, Trace
from attnaudit.erasure.orders import FRACTIONS, Erased, Orders, answered, count_at, ranked, undefined
from attnaudit.models.interface import AuditedModel
from attnaudit.readout import LinearReadout, probabilities

OPERATORS = ("renormalise", "zero")


@dataclass(frozen=True, slots=True)
class RemovedByRank:
    """Decision flip, comprehensiveness and sufficiency, for every ordering and for `draws` random ones.

    decision_flip: the smallest share of the words, removed from the top of the ranking, at which the predicted class
    is another, in (0, 1); `censored` where none is (at least one word stays). A row a random order.
    comprehensiveness: p(all words) − p(without the top share), sufficiency: p(all words) − p(the top share alone),
    for p the probability of the predicted class; in [−1, 1], at each of `FRACTIONS` (at least one word); the mean
    over the random orders in one row. Ties are broken at random.

    Source: Serrano & Smith 2019, section 4; DeYoung et al. 2020, section 4.2. Oracle: a literal loop over words.
    """

    draws: int = 10
    sample: ClassVar[None] = None

    def __call__(
        self, model: AuditedModel, batch: Batch, trace: Trace, orders: Mapping[str, Orders], *, seed: int
    ) -> dict[str, list[Erased]]:
        """Costs no forward pass beyond the trace; a few sums over the words an ordering."""
        found = cases(model, batch, trace, needed_by="by_rank")
        return {
            case.instance_id: self.of(case, orders.get(case.instance_id, {}), seed=seed) for case in found
        }

    def of(self, case: Case, orders: Orders, *, seed: int) -> list[Erased]:
        """The rows of one instance."""
        ranks = ranked(case.instance_id, len(case.attention), orders, draws=self.draws, seed=seed)
        rows: list[Erased] = []
        for operator in OPERATORS:
            for ordering, rank in ranks.items():
                if isinstance(rank, str):
                    rows += undefined(ordering, operator, rank)
                else:
                    rows += _measured(case, rank, ordering, operator)
        return rows


def outputs_of(
    case: Case, orders: Int[np.ndarray, "draw token"], operator: str
) -> tuple[Float[np.ndarray, "draw gone output"], Float[np.ndarray, "draw kept output"]]:
    """The output without the first k words of each order, and with these alone, for k from 1 to n − 1.

    NaN where the words that stay have no weight at all: there is nothing to renormalise.
    """
    readout = case.readout
    parts = readout.coefficients if isinstance(readout, LinearReadout) else readout.inner
    given = (parts * case.attention)[:, orders].transpose(
        1, 0, 2
    )  # [draw, part, token], in the order of removal
    weight = case.attention[orders][:, None]
    alone, alone_weight = given.cumsum(axis=-1), weight.cumsum(axis=-1)
    # Sums of what stays, from the end: as differences they would lose their digits.
    rest, rest_weight = (values[..., ::-1].cumsum(axis=-1)[..., ::-1] for values in (given, weight))
    found = []
    for sums, weights in ((rest[..., 1:], rest_weight[..., 1:]), (alone[..., :-1], alone_weight[..., :-1])):
        if operator == "renormalise":
            sums = np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0)
        sums = sums.swapaxes(1, 2)
        if isinstance(readout, LinearReadout):
            logits = sums + readout.bias
        else:
            logits = np.tanh(sums + readout.inner_bias) @ readout.outer.T + readout.outer_bias
        found.append(probabilities(logits))
    return found[0], found[1]


def _measured(
    case: Case, orders: Int[np.ndarray, "draw token"], ordering: str, operator: str
) -> list[Erased]:
    n = orders.shape[1]
    own = case.output(case.attention)
    predicted = int(own.argmax())
    without, alone = outputs_of(case, orders, operator)
    there = np.isfinite(without[..., 0])
    flipped = there & (np.where(np.isnan(without), -1.0, without).argmax(axis=-1) != predicted)
    flips = [(int(at.argmax()) + 1) / n if at.any() else None for at in flipped]
    changes: dict[tuple[str, float], float | None] = {}
    for quantity, outputs in (("comprehensiveness", without), ("sufficiency", alone)):
        for fraction in FRACTIONS:
            moved = own[predicted] - outputs[:, count_at(fraction, n) - 1, predicted]
            moved = moved[np.isfinite(moved)]
            changes[quantity, fraction] = float(moved.mean()) if len(moved) else None
    return answered(ordering, operator, flips, changes)
