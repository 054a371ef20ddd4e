"""Tables, a chunk of instances at a time → one number an instance: what summary and figures start from.

A table may have a hundred rows a text; what is held here is a few hundred bytes a text, whatever is read. NaN stands
for a value that does not exist; it stays here, off every table.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Float, Int

from attnaudit.agreement import ragged
from attnaudit.errors import StoreError
from attnaudit.named import RANDOM, SOONER
from attnaudit.stats.rarefied import rarefied_share

Column = Float[np.ndarray, " instance"]

_FOLDS: Mapping[str, Callable[..., np.ndarray]] = {
    "output_tvd": np.median,
    "flipped": np.mean,
    "attention_jsd": np.median,
    "certified_upper_jsd": np.median,
    "logit_mean": np.median,
    "logit_variance": np.median,
}
"""Columns of `counterfactual` that are kept, and how several draws become one number; of a single draw each is it."""


@dataclass(frozen=True, slots=True)
class PerInstance:
    """The numbers of each instance, in the order of the table `instances`; all arrays are as long as that.

    `target` and `prediction` are −1 where they are unknown. `n_tokens` counts the audited tokens.
    `largest_attention` is the largest weight, `attention_dispersion` Σ(α−ᾱ)² of the weights (0 where they are alike
    to their stored precision). `measures` are those of the table `importance`, `tau` and `p_value` (two-sided) by
    pair of them, step 0, and `rarefied` the share of draws of 8 of the tokens that have a small p-value. `epsilon`
    is the bound that a kind of counterfactual was asked with. `plausibility` is by measure and metric, a mean over
    annotators; `chance` and `annotators` stand beside the measures. `erasure` is by quantity, ordering and operator,
    see `_erasure`; `erased` says by operator of which instances it was asked, since some are asked of a sample only.
    `diagnostic` is by kind, subject and quantity. `agreement_statuses` counts the rows of a pair by their status,
    `counterfactual_statuses` the first draws of a kind.
    """

    ids: pa.StringArray
    target: Int[np.ndarray, " instance"]
    prediction: Int[np.ndarray, " instance"]
    n_tokens: Int[np.ndarray, " instance"]
    largest_attention: Column
    attention_dispersion: Column
    measures: tuple[str, ...]
    tau: Mapping[tuple[str, str], Column]
    p_value: Mapping[tuple[str, str], Column]
    rarefied: Mapping[tuple[str, str], Column]
    epsilon: Mapping[str, float]
    plausibility: Mapping[tuple[str, str], Column]
    erasure: Mapping[tuple[str, str, str], Column]
    diagnostic: Mapping[tuple[str, str, str], Column]
    erased: Mapping[str, Bool[np.ndarray, " instance"]]
    agreement_statuses: Mapping[tuple[str, str], Counter[str]]
    counterfactual_statuses: Mapping[str, Counter[str]]
    _counterfactual: Mapping[tuple[str, str], Column]

    def __len__(self) -> int:
        return len(self.prediction)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the table `counterfactual`."""
        return tuple(self.counterfactual_statuses)

    def counterfactual(self, kind: str, column: str) -> Column:
        """A column of `counterfactual` for one kind; over several draws its median, of `flipped` the share."""
        found = self._counterfactual.get((kind, column))
        return np.full(len(self), np.nan) if found is None else found


