"""A finished run → the numbers of each text that the comparison needs, as arrays; the tables are let go again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attnaudit.drawing import by_instance
from attnaudit.reproduce import published
from attnaudit.reproduce.cell import Cell
from attnaudit.reproduce.published import PAIRS, Corpus
from attnaudit.result import Result
from attnaudit.summary import OVERALL, in_bin, predicted, told_apart

PAPER = "adversarial_paper"
EXACT = "adversarial_exact"
BRACKET = "adversarial_bracket"


@dataclass(frozen=True, slots=True)
class Group:
    """Texts that are looked at together: our name, the published name (None: it has none), and which they are."""

    name: str
    published: str | None
    members: np.ndarray


@dataclass(frozen=True, slots=True)
class Reading:
    """One run, a number a text (NaN where undefined; never in a table).

    `tau` and `p_value` by pair of measures, `jsd` by kind of adversary: only those that were run. `probability` is
    that of class 1 where there are two classes. `counterpart` is the corpus of the paper that it is held against.
    """

    cell: Cell
    manifest: Mapping[str, Any]
    counterpart: Corpus | None
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    target: np.ndarray  # −1 where unknown
    prediction: np.ndarray
    probability: np.ndarray | None
    largest: np.ndarray
    permutation: np.ndarray | None
    tau: Mapping[str, np.ndarray]
    p_value: Mapping[str, np.ndarray]
    jsd: Mapping[str, np.ndarray]
    certified: np.ndarray | None  # upper bound of the bracket

    @property
    def run_id(self) -> str:
        """The run, by the hash of what was asked."""
        return str(self.manifest["run_id"])

    @property
    def groups(self) -> list[Group]:
        """All texts, and the predicted classes where there are fewer than four."""
        everything = Group(OVERALL, OVERALL, np.ones(len(self.ids), dtype=bool))
        return [
            everything,
            *(
                Group(predicted(self.classes[k]), self.published_class(k), self.prediction == k)
                for k in told_apart(self.prediction, len(self.classes))
            ),
        ]

    def published_class(self, index: int) -> str | None:
        """The published index of one of our classes."""
        if self.counterpart is None:
            return None
        return published.published_groups(self.counterpart, self.classes)[index]

    def in_bin(self, low: float, high: float) -> np.ndarray:
        """Which texts have their largest attention weight in a bin."""
        return in_bin(self.largest, low, high)


def read(cell: Cell) -> Reading | None:
    """The numbers of a cell; None where it has no run. Reads the folder anew, so that its tables do not stay."""
    if cell.result is None:
        return None
    result = Result.open(cell.result.folder)
    instances = result.tables["instances"]
    counterfactual = result.tables["counterfactual"]
    possible = counterfactual.filter(pc.field("status") != "unsupported")
    kinds = set(pc.unique(possible["kind"]).to_pylist())
    place = by_instance.places(result)
    tau, p_value = _agreement(result.tables["agreement"], place)
    name = published.counterpart(cell.corpus)
    certified = None
    if BRACKET in kinds:
        rows = counterfactual.filter(pc.field("kind") == BRACKET)
        certified = _column(rows, "certified_upper_jsd", place)
    return Reading(
        cell=cell,
        manifest=result.manifest,
        counterpart=None if name is None else published.corpora()[name],
        classes=result.classes,
        ids=tuple(place),
        target=instances["target"].fill_null(-1).to_numpy(),
        prediction=instances["prediction"].to_numpy(),
        probability=_probability(instances) if len(result.classes) == 2 else None,
        largest=by_instance.max_attention(result),
        permutation=by_instance.permutation(result) if "permuted" in kinds else None,
        tau=tau,
        p_value=p_value,
        jsd={kind: by_instance.adversary(result, kind) for kind in (PAPER, EXACT, BRACKET) if kind in kinds},
        certified=certified,
    )


def _agreement(
    agreement: pa.Table, place: Mapping[str, int]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    tau, p_value = {}, {}
    for pair, (a, b) in PAIRS.items():
        rows = agreement.filter(
            (pc.field("measure_a") == a) & (pc.field("measure_b") == b) & (pc.field("step") == 0)
        )
        if len(rows):
            tau[pair], p_value[pair] = _column(rows, "value", place), _column(rows, "p_value", place)
    return tau, p_value


def _column(rows: pa.Table, name: str, place: Mapping[str, int]) -> np.ndarray:
    values = np.full(len(place), np.nan)
    at = [place[instance] for instance in rows["instance_id"].to_pylist()]
    values[at] = pc.cast(rows[name], pa.float64()).fill_null(np.nan).to_numpy()
    return values


def _probability(instances: pa.Table) -> np.ndarray:
    return pc.list_flatten(instances["output"]).to_numpy().reshape(-1, 2)[:, 1]
