"""From replaced attentions to rows of the table `counterfactual`, and the draws that are tied to an instance."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from attnaudit import tables
from attnaudit.core import Batch, Trace
from attnaudit.errors import UnsupportedModelError
from attnaudit.models.interface import AuditedModel, ReadsOut
from attnaudit.readout import LinearReadout, Readout, probabilities
from attnaudit.stats.divergence import jensen_shannon_divergence, total_variation_distance

WHOLE_SITE = "site"

_GATHERED = (
    "instance_id",
    "draw",
    "output_tvd",
    "flipped",
    "attention_jsd",
    "certified_upper_jsd",
    "weights",
    "status",
)


def generator(seed: int, instance_id: str, purpose: str) -> np.random.Generator:
    """Draws that depend on seed, instance and purpose alone: the same in any batch, order or resumed run."""
    entropy = hashlib.sha256(f"{seed}\x00{instance_id}\x00{purpose}".encode()).digest()
    return np.random.default_rng(np.frombuffer(entropy, dtype=np.uint32))


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


def epsilon_of(asked: float | None, batch: Batch) -> float:
    """The bound on the output change: what was asked, else the paper's for a task without and with a query."""
    if asked is not None:
        return asked
    return 0.01 if batch.query_ids is None else 0.05


@dataclass(slots=True)
class Rows:
    """Rows of the table `counterfactual` as they are gathered; `table` ends the gathering."""

    kind: str
    site: str
    epsilon: float | None = None
    columns: dict[str, list[np.ndarray | list[Any]]] = field(
        default_factory=lambda: {name: [] for name in _GATHERED}
    )

    def add(
        self,
        case: Case,
        attention: Float[np.ndarray, "draw token"],
        *,
        keep_weights: bool = False,
        upper: Sequence[float | None] | None = None,
    ) -> None:
        """One row for each of the given attentions: how far it and its output are from the model's own."""
        own = case.output(case.attention)
        output = case.output(attention)
        n = len(attention)
        self._extend(
            instance_id=[case.instance_id] * n,
            draw=np.arange(n),
            output_tvd=np.asarray(total_variation_distance(output, own)),
            flipped=output.argmax(axis=-1) != own.argmax(),
            attention_jsd=np.asarray(jensen_shannon_divergence(attention, case.attention)),
            certified_upper_jsd=[None] * n if upper is None else list(upper),
            weights=list(attention) if keep_weights else [None] * n,
            status=["ok"] * n,
        )

    def add_undefined(self, case: Case, status: str) -> None:
        """One row that says why there is no value."""
        self._extend(
            instance_id=[case.instance_id],
            draw=[0],
            output_tvd=[None],
            flipped=[None],
            attention_jsd=[None],
            certified_upper_jsd=[None],
            weights=[None],
            status=[status],
        )

    def table(self) -> pa.Table:
        """All rows gathered, as the schema wants them."""
        return tables.build(
            "counterfactual",
            {
                **{name: _joined(pieces) for name, pieces in self.columns.items()},
                "site": self.site,
                "scope": WHOLE_SITE,
                "kind": self.kind,
                "epsilon": self.epsilon,
                "logit_mean": None,
                "logit_variance": None,
            },
        )

    def _extend(self, **columns: np.ndarray | list[Any]) -> None:
        for name, values in columns.items():
            self.columns[name].append(values)


def _joined(pieces: list[np.ndarray | list[Any]]) -> np.ndarray | list[Any]:
    """All pieces as one column: an array if all are, which is many times faster than a list."""
    if pieces and all(isinstance(piece, np.ndarray) for piece in pieces):
        return np.concatenate(pieces)
    return [
        value for piece in pieces for value in (piece.tolist() if isinstance(piece, np.ndarray) else piece)
    ]
