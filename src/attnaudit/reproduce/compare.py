"""Runs and published figures → the table `reproduction`: each number beside the published one, with a verdict.

The rule: `within` when the published value lies between low − tolerance and high + tolerance, else `outside`. Low and
high are the ends of the 95% interval over texts (of several seeds, the lowest and the highest end; of a number
without an interval, the number itself); the tolerance is how far two runs of the original code lie apart. What
cannot be held against each other gets no such verdict, and the errata that say why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from attnaudit import tables
from attnaudit.drawing.shapes import histogram
from attnaudit.reproduce import errata, intervals, published
from attnaudit.reproduce.cell import Cell
from attnaudit.reproduce.errata import NO_NUMBER, NOT_COMPARABLE, WITH_CARE
from attnaudit.reproduce.published import (
    BINS,
    BRACKET_CERTIFIED,
    BRACKET_WIDTH,
    DATA,
    FAR,
    JSD_BINS_TVD,
    JSD_EDGES,
    JSD_SHARE,
    JSD_WASSERSTEIN,
    PAIRS,
    PERMUTATION,
    SCORES,
    TABLE1_PERFORMANCE,
    TAU_STATISTICS,
    Corpus,
    permutation_quantity,
)
from attnaudit.reproduce.reading import BRACKET, EXACT, PAPER, Group, Reading
from attnaudit.reproduce.study import Study, gather
from attnaudit.reproduce.words import file_name
from attnaudit.stats import inference
from attnaudit.stats.inference import SIGNIFICANT, Estimate
from attnaudit.summary import OVERALL, predicted

ANY = "any"
"""Encoder, attention and vectors of a row about the corpus."""

FEWEST = 10
"""Numbers on fewer texts are to be taken with care."""

ENOUGH = 0.9
"""A training part below this share of the published one is a sample."""

CERTIFIED = 0.01
"""An adversary counts as certified when its bounds lie no farther apart than this share of the upper one."""

_EPOCHS = {"snli": 25, "cnn": 25, "babi_1": 100, "babi_2": 100, "babi_3": 100}
_PUBLISHED_EPOCHS = 8
_VECTORS = {"fasttext": ("fasttext", "wiki.simple", "wiki-simple")}


def reproduction(cells: Sequence[Cell]) -> pa.Table:
    """The table `reproduction` of some cells.

    Raises:
        StoreError: a run folder is missing, unfinished or altered.
    """
    return compare(gather(cells))


def compare(study: Study) -> pa.Table:
    """The table `reproduction` of runs that were read."""
    rows = [row for corpus in study.corpora for row in _of_corpus(study, corpus)]
    rows += [row for model in study.models for row in _of_model(study, model)]
    names = [column.name for column in tables.ACROSS_RUNS["reproduction"].columns]
    return tables.build(
        "reproduction", {name: [row[name] for row in rows] for name in names}, n_rows=len(rows)
    )


def verdict(
    published_value: float, value: float, low: float | None, high: float | None, tolerance: float | None
) -> str:
    """`within` or `outside`, by the rule at the top of this module.

    >>> verdict(0.40, 0.35, 0.33, 0.37, 0.04), verdict(0.40, 0.35, 0.33, 0.37, 0.02)
    ('within', 'outside')
    """
    slack = (tolerance or 0.0) + 1e-9
    first, last = value if low is None else low, value if high is None else high
    return "within" if first - slack <= published_value <= last + slack else "outside"


# --- rows ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Entry:
    """One quantity in one group: its numbers by seed, and what must be known with it."""

    quantity: str
    group: str
    published_group: str | None
    estimates: list[Estimate] = field(default_factory=list)
    undefined: list[int] = field(default_factory=list)
    seeds: set[int] = field(default_factory=set)


_Entries = dict[tuple[str, str], _Entry]


def _of_corpus(study: Study, corpus: str) -> Iterator[dict[str, Any]]:
    name = published.counterpart(corpus)
    entry = None if name is None else published.corpora()[name]
    reading = next((r for r in study.readings if r.cell.corpus == corpus), None)
    entries: _Entries = {}
    if reading is not None:
        for quantity, group, index, value, n in _sizes(reading):
            _add(entries, quantity, group, index, Estimate(value, None, None, n), reading.cell.seed)
    known = () if reading is None else reading.classes
    _expect(entries, entry, known, DATA, lambda q, g: published.figure(entry.name, "", "", q, g))  # type: ignore[union-attr]  # called with an entry only
    readings = [] if reading is None else [reading]
    for one in entries.values():
        yield _row((corpus, ANY, ANY, ANY), entry, one, readings)


def _of_model(study: Study, model: tuple[str, str, str, str]) -> Iterator[dict[str, Any]]:
    corpus, encoder, attention, _ = model
    name = published.counterpart(corpus)
    entry = None if name is None else published.corpora()[name]
    readings = study.of(model)
    entries: _Entries = {}
    for reading in readings:
        for quantity, group, estimate, undefined in _numbers(reading):
            _add(entries, quantity, group.name, group.published, estimate, reading.cell.seed, undefined)
    known = readings[0].classes if readings else ()
    _expect(
        entries,
        entry,
        known,
        _QUANTITIES,
        lambda q, g: published.figure(entry.name, encoder, attention, q, g),  # type: ignore[union-attr]  # called with an entry only
    )
    for one in sorted(entries.values(), key=lambda e: _QUANTITIES.index(e.quantity)):
        row = _row(model, entry, one, readings)
        if row["value"] is not None or row["published"] is not None:
            yield row


_QUANTITIES = (
    *SCORES,
    "f1",
    TABLE1_PERFORMANCE,
    *(f"{pair}_tau_{statistic}" for pair in PAIRS for statistic in TAU_STATISTICS),
    PERMUTATION,
    *(permutation_quantity(low, high) for low, high in BINS),
    JSD_SHARE,
    JSD_WASSERSTEIN,
    JSD_BINS_TVD,
    f"exact_jsd_share_from_{FAR}",
    f"bracket_low_jsd_share_from_{FAR}",
    f"bracket_high_jsd_share_from_{FAR}",
    BRACKET_WIDTH,
    BRACKET_CERTIFIED,
)
"""Every quantity of a model, in the order of the table."""


def _add(
    entries: _Entries,
    quantity: str,
    group: str,
    published_group: str | None,
    estimate: Estimate,
    seed: int,
    undefined: int = 0,
) -> None:
    entry = entries.setdefault((quantity, group), _Entry(quantity, group, published_group))
    entry.estimates.append(estimate)
    entry.undefined.append(undefined)
    entry.seeds.add(seed)


def _expect(
    entries: _Entries, corpus: Corpus | None, classes: Sequence[str], quantities: Sequence[str], figure: Any
) -> None:
    """Add what is published and has no number here."""
    if corpus is None:
        return
    for quantity in quantities:
        there = {e.published_group for e in entries.values() if e.quantity == quantity}
        for index in (OVERALL, *corpus.groups):
            if index not in there and figure(quantity, index) is not None:
                group = _group_name(corpus, classes, quantity, index)
                entries[quantity, group] = _Entry(quantity, group, index)


def _group_name(corpus: Corpus, classes: Sequence[str], quantity: str, index: str) -> str:
    if index == OVERALL:
        return OVERALL
    ours = dict(zip(published.published_groups(corpus, classes), classes, strict=True))
    name = ours.get(index, corpus.classes[int(index)][0])
    return gold(name) if quantity in (*DATA, "f1") else predicted(name)


def gold(class_name: str) -> str:
    """Name of the group of texts whose gold class this is."""
    return f"class {class_name}"


def _row(
    model: tuple[str, str, str, str], corpus: Corpus | None, entry: _Entry, readings: Sequence[Reading]
) -> dict[str, Any]:
    _, encoder, attention, _ = model
    place = (encoder, attention, entry.quantity, entry.published_group or "")
    there = corpus is not None and entry.published_group is not None
    value_there = published.figure(corpus.name, *place) if corpus is not None and there else None
    known = [e for e in entry.estimates if e.value is not None]
    values = [e.value for e in known if e.value is not None]
    value = float(np.mean(values)) if values else None
    span = _span(known)
    tolerance = published.tolerance(corpus.name, *place) if corpus is not None and there else None
    n = min((e.n for e in known or entry.estimates), default=0)
    if value_there is None or corpus is None:
        word, reason = "not_published", [_why_absent(corpus, *place)]
    elif not entry.estimates:
        word, reason = "not_run", []
    elif value is None:
        word, reason = "not_comparable", ["empty_here"]
    else:
        care = _care(corpus, entry, readings, n, place)
        forbidden = _forbidden(corpus, entry.quantity, readings)
        word = "not_comparable" if forbidden else verdict(value_there, value, *span, tolerance)
        reason = forbidden + care
        if word == "outside":
            reason += errata.touching(entry.quantity, corpus.name, errata.EXPLAINS)
    original = (
        published.original_with_random_vectors(corpus.name, *place) if corpus is not None and there else None
    )
    return {
        **dict(zip(("corpus", "encoder", "attention", "vectors"), model, strict=True)),
        "quantity": entry.quantity,
        "group": entry.group,
        "published": value_there,
        "original_random": original,
        "value": value,
        "low": span[0] if any(e.low is not None for e in known) else None,
        "high": span[1] if any(e.high is not None for e in known) else None,
        "n": n,
        "n_undefined": max(entry.undefined, default=0),
        "seeds": len(entry.seeds),
        "seed_low": min(values) if len(values) > 1 else None,
        "seed_high": max(values) if len(values) > 1 else None,
        "tolerance": tolerance,
        "verdict": word,
        "reason": reason,
        "run_id": ", ".join(reading.run_id for reading in readings) if entry.estimates else "",
    }


def _span(known: Sequence[Estimate]) -> tuple[float | None, float | None]:
    """From the lowest to the highest end of the seeds' intervals; a number without an interval is its own end."""
    lows = [e.value if e.low is None else e.low for e in known]
    highs = [e.value if e.high is None else e.high for e in known]
    return (
        min((v for v in lows if v is not None), default=None),
        max((v for v in highs if v is not None), default=None),
    )


