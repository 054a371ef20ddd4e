"""One number and its threshold → a verdict; the numbers of a question → its answer.

Where a question asks for several numbers, the one that clears its threshold worst decides, and the sentence speaks
of it first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from attnaudit.spec.policy import Policy
from attnaudit.stats.inference import Estimate
from attnaudit.stats.power import enough_by_interval
from attnaudit.wording import counted

Verdict = Literal["supported", "not supported", "undetermined", "not run"]
Wanted = Literal["at least", "above", "below"]
Over = Literal["text", "seed"]
"""What an interval is over, and what `n` counts."""

Numbers = dict[tuple[str, str, str, str], Estimate]
"""(experiment, subject, group, statistic) → the number with its interval."""

SEVERITY: tuple[Verdict, ...] = ("not supported", "undetermined", "supported")

RUN_COMPANIONS = "`attnaudit card RUN --seeds 5 --with uniform,guide` does it."
"""What to do where models beside the audited one are missing."""

TITLES = {
    "agreement": "Does attention rank the words as other measures of importance do?",
    "exclusiveness": "Does the prediction depend on which words have the weights?",
    "necessity": "Does the model need learned attention at all?",
    "consistency": "Would another training run have attended to the same words?",
    "removal": "Do the most attended words decide the prediction?",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question about one group of instances (`overall`, or a predicted class)."""

    question: str
    title: str
    group: str
    verdict: Verdict
    sentence: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    threshold: float | None = None
    wanted: Wanted = "at least"
    over: Over = "text"


@dataclass(frozen=True, slots=True)
class Part:
    """One number that a question asks for: what it says, and whether it clears its threshold."""

    verdict: Verdict
    said: str
    estimate: Estimate
    asked: float
    wanted: Wanted = "at least"
    over: Over = "text"
    before: str = ""  # that there are too few texts
    after: str = ""  # what would settle it


def verdict(estimate: Estimate, threshold: float, wanted: Wanted = "at least") -> Verdict:
    """By the interval: wholly where it is wanted, wholly where it is not, or straddling.

    The threshold itself is enough where `at least` it is wanted, and is not where the number must lie above or below.
    """
    low, high = estimate.low, estimate.high
    if low is None or high is None:
        return "undetermined"
    yes, no = {
        "at least": (low >= threshold, high < threshold),
        "above": (low > threshold, high <= threshold),
        "below": (high < threshold, low >= threshold),
    }[wanted]
    return "supported" if yes else "not supported" if no else "undetermined"


def part(
    said: str,
    estimate: Estimate,
    asked: float,
    policy: Policy,
    *,
    wanted: Wanted = "at least",
    over: Over = "text",
) -> Part:
    """A number held against its threshold; `undetermined` where it rests on too few texts to be."""
    if over == "text" and estimate.n < policy.least_texts:
        before = f"Only {counted(estimate.n)}: {policy.least_texts} are asked for a verdict. "
        after = settling(estimate, asked, over, least=policy.least_texts)
        return Part("undetermined", said, estimate, asked, wanted, over, before, after)
    found = verdict(estimate, asked, wanted)
    after = settling(estimate, asked, over) if found == "undetermined" else ""
    return Part(found, said, estimate, asked, wanted, over, after=after)


def settling(estimate: Estimate, asked: float, over: Over, *, least: int = 0) -> str:
    """How many texts would put the interval on one side; nothing where that is not known, or no more than `least`."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return ""
    if over == "seed":
        return " More seeds would settle it."
    if estimate.high == estimate.low:
        return ""
    enough = enough_by_interval(estimate, asked)
    if enough is None:
        return " The number lies at what is asked, so no number of texts is sure to settle it."
    if enough <= least:
        return ""
    return (
        f" If the number stays where it is, about {_rounded_up(enough):,} texts like these settle it in one case of "
        "two, and four times as many nearly always."
    )


def answer_by(question: str, group: str, parts: Sequence[Part], beside: str = "") -> Answer:
    """The answer by the worst of its parts; the others, and what does not decide (`beside`), are named after it."""
    worst = min(parts, key=lambda one: SEVERITY.index(one.verdict))
    sentence = f"{worst.before}{worst.said}{worst.after}"
    for other in parts:
        if other is not worst:
            too = " too" if other.verdict == worst.verdict == "undetermined" else ""
            sentence += f" {_OTHER[other.verdict]}{too}: {other.said[0].lower()}{other.said[1:]}"
    return Answer(
        question,
        TITLES[question],
        group,
        worst.verdict,
        sentence + beside,
        *worst.estimate,
        worst.asked,
        worst.wanted,
        worst.over,
    )


_OTHER = {
    "supported": "The other number clears what is asked",
    "undetermined": "The other number is open",
    "not supported": "The other number does not clear it either",
}


def half_answered(answer: Answer, missing: str) -> Answer:
    """An answer by one of two numbers that are both asked: it can only speak against; `missing` was not run."""
    if answer.verdict == "not supported":
        return answer
    open_ = f"{answer.sentence} Both this and another number are asked, and {missing}"
    return replace(answer, verdict="undetermined", sentence=open_)


def not_answered(
    question: str,
    group: str,
    found: Verdict,
    sentence: str,
    *,
    n: int = 0,
    threshold: float | None = None,
) -> Answer:
    """An answer without a number."""
    return Answer(question, TITLES[question], group, found, sentence, n=n, threshold=threshold)


def spread(estimate: Estimate) -> str:
    """The interval in words."""
    if estimate.low is None or estimate.high is None:
        return "one text, so no interval" if estimate.n == 1 else "no interval"
    return f"95% interval {estimate.low:.3f} to {estimate.high:.3f}"


def spread_of_share(estimate: Estimate) -> str:
    """The interval of a share in words."""
    if estimate.low is None or estimate.high is None:
        return spread(estimate)
    return f"95% interval {estimate.low:.0%} to {estimate.high:.0%}"


def _rounded_up(n: int) -> int:
    """To two digits: what rests on a guess of the spread should not look exact."""
    step = 10 ** max(0, len(str(n)) - 2)
    return math.ceil(n / step) * step
