"""A finished run → the numbers of each text that the comparison needs, as arrays; the tables are let go again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
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
    numbers = result.per_instance
    kinds = {
        kind for kind, counts in numbers.counterfactual_statuses.items() if set(counts) - {"unsupported"}
    }
    name = published.counterpart(cell.corpus)
    pairs = {pair: measures for pair, measures in PAIRS.items() if measures in numbers.tau}
    return Reading(
        cell=cell,
        manifest=result.manifest,
        counterpart=None if name is None else published.corpora()[name],
        classes=result.classes,
        ids=tuple(numbers.ids.to_pylist()),
        target=numbers.target,
        prediction=numbers.prediction,
        probability=_probability(result) if len(result.classes) == 2 else None,
        largest=numbers.largest_attention,
        permutation=by_instance.permutation(result) if "permuted" in kinds else None,
        tau={pair: numbers.tau[measures] for pair, measures in pairs.items()},
        p_value={pair: numbers.p_value[measures] for pair, measures in pairs.items()},
        jsd={kind: by_instance.adversary(result, kind) for kind in (PAPER, EXACT, BRACKET) if kind in kinds},
        certified=by_instance.certified_upper(result) if BRACKET in kinds else None,
    )


def _probability(result: Result) -> np.ndarray:
    """Probability of class 1 of two."""
    outputs = [pc.list_flatten(chunk["instances"]["output"]).to_numpy() for chunk in result.tables.chunks()]
    return np.concatenate(outputs).reshape(-1, 2)[:, 1]