# --- numbers of one run ----------------------------------------------------------------------------------


def _sizes(reading: Reading) -> Iterator[tuple[str, str, str | None, float | None, int]]:
    """Sizes of the corpus: quantity, group, published group, value, number of texts."""
    splits: Mapping[str, Any] = reading.manifest["data"].get("facts", {}).get("splits", {})
    train, test = splits.get("train", {}), splits.get("test", {})
    n = int(train.get("n", 0))
    yield "vocabulary", OVERALL, OVERALL, reading.manifest.get("model", {}).get("vocabulary"), n
    yield "mean_length", OVERALL, OVERALL, train.get("mean_length"), n
    for quantity, part in (("train_size", train), ("test_size", test)):
        if "n" not in part:
            continue
        if len(reading.classes) >= 4:
            yield quantity, OVERALL, OVERALL, float(part["n"]), part["n"]
            continue
        for k, name in enumerate(reading.classes):
            size = part.get("n_by_class", {}).get(name)
            if size is not None:
                yield quantity, gold(name), reading.published_class(k), float(size), size


def _numbers(reading: Reading) -> Iterator[tuple[str, Group, Estimate, int]]:
    """Every quantity of one run: name, group, number with its interval, texts without a value."""
    yield from _scores(reading)
    for pair, tau in reading.tau.items():
        for group in reading.groups:
            inside, undefined = _defined(tau, group.members)
            small = int((_defined(reading.p_value[pair], group.members)[0] <= SIGNIFICANT).sum())
            spread = Estimate(float(np.std(inside)) if len(inside) else None, None, None, len(inside))
            for statistic, estimate in zip(
                TAU_STATISTICS,
                (inference.mean(inside), spread, inference.share(small, len(inside))),
                strict=True,
            ):
                yield f"{pair}_tau_{statistic}", group, estimate, undefined
    if reading.permutation is not None:
        yield from _permutation(reading, reading.permutation)
    if PAPER in reading.jsd:
        yield from _paper_adversary(reading)
    for quantity, sample in (
        ("exact", reading.jsd.get(EXACT)),
        ("bracket_low", reading.jsd.get(BRACKET)),
        ("bracket_high", reading.certified),
    ):
        if sample is not None:
            for group in reading.groups:
                inside, undefined = _defined(sample, group.members)
                yield f"{quantity}_jsd_share_from_{FAR}", group, far_share(inside), undefined
    if reading.certified is not None:
        yield from _bracket(reading, reading.jsd[BRACKET], reading.certified)