def per_instance(chunks: Iterable[Mapping[str, pa.Table]], n: int) -> PerInstance:
    """The numbers of `n` instances.

    Args:
        chunks: in the order of the instances, each with the rows of some of them: the tables `instances`,
            `importance`, `counterfactual`, `agreement` and `plausibility`.
        n: how many instances there are in all.

    Raises:
        StoreError: a row of a chunk belongs to an instance that is not in it.
    """

    def empty() -> np.ndarray:
        return np.full(n, np.nan)

    ids: list[pa.Array] = []
    target, prediction = np.full(n, -1, dtype=np.int32), np.zeros(n, dtype=np.int32)
    n_tokens = np.zeros(n, dtype=np.int32)
    largest, dispersion = empty(), empty()
    tau: dict[tuple[str, str], np.ndarray] = defaultdict(empty)
    p_value: dict[tuple[str, str], np.ndarray] = defaultdict(empty)
    rarefied: dict[tuple[str, str], np.ndarray] = defaultdict(empty)
    folded: dict[tuple[str, str], np.ndarray] = defaultdict(empty)
    plausibility: dict[tuple[str, str], np.ndarray] = defaultdict(empty)
    erasure: dict[tuple[str, str, str], np.ndarray] = defaultdict(empty)
    diagnostic: dict[tuple[str, str, str], np.ndarray] = defaultdict(empty)
    erased: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(n, dtype=bool))
    measures: dict[str, None] = {}
    epsilon: dict[str, float] = {}
    of_pairs: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    of_kinds: dict[str, Counter[str]] = defaultdict(Counter)
    start = 0
    for chunk in chunks:
        instances = chunk["instances"]
        found = instances["instance_id"].combine_chunks()
        here = slice(start, start + len(found))
        start = here.stop
        ids.append(found)
        target[here] = instances["target"].fill_null(-1).to_numpy()
        prediction[here] = instances["prediction"].fill_null(-1).to_numpy()
        n_tokens[here] = instances["n_audited"].to_numpy()
        measures |= dict.fromkeys(pc.unique(chunk["importance"]["measure"]).to_pylist())
        largest[here], dispersion[here] = _attention(chunk["importance"], found)
        scores = _scores(chunk["importance"], found)
        for pair, rows in _by(chunk["agreement"], "measure_a", "measure_b"):
            of_pairs[pair].update(rows["status"].to_pylist())
            first = rows.filter(pc.field("step") == 0)
            tau[pair][here] = _column(first, "value", found)
            p_value[pair][here] = _column(first, "p_value", found)
            rarefied[pair][here] = _rarefied(scores, pair, found)
        for (kind,), rows in _by(chunk["counterfactual"], "kind"):
            of_kinds[kind].update(rows.filter(pc.field("draw") == 0)["status"].to_pylist())
            for asked in pc.unique(rows["epsilon"].drop_null()).to_pylist():
                epsilon.setdefault(kind, asked)
            for column, fold in _FOLDS.items():
                if rows[column].null_count < len(rows):
                    folded[kind, column][here] = _column(rows, column, found, fold)
        for (quantity, ordering, operator), values in _erasure(chunk.get("erasure"), found).items():
            erasure[quantity, ordering, operator][here] = values
        for of_model, rows in _by(chunk.get("diagnostic"), "kind", "subject", "quantity"):
            diagnostic[of_model][here] = _column(rows, "value", found)
        for operator, asked_of in _erased(chunk.get("erasure"), found).items():
            erased[operator][here] = asked_of
        for key, rows in _by(chunk["plausibility"], "measure", "metric"):
            plausibility[key][here] = _column(rows, "value", found, np.mean)
    return PerInstance(
        ids=pa.chunked_array(ids, pa.string()).combine_chunks(),
        target=target,
        prediction=prediction,
        n_tokens=n_tokens,
        largest_attention=largest,
        attention_dispersion=dispersion,
        measures=tuple(measures),
        tau=dict(tau),
        p_value=dict(p_value),
        rarefied=dict(rarefied),
        epsilon=epsilon,
        plausibility=dict(plausibility),
        erasure=dict(erasure),
        diagnostic=dict(diagnostic),
        erased=dict(erased),
        agreement_statuses=dict(of_pairs),
        counterfactual_statuses=dict(of_kinds),
        _counterfactual=dict(folded),
    )


def _by(table: pa.Table | None, *names: str) -> list[tuple[Any, pa.Table]]:
    """The rows by the values of some columns, in the order in which these turn up; order within is kept."""
    if table is None:
        return []
    keys = table.select(names).append_column("row", pa.array(np.arange(len(table))))
    groups = keys.group_by(list(names), use_threads=False).aggregate([("row", "list")])
    rows = groups["row_list"].combine_chunks()
    together, starts = table.take(rows.values), rows.offsets.to_pylist()
    keyed = zip(*(groups[name].to_pylist() for name in names), strict=True)
    return [
        (key, together.slice(start, end - start))
        for key, start, end in zip(keyed, starts, starts[1:], strict=False)
    ]


_DRAWS = 10
"""Draws of a text for the rarefied share: its error from them is far below that from the texts."""


def _scores(importance: pa.Table, ids: pa.Array) -> dict[str, dict[int, np.ndarray]]:
    """The scores of each measure by the place of the text, step 0."""
    found: dict[str, dict[int, np.ndarray]] = {}
    for (measure,), rows in _by(importance.filter(pc.field("step") == 0), "measure"):
        places = _places(rows, ids).tolist()
        found[measure] = {
            place: scores
            for place, scores in zip(places, ragged(rows["scores"]), strict=True)
            if scores is not None
        }
    return found


def _rarefied(
    scores: Mapping[str, Mapping[int, np.ndarray]], pair: tuple[str, str], ids: pa.Array
) -> np.ndarray:
    """For each text the share of draws of its tokens with a small p-value, NaN where a measure is missing."""
    a, b = (scores.get(measure, {}) for measure in pair)
    both = [place for place in a if place in b]
    found = np.full(len(ids), np.nan)
    names = ids.take(pa.array(both, pa.int64())).to_pylist()
    found[both] = rarefied_share([a[k] for k in both], [b[k] for k in both], names, draws=_DRAWS)
    return found


