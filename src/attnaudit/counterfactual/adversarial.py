"""ε-max JSD by the best way there is for a model: exact where its read-out is linear and binary, else a bracket."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from attnaudit.case import cases
from attnaudit.core import Batch, Trace
from attnaudit.counterfactual.bracket import bracket
from attnaudit.counterfactual.exact_each import farthest_within_each
from attnaudit.counterfactual.outcome import Rows, epsilon_of, in_order
from attnaudit.counterfactual.padded import blocks, filled
from attnaudit.models.interface import AuditedModel
from attnaudit.stats.divergence import jensen_shannon_divergence


@dataclass(frozen=True, slots=True)
class AdversarialExact:
    """The attention furthest from the model's own whose output stays within `epsilon` of it. One row an instance.

    JSD in nats ∈ [0, ln 2], certified: no attention within ε is further away. The attention is stored.
    Source: Jain & Wallace 2019, section 4.2.2 (the question); the solution is ours, see `docs/methods.md`.
    Oracle: all vertices of the polytope, counted out; a linear-programming description of its feasibility.
    """

    epsilon: float | None = None

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs no forward pass beyond the trace; n² operations an instance at worst, usually a few times n."""
        epsilon = epsilon_of(self.epsilon, batch)
        rows = Rows("adversarial_exact", model.sites[0].name, epsilon)
        solvable = []
        for case in cases(model, batch, trace, needed_by="adversarial_exact"):
            if case.binary is None:
                rows.add_undefined(case, "unsupported")
            else:
                solvable.append(case)
        for block in blocks(rows.long_enough(solvable)):
            found = farthest_within_each(block, epsilon)
            weights = [each.weights(case.attention) for each, case in zip(found, block.cases, strict=True)]
            attention = filled(weights)[:, None]
            jsd = np.asarray(jensen_shannon_divergence(attention, block.attention[:, None]))
            upper = np.array([[each.jsd] for each in found])
            rows.add_each(
                block.cases, block.output(attention), block.own_output, jsd, weights=weights, upper=upper
            )
        return in_order(rows.table(), batch.instance_ids)


@dataclass(frozen=True, slots=True)
class AdversarialBracket:
    """An attention far from the model's own whose output stays within ε, and a bound that none can pass.

    One row an instance: `attention_jsd` is that of the attention that was found, `certified_upper_jsd` the bound.
    Where the two meet, the value is exact. Source: the question is that of Jain & Wallace 2019, section 4.2.2; the
    bounds are ours, see `docs/methods.md`. Oracle: a dense grid over small simplices, and random attentions within ε.
    """

    epsilon: float | None = None
    nodes: int = 7

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs no forward pass beyond the trace; some milliseconds an instance, see `bracket`."""
        epsilon = epsilon_of(self.epsilon, batch)
        rows = Rows("adversarial_bracket", model.sites[0].name, epsilon)
        for case in cases(model, batch, trace, needed_by="adversarial_bracket"):
            if len(case.attention) < 2:
                rows.add_undefined(case, "too_short")
                continue
            found = bracket(case.attention, case.readout, epsilon, nodes=self.nodes)
            rows.add(case, found.weights[None], keep_weights=True, upper=[found.upper])
        return rows.table()


@dataclass(frozen=True, slots=True)
class Adversarial:
    """`AdversarialExact` for a linear binary read-out, `AdversarialBracket` for any other."""

    epsilon: float | None = None

    def __call__(self, model: AuditedModel, batch: Batch, trace: Trace, *, seed: int) -> pa.Table:
        """Costs what the one that is used costs; the rows say which it was."""
        found = cases(model, batch, trace, needed_by="adversarial")
        # Decided by the model, not by the company of a text: where candidates differ, some texts have two by chance.
        exact = batch.candidate_mask is None and all(case.binary is not None for case in found)
        solved = AdversarialExact(self.epsilon) if exact else AdversarialBracket(self.epsilon)
        return solved(model, batch, trace, seed=seed)
