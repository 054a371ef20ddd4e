"""One audited instance reduced to what its decision follows from: its attention and its read-out, as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from attnaudit.core import Batch, Trace
from attnaudit.errors import UnsupportedModelError
from attnaudit.models.interface import AuditedModel, ReadsOut
from attnaudit.readout import LinearReadout, Readout, probabilities


@dataclass(frozen=True, slots=True)
class Case:
    """One instance, reduced to its audited tokens and allowed classes. float64.

    `attention` sums to 1 over the audited tokens; `readout` gives the logits under any attention.
    """

    instance_id: str
    attention: Float[np.ndarray, " token"]
    readout: Readout

    def output(self, attention: Float[np.ndarray, "*draw token"]) -> Float[np.ndarray, "*draw output"]:
        """The distribution over classes under the given attention."""
        return probabilities(self.readout.logits(attention))

    @property
    def binary(self) -> LinearReadout | None:
        """The read-out where it is linear and has two classes, which is what can be solved exactly."""
        readout = self.readout
        return readout if isinstance(readout, LinearReadout) and len(readout.bias) == 2 else None


def cases(model: AuditedModel, batch: Batch, trace: Trace, *, needed_by: str) -> list[Case]:
    """One `Case` a row of the batch.

    Raises:
        UnsupportedModelError: the model does not say how its output follows from its attention.
    """
    if not isinstance(model, ReadsOut):
        raise UnsupportedModelError(
            f"`{needed_by}` needs a model whose output follows from one attention by a known read-out"
        )
    readouts = model.readouts(batch, trace)
    attention = trace.attention[model.sites[0]][:, 0, 0].detach().double().cpu().numpy()
    audited = batch.audit_mask.cpu().numpy()
    found = []
    for row, (instance_id, readout) in enumerate(zip(batch.instance_ids, readouts, strict=True)):
        weights = attention[row, audited[row]]
        found.append(Case(instance_id, weights / weights.sum(), readout))
    return found