def _bracket(
    reading: Reading, low: np.ndarray, high: np.ndarray
) -> Iterator[tuple[str, Group, Estimate, int]]:
    """How far the bounds of the bracket lie apart (nats), and how often they as good as meet."""
    width = high - low
    for group in reading.groups:
        inside, undefined = _defined(width, group.members)
        met = (width <= CERTIFIED * high)[group.members & np.isfinite(width)]
        yield BRACKET_WIDTH, group, inference.mean(inside), undefined
        yield BRACKET_CERTIFIED, group, inference.share(int(met.sum()), len(inside)), undefined


def far_share(jsd: np.ndarray) -> Estimate:
    """Share of texts whose ε-max JSD is at least `FAR`, with Wilson's interval."""
    return inference.share(int((jsd >= FAR).sum()), len(jsd))


def _scores(reading: Reading) -> Iterator[tuple[str, Group, Estimate, int]]:
    judged = reading.target >= 0
    unknown = int((~judged).sum())
    target, decided = reading.target[judged], reading.prediction[judged]
    everything = reading.groups[0]
    accuracy = inference.share(int((target == decided).sum()), len(target))
    yield "accuracy", everything, accuracy, unknown
    headline = accuracy
    if reading.probability is not None:
        area, precision = intervals.ranked(target == 1, reading.probability[judged])
        yield "roc_auc", everything, area, unknown
        yield "average_precision", everything, precision, unknown
        headline = intervals.f1(target, decided, 1)
    if len(reading.classes) < 4:
        for k, name in enumerate(reading.classes):
            group = Group(gold(name), reading.published_class(k), reading.target == k)
            yield "f1", group, intervals.f1(target, decided, k), unknown
    if (reading.cell.encoder, reading.cell.attention) == ("bilstm", "additive"):
        yield TABLE1_PERFORMANCE, everything, headline, unknown


