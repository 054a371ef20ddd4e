"""From replaced attentions to rows of the table `counterfactual`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Float

from attnaudit import tables
from attnaudit.case import Case
from attnaudit.core import Batch
from attnaudit.stats.divergence import jensen_shannon_divergence, total_variation_distance

WHOLE_SITE = "site"

_GATHERED = (
    "instance_id",
    "draw",
    "output_tvd",
    "flipped",
    "attention_jsd",
    "certified_upper_jsd",
    "logit_mean",
    "logit_variance",
    "weights",
    "status",
)


def epsilon_of(asked: float | None, batch: Batch) -> float:
    """The bound on the output change: what was asked, else the paper's for a task without and with a query."""
    if asked is not None:
        return asked
    return 0.01 if batch.query_ids is None else 0.05


_Piece = np.ndarray | list[Any] | int
"""Values of some rows of one column; a number stands for so many rows without a value."""


@dataclass(slots=True)
class Rows:
    """Rows of the table `counterfactual` as they are gathered; `table` ends the gathering."""

    kind: str
    site: str
    epsilon: float | None = None
    columns: dict[str, list[_Piece]] = field(default_factory=lambda: {name: [] for name in _GATHERED})

    def add(
        self,
        case: Case,
        attention: Float[np.ndarray, "draw token"],
        *,
        keep_weights: bool = False,
        upper: Sequence[float | None] | None = None,
    ) -> None:
        """One row for each of the given attentions: how far it and its output are from the model's own."""
        output, own = case.output(attention), case.output(case.attention)
        jsd = np.asarray(jensen_shannon_divergence(attention, case.attention))
        self.add_each(
            [case],
            output[None],
            own[None],
            jsd[None],
            weights=list(attention) if keep_weights else None,
            upper=None if upper is None else np.array([upper]),
        )

    def add_each(
        self,
        cases: Sequence[Case],
        output: Float[np.ndarray, "case draw output"],
        own: Float[np.ndarray, "case output"],
        jsd: Float[np.ndarray, "case draw"],
        *,
        weights: Sequence[np.ndarray] | None = None,
        upper: Float[np.ndarray, "case draw"] | None = None,
    ) -> None:
        """The rows of several cases with equally many attentions each, given what came of them."""
        count, draws = jsd.shape
        n = count * draws
        ids = np.array([case.instance_id for case in cases], dtype=object)
        self._extend(
            n,
            instance_id=np.repeat(ids, draws),
            draw=np.tile(np.arange(draws), count),
            output_tvd=np.asarray(total_variation_distance(output, own[:, None])).ravel(),
            flipped=(output.argmax(axis=-1) != own.argmax(axis=-1)[:, None]).ravel(),
            attention_jsd=jsd.ravel(),
            certified_upper_jsd=None if upper is None else upper.ravel(),
            weights=None if weights is None else list(weights),
            status=np.full(n, "ok", dtype=object),
        )

    def add_moments(
        self,
        cases: Sequence[Case],
        mean: Float[np.ndarray, " case"],
        variance: Float[np.ndarray, " case"],
    ) -> None:
        """One row a case: mean and variance of the logit of the predicted class over all permutations."""
        n = len(cases)
        self._extend(
            n,
            instance_id=[case.instance_id for case in cases],
            draw=np.zeros(n, dtype=int),
            logit_mean=mean,
            logit_variance=variance,
            status=["ok"] * n,
        )

    def long_enough(self, cases: Sequence[Case]) -> list[Case]:
        """The cases with two tokens or more; the others get a row that says so."""
        for case in cases:
            if len(case.attention) < 2:
                self.add_undefined(case, "too_short")
        return [case for case in cases if len(case.attention) > 1]

    def add_undefined(self, case: Case, status: str) -> None:
        """One row that says why there is no value."""
        self._extend(1, instance_id=[case.instance_id], draw=[0], status=[status])

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
            },
        )

    def _extend(self, n: int, **columns: np.ndarray | list[Any] | None) -> None:
        """Rows to all columns; what is not given has no value."""
        for name, pieces in self.columns.items():
            values = columns.get(name)
            pieces.append(n if values is None else values)


def in_order(rows: pa.Table, instance_ids: Sequence[str]) -> pa.Table:
    """The same rows in the order of the instances; those of one instance stay as they stand."""
    place = pc.index_in(rows["instance_id"], pa.array(instance_ids)).to_numpy()
    return rows.take(pa.array(np.argsort(place, kind="stable")))


def _joined(pieces: list[_Piece]) -> np.ndarray | list[Any] | None:
    """All pieces as one column: an array if all are, which is many times faster than a list; None if all are void."""
    if all(isinstance(piece, int) for piece in pieces):
        return None
    if all(isinstance(piece, np.ndarray) for piece in pieces):
        return np.concatenate([piece for piece in pieces if isinstance(piece, np.ndarray)])
    return [value for piece in pieces for value in _listed(piece)]


def _listed(piece: _Piece) -> list[Any]:
    if isinstance(piece, int):
        return [None] * piece
    return piece.tolist() if isinstance(piece, np.ndarray) else piece
