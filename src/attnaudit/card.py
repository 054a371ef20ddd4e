"""The summary → answers to the questions that decide whether attention may be shown as an explanation.

Each answer is a verdict by a written rule, with its number, interval, number of instances and a sentence made
from them. There is no answer to "is attention explanation?": only to which use of it the numbers allow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from attnaudit.stats.inference import Estimate
from attnaudit.summary import OVERALL, lookup
from attnaudit.wording import worded

Verdict = Literal["supported", "not supported", "undetermined", "not run"]


@dataclass(frozen=True, slots=True)
class Policy:
    """The thresholds of the verdicts.

    `share_of_ceiling`: τ of attention with another measure, as a share of the τ that gradient and leave-one-out
    reach between themselves. 0.8 is our choice, because a fifth less than two accepted measures agree is
    a difference that a reader of single texts would meet; the paper gives no threshold.

    `least_ceiling`: τ of gradient with leave-one-out below which no verdict of `supported` is given. 0.4 is our
    choice, because agreeing with yardsticks that hardly agree with each other shows little; in the published
    models it lies between .24 and .68.

    `permutation_tvd`: median over texts of the median output change under permuted attention. 0.1 is our choice,
    because below it re-assigning the weights at random leaves the typical prediction where it was to within
    ten points of probability; the paper shows the distribution and gives no threshold.
    """

    share_of_ceiling: float = 0.8
    least_ceiling: float = 0.4
    permutation_tvd: float = 0.1


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


_TITLES = {
    "agreement": "Does attention rank the words as other measures of importance do?",
    "exclusiveness": "Does the prediction need this attention, and not just any?",
    "necessity": "Does the model need learned attention at all?",
    "consistency": "Would another training run have attended to the same words?",
    "removal": "Do the most attended words decide the prediction?",
}
_NOT_RUN = {
    "necessity": "Needs a model with uniform attention trained beside this one; this version does not train it.",
    "consistency": "Needs the same model trained from several seeds; this version trains one.",
    "removal": "Needs words to be erased in order of attention; this version does not erase.",
}


def card(
    summary: pa.Table, groups: tuple[str, ...] = (OVERALL,), policy: Policy | None = None
) -> list[Answer]:
    """One answer a question and group, questions in the order of the card."""
    policy = policy or Policy()
    numbers = lookup(summary)
    answers = [_agreement(numbers, group, policy) for group in groups]
    answers += [_exclusiveness(numbers, group, policy) for group in groups]
    answers += [Answer(q, _TITLES[q], OVERALL, "not run", why) for q, why in _NOT_RUN.items()]
    return answers


def verdict(estimate: Estimate, threshold: float) -> Verdict:
    """By the interval: wholly at or above the threshold, wholly below it, or straddling."""
    if estimate.low is None or estimate.high is None:
        return "undetermined"
    if estimate.low >= threshold:
        return "supported"
    return "not supported" if estimate.high < threshold else "undetermined"


_Numbers = dict[tuple[str, str, str, str], Estimate]


def _agreement(numbers: _Numbers, group: str, policy: Policy) -> Answer:
    title = _TITLES["agreement"]
    gradient = next(
        (s for e, s, _, _ in numbers if e == "agreement" and s.startswith("attention ~ gradient")), None
    )
    others = [s for s in (gradient, "attention ~ leave_one_out") if s]
    shares = {s: numbers.get(("agreement", s, group, "share_of_ceiling")) for s in others}
    if gradient is None or len(others) < 2 or any(share is None for share in shares.values()):
        return Answer(
            "agreement",
            title,
            group,
            "not run",
            "Attention, a gradient and leave-one-out were not all measured.",
        )
    known = {subject: share for subject, share in shares.items() if share is not None}
    worst_subject = min(known, key=lambda s: -math.inf if known[s].value is None else known[s].value or 0.0)
    worst = known[worst_subject]
    if worst.value is None:
        sentence = (
            f"τ exists for too few texts ({worst.n}) to say anything."
            if worst.n < 2
            else "Gradient and leave-one-out do not agree with each other on these texts, so there is nothing to "
            "hold attention against."
        )
        return Answer(
            "agreement", title, group, "undetermined", sentence, n=worst.n, threshold=policy.share_of_ceiling
        )
    verdicts = {verdict(share, policy.share_of_ceiling) for share in known.values()}
    answer: Verdict = (
        "not supported"
        if "not supported" in verdicts
        else "supported"
        if verdicts == {"supported"}
        else "undetermined"
    )
    ceiling = numbers["agreement", f"{gradient.removeprefix('attention ~ ')} ~ leave_one_out", group, "mean"]
    weak = ceiling.low is None or ceiling.low < policy.least_ceiling
    if answer == "supported" and weak:
        answer = "undetermined"
    tau = numbers["agreement", worst_subject, group, "mean"]
    other = worded(worst_subject.removeprefix("attention ~ "))
    sentence = (
        f"Attention and {other} agree at τ = {tau.value:.2f} on average, {worst.value:.0%} "
        f"(95% interval {worst.low:.0%} to {worst.high:.0%}) of what gradient and leave-one-out reach between "
        f"themselves; {policy.share_of_ceiling:.0%} is asked."
    )
    if weak and answer != "not supported":
        sentence += (
            f" But these two agree at only τ = {ceiling.value:.2f}, below the {policy.least_ceiling:.1f} from which "
            "agreeing with them would show much."
        )
    return Answer(
        "agreement",
        title,
        group,
        answer,
        sentence,
        worst.value,
        worst.low,
        worst.high,
        worst.n,
        policy.share_of_ceiling,
    )


def _exclusiveness(numbers: _Numbers, group: str, policy: Policy) -> Answer:
    title = _TITLES["exclusiveness"]
    tvd = numbers.get(("permutation", "permuted", group, "median_tvd"))
    if tvd is None:
        return Answer("exclusiveness", title, group, "not run", "Attention was not permuted.")
    if tvd.value is None:
        sentence = "No text here has two tokens or more, so there was nothing to permute."
        return Answer(
            "exclusiveness", title, group, "undetermined", sentence, threshold=policy.permutation_tvd
        )
    sentence = (
        f"Giving the weights to the words at random moves the typical prediction by {tvd.value:.3f} "
        f"(95% interval {_to(tvd)}) of probability; {policy.permutation_tvd:.2f} is asked."
    )
    far = numbers.get(("adversary", "adversarial_exact", group, "share_jsd_from_0.4"))
    if far is not None and far.value is not None:
        sentence += (
            f" For {far.value:.0%} of the texts an attention far from the model's own gives the same "
            "prediction."
        )
    answer = verdict(tvd, policy.permutation_tvd)
    return Answer("exclusiveness", title, group, answer, sentence, *tvd, policy.permutation_tvd)


def _to(estimate: Estimate) -> str:
    return "unknown" if estimate.low is None else f"{estimate.low:.3f} to {estimate.high:.3f}"
