"""What the paper says, as three statements with intervals from the runs at hand.

1 Contextual encoders (BiLSTM, CNN) agree less with gradients than the average encoder does.
2 Attention can be permuted or replaced with little change of the output, the less so the more it peaks.
3 Where a few words decide for one class, permuting attention moves the texts of that class and not the others.

Each holds, does not hold, or is undetermined where the interval reaches over the border. The borders of the second
are this tool's: the paper gives none. The published numbers stand beside it for their direction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from attnaudit.reproduce import intervals, published
from attnaudit.reproduce.compare import far_share
from attnaudit.reproduce.published import BINS, FAR, Corpus
from attnaudit.reproduce.reading import BRACKET, EXACT, PAPER, Reading
from attnaudit.reproduce.study import Study
from attnaudit.stats import inference
from attnaudit.stats.inference import Estimate

STATEMENTS = {
    1: "Contextual encoders agree less with gradients than the average encoder.",
    2: "Attention can be permuted or replaced with little change of the output, the more so where no weight is "
    "large.",
    3: "Where a few words decide for one class, permuting attention moves that class and not the other.",
}

HOLDS, DOES_NOT_HOLD, UNDETERMINED, NOT_RUN = "holds", "does not hold", "undetermined", "not run"
TOO_FEW = "too few texts"
IN_PART = "holds in part"
VERDICTS = (HOLDS, DOES_NOT_HOLD, UNDETERMINED, TOO_FEW, NOT_RUN)

LITTLE = 0.1
"""Median output TVD below which permuting counts as changing little: the threshold of the evidence card."""

MOST = 0.5
"""Share of texts from which attention counts as replaceable."""

FEWEST = 10
"""Bins and classes with fewer texts are not compared."""

DECIDED_BY_FEW_WORDS = ("diabetes", "planted-clinical")
"""Corpora of the third statement: the paper's, and the generated one that stands for it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One number that speaks for or against a statement.

    `part` says which number, `border` what it is held against: the statement holds where the number lies on the
    side that `above` says. `published` is the same number from the published figures; None where they do not give it.
    """

    statement: int
    part: str
    corpus: str
    encoder: str
    attention: str
    vectors: str
    estimate: Estimate
    border: float
    above: bool
    published: float | None
    seeds: int
    paired: bool = False

    @property
    def verdict(self) -> str:
        """Whether the number says that the statement holds; without one, whether that is for want of texts."""
        if self.estimate.value is None:
            return TOO_FEW if self.estimate.n else NOT_RUN
        low = self.estimate.value if self.estimate.low is None else self.estimate.low
        high = self.estimate.value if self.estimate.high is None else self.estimate.high
        if low <= self.border <= high:
            return UNDETERMINED
        return HOLDS if (low > self.border) is self.above else DOES_NOT_HOLD


def findings(study: Study) -> tuple[Finding, ...]:
    """The findings of a study, by statement, in the order of its cells."""
    return (*_contextual(study), *_replaceable(study), *_one_class(study))


def counted(found: Sequence[Finding], statement: int) -> dict[str, int]:
    """How often each verdict stands for a statement; verdicts that never stand are left out."""
    verdicts = [finding.verdict for finding in found if finding.statement == statement]
    return {verdict: verdicts.count(verdict) for verdict in VERDICTS if verdict in verdicts}


def overall(found: Sequence[Finding], statement: int) -> str:
    """One word for all findings of a statement: the verdict they share, or that it holds in part."""
    judged = [verdict for verdict in counted(found, statement) if verdict not in (TOO_FEW, NOT_RUN)]
    if not judged:
        return NOT_RUN
    if len(judged) == 1:
        return judged[0]
    return IN_PART if HOLDS in judged else UNDETERMINED


# --- 1 ---------------------------------------------------------------------------------------------------


AVERAGE_LESS_CONTEXTUAL = "mean τ of attention and gradient: average encoder less this one"


def _contextual(study: Study) -> Iterator[Finding]:
    for corpus, encoder, attention, vectors in study.models:
        if encoder == "average":
            continue
        ours = study.of((corpus, encoder, attention, vectors))
        average = study.of((corpus, "average", attention, vectors))
        pairs = _pairs(ours, average)
        yield Finding(
            statement=1,
            part=AVERAGE_LESS_CONTEXTUAL,
            corpus=corpus,
            encoder=encoder,
            attention=attention,
            vectors=vectors,
            estimate=_over_seeds([_gap(*pair) for pair in pairs]),
            border=0.0,
            above=True,
            published=_published_gap(corpus, encoder, attention),
            seeds=_seeds([a for a, _ in pairs]),
            paired=bool(pairs) and all(a.ids == b.ids for a, b in pairs),
        )


def _pairs(ours: Sequence[Reading], average: Sequence[Reading]) -> list[tuple[Reading, Reading]]:
    """Runs with a τ of both models, by seed; where they share no seed, in the order of their seeds."""
    first, second = ([r for r in readings if "attention_gradient" in r.tau] for readings in (ours, average))
    shared = [(a, b) for a in first for b in second if a.cell.seed == b.cell.seed]
    return shared or list(zip(first, second, strict=False))


def _gap(ours: Reading, average: Reading) -> Estimate:
    """Mean τ of the average encoder less that of the other, text by text where they audit the same texts."""
    a, b = ours.tau["attention_gradient"], average.tau["attention_gradient"]
    if ours.ids != average.ids:
        return intervals.difference_of_means(a[np.isfinite(a)], b[np.isfinite(b)])
    gap = b - a
    return inference.mean(gap[np.isfinite(gap)])


def _published_gap(corpus: str, encoder: str, attention: str) -> float | None:
    """The same difference of the means of the published classes, each class counted alike."""
    entry = _counterpart(corpus)
    if entry is None:
        return None
    means = []
    for group in entry.groups:
        both = [
            published.figure(entry.name, e, attention, "attention_gradient_tau_mean", group)
            for e in ("average", encoder)
        ]
        if both[0] is None or both[1] is None:
            return None
        means.append(both[0] - both[1])
    return mean(means)


# --- 2 ---------------------------------------------------------------------------------------------------


PERMUTED = "median output TVD under permutation"
REPLACED = f"share of texts with an ε-max JSD of at least {FAR}"
PEAKED = "median TVD, highest less lowest bin of the largest weight"


def _replaceable(study: Study) -> Iterator[Finding]:
    for model in study.models:
        corpus, encoder, attention, _ = model
        readings = study.of(model)
        entry = _counterpart(corpus)
        known = None if entry is None else entry.models.get((encoder, attention))
        share = None
        if known is not None:  # of the published classes each counts alike
            share = mean(
                published.share_from(h, published.JSD_EDGES, FAR) for h in known.jsd_histogram.values()
            )
        for part, measured, border, above, there in (
            (PERMUTED, _permuted, LITTLE, False, None),
            (REPLACED, _replaced, MOST, True, share),
            (PEAKED, _peaked, 0.0, True, _published_peak(known)),
        ):
            estimate = _over_seeds([measured(reading) for reading in readings])
            yield Finding(2, part, *model, estimate, border, above, there, _seeds(readings))


def _permuted(reading: Reading) -> Estimate:
    if reading.permutation is None:
        return Estimate(None, None, None, 0)
    return inference.median(reading.permutation[np.isfinite(reading.permutation)])


def _replaced(reading: Reading) -> Estimate:
    for kind in (PAPER, EXACT, BRACKET):  # of the bracket the lower end: a share that is at least reached
        if kind in reading.jsd:
            sample = reading.jsd[kind]
            return far_share(sample[np.isfinite(sample)])
    return Estimate(None, None, None, 0)


def _peaked(reading: Reading) -> Estimate:
    if reading.permutation is None:
        return Estimate(None, None, None, 0)
    there = np.isfinite(reading.permutation)
    samples = [reading.permutation[there & reading.in_bin(low, high)] for low, high in BINS]
    occupied = [sample for sample in samples if len(sample) >= FEWEST]
    if len(occupied) < 2:
        return Estimate(None, None, None, sum(map(len, occupied)))
    return intervals.difference_of_medians(occupied[0], occupied[-1])


def _published_peak(model: published.Model | None) -> float | None:
    """The same difference of published medians, the mean over the classes that stand in two bins or more."""
    if model is None:
        return None
    gaps = []
    for group in {group for by_group in model.permutation.values() for group in by_group}:
        medians = [by_group[group].median for by_group in model.permutation.values() if group in by_group]
        if len(medians) > 1:
            gaps.append(medians[-1] - medians[0])
    return mean(gaps) if gaps else None


# --- 3 ---------------------------------------------------------------------------------------------------


CLASSES_APART = "median output TVD under permutation: second class less first"


def _one_class(study: Study) -> Iterator[Finding]:
    models = [model for model in study.models if model[0] in DECIDED_BY_FEW_WORDS]
    for model in models:
        corpus, encoder, attention, vectors = model
        readings = study.of(model)
        entry = _counterpart(corpus)
        known = None if entry is None else entry.models.get((encoder, attention))
        yield Finding(
            statement=3,
            part=CLASSES_APART,
            corpus=corpus,
            encoder=encoder,
            attention=attention,
            vectors=vectors,
            estimate=_over_seeds([_apart(r) for r in readings]),
            border=0.0,
            above=True,
            published=_published_apart(known),
            seeds=_seeds(readings),
        )
    if not models:
        nothing = Estimate(None, None, None, 0)
        yield Finding(3, CLASSES_APART, "planted-clinical", "", "", "", nothing, 0.0, True, None, 0)


def _apart(reading: Reading) -> Estimate:
    if reading.permutation is None or len(reading.classes) != 2:
        return Estimate(None, None, None, 0)
    there = np.isfinite(reading.permutation)
    order = sorted((0, 1), key=lambda k: reading.published_class(k) or str(k))
    first, second = (reading.permutation[there & (reading.prediction == k)] for k in order)
    if min(len(first), len(second)) < FEWEST:
        return Estimate(None, None, None, len(first) + len(second))
    return intervals.difference_of_medians(first, second)


def _published_apart(model: published.Model | None) -> float | None:
    """The same difference of published medians, the mean over the bins that hold both classes."""
    if model is None:
        return None
    gaps = [q["1"].median - q["0"].median for q in model.permutation.values() if {"0", "1"} <= set(q)]
    return mean(gaps) if gaps else None


# --- shared ----------------------------------------------------------------------------------------------


def _counterpart(corpus: str) -> Corpus | None:
    name = published.counterpart(corpus)
    return None if name is None else published.corpora()[name]


def _seeds(readings: Sequence[Reading]) -> int:
    return len({reading.cell.seed for reading in readings})


def _over_seeds(made: Sequence[Estimate]) -> Estimate:
    """Mean of the estimates of the seeds, from the lowest to the highest end of their intervals."""
    known = [e for e in made if e.value is not None]
    values = [e.value for e in made if e.value is not None]
    if not values:
        return Estimate(None, None, None, max((e.n for e in made), default=0))
    lows = [e.low for e in known if e.low is not None]
    highs = [e.high for e in known if e.high is not None]
    return Estimate(float(np.mean(values)), min(values + lows), max(values + highs), min(e.n for e in known))
