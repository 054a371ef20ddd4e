"""The published figures of Jain & Wallace 2019 as typed values; nothing is computed from a run here.

All stand in `jain2019.json`, whose `source` says where each comes from. Published are the numbers of one generation
of the original code (commit bb51d3f, the one behind Table 2). Beside them, and never mixed with them: what the
original code gave when run with random word vectors, and how far runs of the original code lay apart.

Groups carry published names: `overall`, or the index of a class (`0`, `1`, `2`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from attnaudit.errors import UnknownNameError, unknown_name
from attnaudit.summary import ATTENTION_BINS, OVERALL

ENCODERS = ("bilstm", "cnn", "average")
ATTENTIONS = ("additive", "dot")

STAND_INS = {"ade": "adr", "planted-clinical": "diabetes", "planted-cloze": "cnn"}
"""Corpora of ours that stand for one that cannot be had; shown beside it, never held against it."""

PAIRS = {
    "attention_gradient": ("attention", "gradient_detached"),
    "attention_leave_one_out": ("attention", "leave_one_out"),
    "gradient_leave_one_out": ("gradient_detached", "leave_one_out"),
}
"""Pairs of measures whose τ is compared; the last is published for another generation only."""

TAU_STATISTICS = ("mean", "std", "share_significant")
SCORES = ("accuracy", "roc_auc", "average_precision")
BINS = tuple(pairwise(ATTENTION_BINS))

FAR = 0.4025
"""JSD (nats) from which an adversary counts as far: the edge of a published bin that is nearest to 0.4."""

JSD_EDGES = np.linspace(0, 0.7, 41)
TAU_EDGES = np.linspace(-1, 1, 31)

PERMUTATION = "permutation_median_tvd"
JSD_SHARE = f"paper_jsd_share_from_{FAR}"
JSD_WASSERSTEIN = "paper_jsd_wasserstein"
JSD_BINS_TVD = "paper_jsd_bins_tvd"
BRACKET_WIDTH = "bracket_mean_width"
BRACKET_CERTIFIED = "bracket_share_certified"
TABLE1_PERFORMANCE = "table1_performance"
DATA = ("vocabulary", "mean_length", "train_size", "test_size")


@dataclass(frozen=True, slots=True)
class Tau:
    """Kendall τ over the texts of a group; mean and standard deviation are None where the file says NaN."""

    mean: float | None
    std: float | None
    share_significant: float


@dataclass(frozen=True, slots=True)
class Quartiles:
    """Of the median output TVD of each text under permutation; three times the same where there is one text."""

    first: float
    median: float
    third: float


@dataclass(frozen=True, slots=True)
class Statistics:
    """Size of a corpus: vocabulary, mean length of a training text (words), texts by class."""

    vocabulary: int
    mean_length: float
    train_size: Mapping[str, int]
    test_size: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Model:
    """What is published on one encoder with one attention on one corpus.

    Histograms hold the share of the texts of a group in each bin of `TAU_EDGES` or `JSD_EDGES`.
    """

    scores: Mapping[str, float]
    f1: Mapping[str, float]
    tau: Mapping[str, Mapping[str, Tau]]
    tau_histogram: Mapping[str, Mapping[str, np.ndarray]]
    permutation: Mapping[tuple[float, float], Mapping[str, Quartiles]]
    jsd_histogram: Mapping[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is published on one corpus.

    `classes` gives for each published index the names under which the class is known here; it is empty where results
    are not told apart by class. `vectors` are those that the published models began from. `performance` is the score
    of Table 1, by the measure `metric`.
    """

    name: str
    title: str
    classes: tuple[tuple[str, ...], ...]
    vectors: str
    table1: Statistics
    performance: float
    metric: str
    repository: Statistics
    models: Mapping[tuple[str, str], Model]

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups that results are published for."""
        return tuple(str(index) for index in range(len(self.classes))) or (OVERALL,)


@cache
def corpora() -> Mapping[str, Corpus]:
    """The twelve corpora of the paper by the name they have here."""
    return {name: _corpus(name, entry) for name, entry in _document()["corpora"].items()}


def sources() -> Mapping[str, str | None]:
    """Where each kind of number comes from; None for what is not published."""
    return _document()["source"]


def counterpart(name: str) -> str | None:
    """The corpus of the paper that a corpus of ours is, or stands in for; None for any other."""
    name = STAND_INS.get(name, name)
    return name if name in corpora() else None


def published_groups(corpus: Corpus, classes: Sequence[str]) -> tuple[str | None, ...]:
    """For each of our classes the published index; None for a class that the paper does not have.

    Names decide, never the order: of two classes of which one is known the other is the one that is left, and the
    labels `0` and `1` of two classes are the published indices.

    >>> published_groups(corpora()["sst"], ("bad", "positive")), published_groups(corpora()["sst"], ("bad", "good"))
    (('0', '1'), (None, None))
    """
    known = {alias: str(index) for index, names in enumerate(corpus.classes) for alias in names}
    found = tuple(known.get(name.casefold()) for name in classes)
    if not len(classes) == len(corpus.classes) == 2:
        return found
    if set(classes) == {"0", "1"}:
        return tuple(classes)
    if None in found and any(found):
        other = {"0": "1", "1": "0"}
        first, second = found
        return (first or other[second or ""], second or other[first or ""])
    return found


def figure(corpus: str, encoder: str, attention: str, quantity: str, group: str) -> float | None:
    """The published value of a quantity in a published group; None where there is none.

    For sizes of a corpus, encoder and attention are passed over. The distances between two histograms of ε-max JSD
    are published as 0, where there is a histogram.

    Raises:
        UnknownNameError: no such corpus.
    """
    if corpus not in corpora():
        raise UnknownNameError(unknown_name("published corpus", corpus, corpora()))
    entry = corpora()[corpus]
    if quantity in DATA:
        value = getattr(entry.table1, quantity)
        return value.get(group) if isinstance(value, Mapping) else (value if group == OVERALL else None)
    if quantity == TABLE1_PERFORMANCE:
        lstm = (encoder, attention) == ("bilstm", "additive")
        return entry.performance if lstm and group == OVERALL else None
    model = entry.models.get((encoder, attention))
    return None if model is None else _of_model(model, quantity, group)


def original_with_random_vectors(
    corpus: str, encoder: str, attention: str, quantity: str, group: str
) -> float | None:
    """What the original code gave for this quantity when we ran it with random word vectors; None where not run.

    A share of far adversaries counts only from the same JSD on.
    """
    found = _document()["original_random"]["models"].get(f"{corpus}+{encoder}+{attention}", {})
    for pair in PAIRS:
        for place, statistic in enumerate(("mean", "share_significant")):
            if quantity == f"{pair}_tau_{statistic}":
                return found.get(pair, {}).get(group, (None, None))[place]
    known = {JSD_SHARE: f"jsd_share_from_{FAR}"}
    return found.get(known.get(quantity, quantity), {}).get(group)


def tolerance(corpus: str, encoder: str, attention: str, quantity: str, group: str) -> float | None:
    """How far two runs of the original code lie apart in this quantity; None where that is not known.

    Of sizes: half a unit of what Table 1 rounds, else 0.
    """
    known = _document()["tolerance"]
    family = "bilstm" if encoder == "bilstm" else "other"
    if quantity in DATA:
        return 0.5 if quantity == "mean_length" else 0.0
    if quantity == TABLE1_PERFORMANCE:
        return 0.005 + known["scores"][corpora()[corpus].metric][family]
    if quantity in known["scores"]:
        return known["scores"][quantity][family]
    for pair in PAIRS:
        for place, statistic in enumerate(TAU_STATISTICS):
            if quantity == f"{pair}_tau_{statistic}":
                own = known["tau_bilstm_additive"].get(corpus, {}).get(pair, {}).get(group)
                if (encoder, attention) == ("bilstm", "additive") and own and own[place] is not None:
                    return own[place]
                return known["tau_median"][family][place]
    if quantity.startswith(PERMUTATION):
        return known["permutation_median_tvd"][family]
    names = {JSD_SHARE: "jsd_share", JSD_WASSERSTEIN: "jsd_wasserstein", JSD_BINS_TVD: "jsd_bins_tvd"}
    return known[names[quantity]][family] if quantity in names else None


def permutation_quantity(low: float, high: float) -> str:
    """`permutation_median_tvd_0.00_0.25`: the quantity of one bin of the largest attention weight."""
    return f"{PERMUTATION}_{low:.2f}_{high:.2f}"


def share_from(histogram: np.ndarray, edges: np.ndarray, least: float) -> float:
    """Share of a histogram in the bins from an edge on."""
    return float(histogram[edges[:-1] >= least - 1e-9].sum())


def _of_model(model: Model, quantity: str, group: str) -> float | None:
    if quantity in SCORES:
        return model.scores.get(quantity) if group == OVERALL else None
    if quantity == "f1":
        return model.f1.get(group)
    for pair, by_group in model.tau.items():
        for statistic in TAU_STATISTICS:
            if quantity == f"{pair}_tau_{statistic}" and group in by_group:
                return getattr(by_group[group], statistic)
    for edges, quartiles in model.permutation.items():
        if quantity == permutation_quantity(*edges) and group in quartiles:
            return quartiles[group].median
    if group in model.jsd_histogram:
        if quantity == JSD_SHARE:
            return share_from(model.jsd_histogram[group], JSD_EDGES, FAR)
        if quantity in (JSD_WASSERSTEIN, JSD_BINS_TVD):
            return 0.0
    return None


@cache
def _document() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "jain2019.json").read_text(encoding="utf-8"))


def _corpus(name: str, entry: Mapping[str, Any]) -> Corpus:
    table1 = dict(entry["table1"])
    performance, metric = table1.pop("performance"), table1.pop("metric")
    models = {}
    for key, model in entry["models"].items():
        encoder, attention = key.split("+")
        models[encoder, attention] = _model(model)
    return Corpus(
        name,
        entry["title"],
        tuple(tuple(names) for names in entry["classes"]),
        entry["vectors"],
        Statistics(**table1),
        performance,
        metric,
        Statistics(**entry["repository"]),
        models,
    )


def _model(entry: Mapping[str, Any]) -> Model:
    pairs = [pair for pair in PAIRS if pair in entry]
    return Model(
        entry["scores"],
        entry.get("f1", {}),
        {pair: {group: Tau(*values) for group, values in entry[pair].items()} for pair in pairs},
        {pair: _histograms(entry[f"{pair}_histogram"]) for pair in pairs},
        {
            _bin(name): {group: Quartiles(*values) for group, values in by_group.items()}
            for name, by_group in entry["permutation"].items()
        },
        _histograms(entry["jsd_histogram"]),
    )


def _histograms(by_group: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    return {group: np.array(shares, dtype=np.float64) for group, shares in by_group.items()}


def _bin(name: str) -> tuple[float, float]:
    low, high = name.split("-")
    return float(low), float(high)
