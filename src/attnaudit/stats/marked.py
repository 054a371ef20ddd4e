"""How well does a ranking of tokens find those that are marked?

Where tokens tie at the border of the k highest, any of them may be taken: a number is then the mean over all ways to
choose, exactly or over draws. So the chance of a random order is what scores that are all alike get.

Source: DeYoung et al. 2020 (ERASER), section 4.1: F1 of tokens, F1 of spans by intersection over union, AUPRC.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

DRAWS = 100
"""Ways to choose among tied tokens over which the F1 of spans is averaged."""

Marks = Bool[np.ndarray, " token"]
Scores = Float[np.ndarray, " token"]


def precision_at_k(marked: Marks, scores: Scores, k: int) -> float:
    """The share of the `k` highest scores that is marked, in [0, 1].

    Oracle: the mean over all ways to choose, counted.
    """
    return _hits(marked, scores, k) / k


def token_f1(marked: Marks, scores: Scores, k: int) -> float:
    """F1 of the tokens with the `k` highest scores against the marked ones, in [0, 1].

    Oracle: scikit-learn's `f1_score`; with ties, its mean over all ways to choose.
    """
    return float(2 * _hits(marked, scores, k) / (k + marked.sum()))


def average_precision(marked: Marks, scores: Scores) -> float:
    """The area under the curve of precision and recall (AUPRC), a step for each score that occurs, in [0, 1].

    Written out: scikit-learn spends thirty times as long on checking a short text, and a report asks thousands.

    Oracle: scikit-learn's `average_precision_score`.
    """
    _, of_score = np.unique(-scores, return_inverse=True)
    taken = np.cumsum(np.bincount(of_score))
    newly = np.bincount(of_score, weights=marked)
    return float((newly * np.cumsum(newly) / taken).sum() / marked.sum())


def random_average_precision(marked: Marks) -> float:
    """The mean average precision of all orders of the tokens; for short texts more than the share that is marked.

    Oracle: the mean over all permutations.
    """
    n, m = len(marked), int(marked.sum())
    if n == 1:
        return 1.0
    harmonic = float((1 / np.arange(1, n + 1)).sum())
    return (harmonic + (m - 1) / (n - 1) * (n - harmonic)) / n


def iou_f1(marked: Marks, scores: Scores, k: int, draw: np.random.Generator) -> float:
    """F1 of the spans of the tokens with the `k` highest scores against the marked spans, in [0, 1].

    Where tokens tie at the border, the mean over `DRAWS` ways to choose.

    Oracle: every span against every other, with sets; with ties, the mean over all ways to choose.
    """
    return float(span_f1(_highest(scores, k, draw), marked).mean())


def span_f1(
    selected: Bool[np.ndarray, "draw token"], marked: Bool[np.ndarray, " token"]
) -> Float[np.ndarray, " draw"]:
    """F1 of the spans of each selection against those of `marked`, which must hold one; in [0, 1].

    A span is a run of tokens. Two match when they share more than half of the tokens of both together, so that no
    span matches two.
    """
    _, starts, ends = _spans(marked[None])
    number = np.zeros(len(marked), dtype=np.intp)  # of the span in which a marked token lies
    number[starts[1:]] = 1
    number = np.cumsum(number)
    rows, first, last = _spans(selected)
    # A match covers more than half of a span, and so its middle.
    middle = (first + last - 1) // 2
    other = number[middle]
    shared = np.minimum(last, ends[other]) - np.maximum(first, starts[other])
    both = (last - first) + (ends[other] - starts[other]) - shared
    matched = marked[middle] & (2 * shared > both)
    found = np.bincount(rows[matched], minlength=len(selected))
    return 2 * found / (np.bincount(rows, minlength=len(selected)) + len(starts))


def _hits(marked: np.ndarray, scores: np.ndarray, k: int) -> float:
    """How many of the `k` highest are marked; tied at the border they count by their share."""
    above, tied = _border(scores, k)
    return float(marked[above].sum() + marked[tied].mean() * (k - above.sum()))


def _border(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Which tokens are among the `k` highest for certain, and which tie for the last places."""
    border = np.sort(scores)[-k]
    return scores > border, scores == border


def _highest(scores: np.ndarray, k: int, draw: np.random.Generator) -> Bool[np.ndarray, "draw token"]:
    """The tokens with the `k` highest scores: one selection, or `DRAWS` where some tie for the last places."""
    above, tied = _border(scores, k)
    left, places = k - int(above.sum()), np.flatnonzero(tied)
    if left == len(places):
        return (above | tied)[None]
    selected = np.repeat(above[None], DRAWS, axis=0)
    chosen = np.argsort(draw.random((DRAWS, len(places))), axis=1)[:, :left]
    np.put_along_axis(selected, places[chosen], True, axis=1)
    return selected


def _spans(
    selected: Bool[np.ndarray, "draw token"],
) -> tuple[Int[np.ndarray, " span"], Int[np.ndarray, " span"], Int[np.ndarray, " span"]]:
    """Row, first token and one past the last of each run of True, in reading order."""
    edges = np.diff(selected.astype(np.int8), axis=1, prepend=0, append=0)
    rows, starts = np.nonzero(edges == 1)
    return rows, starts, np.nonzero(edges == -1)[1]