_FLAT = 8 * float(np.finfo(np.float32).eps)
"""Weights that differ by less than this share of the largest are alike: they are stored in single precision."""


def _attention(importance: pa.Table, ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """The largest weight of each text, and the dispersion of its weights; of a single weight there is none."""
    rows = importance.filter((pc.field("measure") == "attention") & (pc.field("step") == 0))
    largest, dispersion = np.full(len(ids), np.nan), np.full(len(ids), np.nan)
    for place, scores in zip(_places(rows, ids), ragged(rows["scores"]), strict=True):
        if scores is None:
            continue
        largest[place] = scores.max()
        if len(scores) > 1:
            weights = scores.astype(np.float64) / scores.sum(dtype=np.float64)
            flat = np.ptp(weights) <= _FLAT * weights.max()
            dispersion[place] = 0.0 if flat else ((weights - weights.mean()) ** 2).sum()
    return largest, dispersion


def _erasure(table: pa.Table | None, ids: pa.Array) -> dict[tuple[str, str, str], np.ndarray]:
    """Numbers by quantity, ordering and operator, one an instance.

    `decision_flip` is the share of words removed at the flip, NaN where there is none; over random orders the mean of
    those that flip. `sooner_than_random` is the share of random orders that flip later, half of those that flip with
    it; an order that never flips is later than all that do, and where nothing flips there is no number.
    comprehensiveness and sufficiency are means over the fractions.
    """
    if table is None or not len(table):
        return {}
    found: dict[tuple[str, str, str], np.ndarray] = {}
    flips: dict[tuple[str, str], np.ndarray] = {}
    for (quantity, ordering, operator), rows in _by(table, "quantity", "ordering", "operator"):
        if quantity == "decision_flip":
            flips[ordering, operator] = _flips(rows, ids)
        else:
            found[quantity, ordering, operator] = _column(rows, "value", ids, np.mean)
    for (ordering, operator), own in flips.items():
        there = np.isfinite(own)
        sums = np.where(there, own, 0.0).sum(axis=1)
        counts = there.sum(axis=1)
        found["decision_flip", ordering, operator] = np.divide(
            sums, counts, out=np.full(len(ids), np.nan), where=counts > 0
        )
        random = flips.get((RANDOM, operator))
        if ordering != RANDOM and random is not None:
            first = own[:, :1]
            sooner = (first < random).mean(axis=1) + 0.5 * (first == random).mean(axis=1)
            nothing = np.isinf(first[:, 0]) & np.isinf(random).all(axis=1)
            found[SOONER, ordering, operator] = np.where(np.isnan(first[:, 0]) | nothing, np.nan, sooner)
    return found


def _erased(table: pa.Table | None, ids: pa.Array) -> dict[str, np.ndarray]:
    """For each operator which instances have rows of it."""
    found = {}
    for (operator,), rows in _by(table, "operator") if table is not None else ():
        found[operator] = pc.is_in(ids, value_set=pc.unique(rows["instance_id"])).to_numpy(False)
    return found


def _flips(rows: pa.Table, ids: pa.Array) -> np.ndarray:
    """[instance, draw]: the share of words removed at the flip; infinity where censored, NaN where undefined."""
    draws = rows["draw"].to_numpy()
    values = rows["value"].fill_null(np.inf).to_numpy().copy()
    values[~pc.is_in(rows["status"], pa.array(["ok", "censored"])).to_numpy()] = np.nan
    found = np.full((len(ids), draws.max() + 1), np.nan)
    found[_places(rows, ids), draws] = values
    return found


def _column(
    rows: pa.Table, name: str, ids: pa.Array, fold: Callable[..., np.ndarray] = np.median
) -> np.ndarray:
    """A column as one float an instance; several of an instance are folded, NaN stands where there is none."""
    there = rows[name].is_valid().to_numpy()
    values = pc.cast(rows[name].drop_null(), pa.float64()).to_numpy()
    at = _places(rows, ids)[there]
    order = np.argsort(at, kind="stable")
    held, starts, counts = np.unique(at[order], return_index=True, return_counts=True)
    folded = np.full(len(ids), np.nan)
    for count in np.unique(counts):
        some = counts == count
        folded[held[some]] = fold(values[order][starts[some][:, None] + np.arange(count)], axis=1)
    return folded


def _places(rows: pa.Table, ids: pa.Array) -> np.ndarray:
    """Where the instance of each row stands among the ids."""
    at = pc.index_in(rows["instance_id"], value_set=ids)
    if at.null_count:
        stray = rows["instance_id"].filter(at.is_null())[0].as_py()
        raise StoreError(f"instance `{stray}` stands in another part of its table than in `instances`")
    return at.to_numpy()