def _permutation(reading: Reading, medians: np.ndarray) -> Iterator[tuple[str, Group, Estimate, int]]:
    for group in reading.groups:
        inside, undefined = _defined(medians, group.members)
        yield PERMUTATION, group, inference.median(inside), undefined
        if group.name == OVERALL and len(reading.groups) > 1:
            continue
        for low, high in BINS:
            inside, undefined = _defined(medians, group.members & reading.in_bin(low, high))
            if len(inside) or _has_bin(reading, group, low, high):
                yield permutation_quantity(low, high), group, inference.median(inside), undefined


def _has_bin(reading: Reading, group: Group, low: float, high: float) -> bool:
    if reading.counterpart is None or group.published is None:
        return False
    where = (reading.counterpart.name, reading.cell.encoder, reading.cell.attention)
    return published.figure(*where, permutation_quantity(low, high), group.published) is not None


def _paper_adversary(reading: Reading) -> Iterator[tuple[str, Group, Estimate, int]]:
    model = None
    if reading.counterpart is not None:
        model = reading.counterpart.models.get((reading.cell.encoder, reading.cell.attention))
    for group in reading.groups:
        inside, undefined = _defined(reading.jsd[PAPER], group.members)
        yield JSD_SHARE, group, far_share(inside), undefined
        theirs = None if model is None else model.jsd_histogram.get(group.published or "")
        if theirs is not None and len(inside):
            ours = histogram(inside, JSD_EDGES)[1]
            for quantity, distance in ((JSD_WASSERSTEIN, wasserstein), (JSD_BINS_TVD, bins_tvd)):
                yield quantity, group, _distance(ours, theirs, len(inside), distance), undefined


def wasserstein(a: np.ndarray, b: np.ndarray, edges: np.ndarray = JSD_EDGES) -> np.ndarray:
    """1-Wasserstein distance (in the unit of the edges) of histograms over the same bins, taken at the bins' middles.

    Along the last axis; the others broadcast. Oracle: scipy's `wasserstein_distance` of the middles, weighted.
    """
    gap = np.cumsum(a - b, axis=-1)[..., :-1]
    return (np.abs(gap) * np.diff((edges[:-1] + edges[1:]) / 2)).sum(axis=-1)


def bins_tvd(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Total variation distance ∈ [0, 1] of histograms over the same bins, along the last axis."""
    return 0.5 * np.abs(a - b).sum(axis=-1)


def _distance(ours: np.ndarray, theirs: np.ndarray, n: int, distance: Callable[..., np.ndarray]) -> Estimate:
    """A distance and, as its lower end, what is left of it above chance.

    Chance is the distance that 95% of samples of `n` texts from the published histogram stay within.
    """
    theirs = theirs / theirs.sum()
    value = float(distance(ours, theirs))
    drawn = np.random.default_rng(0).multinomial(n, theirs, 2000) / n
    chance = float(np.quantile(distance(drawn, theirs), inference.LEVEL))
    return Estimate(value, max(0.0, value - chance), value, n)


def _defined(values: np.ndarray, members: np.ndarray) -> tuple[np.ndarray, int]:
    inside = values[members]
    there = np.isfinite(inside)
    return inside[there], int((~there).sum())


# --- what must be known ----------------------------------------------------------------------------------


def _forbidden(corpus: Corpus, quantity: str, readings: Sequence[Reading]) -> list[str]:
    """Errata that leave no verdict."""
    found = set()
    for reading in readings:
        if reading.cell.corpus != corpus.name:
            found |= {"stand_in", "stand_in_cnn"}
        elif corpus.name == "babi_3":
            found.add("babi_3_version")
        if _is_sample(reading, corpus):
            found.add("training_sample")
    return [id for id in errata.touching(quantity, corpus.name, NOT_COMPARABLE) if id in found]


def _is_sample(reading: Reading, corpus: Corpus) -> bool:
    splits = reading.manifest["data"].get("facts", {}).get("splits", {})
    known = [splits[name]["n"] for name in ("train", "dev") if "n" in splits.get(name, {})]
    return bool(known) and sum(known) < ENOUGH * sum(corpus.repository.train_size.values())


def _care(
    corpus: Corpus, entry: _Entry, readings: Sequence[Reading], n: int, place: tuple[str, str, str, str]
) -> list[str]:
    """Errata that go with a verdict."""
    found = set()
    for reading in readings:
        spec = reading.manifest["spec"]
        if not _same_vectors(reading.cell.vectors, corpus.vectors):
            found.add("other_vectors")
        if spec.get("limit"):
            found.add("audited_sample")
        epochs = spec.get("train", {}).get("epochs")
        if epochs is not None and epochs < _EPOCHS.get(corpus.name, _PUBLISHED_EPOCHS):
            found.add("short_training")
        if spec.get("task", {}).get("preparation", "paper-1") != "paper-1":
            found.add("other_preparation")
    if n < FEWEST or _single(corpus, *place):
        found.add("few_texts")
    return [id for id in errata.touching(entry.quantity, corpus.name, WITH_CARE) if id in found]


def _same_vectors(ours: str, theirs: str) -> bool:
    """Whether vectors of ours, a name or a file, are of the published kind."""
    name = file_name(ours).casefold()
    return any(word in name for word in _VECTORS.get(theirs, (theirs,)))


def _single(corpus: Corpus, encoder: str, attention: str, quantity: str, group: str) -> bool:
    """Whether one text alone stands behind a published quartile."""
    model = corpus.models.get((encoder, attention))
    if model is None:
        return False
    quartiles = [
        by_group[group]
        for (low, high), by_group in model.permutation.items()
        if group in by_group and quantity == permutation_quantity(low, high)
    ]
    return any(q.first == q.third for q in quartiles)


def _why_absent(corpus: Corpus | None, encoder: str, attention: str, quantity: str, group: str) -> str:
    """The erratum that says why a number is not published."""
    general = "not_in_repository"
    if corpus is None:
        return general
    model = corpus.models.get((encoder, attention))
    candidates = errata.touching(quantity, corpus.name, NO_NUMBER)
    pair = next((pair for pair in PAIRS if quantity.startswith(f"{pair}_tau")), "")
    is_nan = model is not None and group in model.tau.get(pair, {})
    by_class = bool(corpus.classes) and group == OVERALL
    fits = {
        "undefined_as_nan": is_nan,
        "ceiling_not_published": True,
        "by_class_only": by_class and quantity != TABLE1_PERFORMANCE,
        "class_not_matched": bool(corpus.classes) and not group,
        "empty_there": quantity != PERMUTATION and not by_class,
        "search_below_optimum": True,
    }
    if not candidates or candidates == [general]:
        return general
    order = (
        "ceiling_not_published",
        "search_below_optimum",
        "undefined_as_nan",
        "by_class_only",
        "class_not_matched",
        "empty_there",
    )
    return next((id for id in order if id in candidates and fits[id]), general)
