"""The summary → answers to the questions that decide whether attention may be shown as an explanation.

Each answer is a verdict by a written rule, with its number, interval, number of instances and a sentence made
from them. There is no answer to "is attention explanation?": only to which use of it the numbers allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import pyarrow as pa

from attnaudit.per_instance import SOONER
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

    `least_texts`: fewer texts than this get no verdict. 30 is our choice, because a percentile bootstrap of fewer
    covers less than it says.

    `permutation_tvd`: median over texts of the median output change under permuted attention. 0.1 is our choice,
    because below it re-assigning the weights at random leaves the typical prediction where it was to within
    ten points of probability; the paper shows the distribution and gives no threshold.

    `sooner_than_random`: share of random orders that need more words removed than attention's order does until the
    decision flips (half of those that need as many). 0.5 is chance; 0.75 is our choice, because an order that loses
    against more than one random order in four can hardly be said to find the words that decide.
    """

    share_of_ceiling: float = 0.8
    least_ceiling: float = 0.4
    least_texts: int = 30
    permutation_tvd: float = 0.1
    sooner_than_random: float = 0.75


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
    "exclusiveness": "Does permuting the attention change the prediction?",
    "necessity": "Does the model need learned attention at all?",
    "consistency": "Would another training run have attended to the same words?",
    "removal": "Do the most attended words decide the prediction?",
}
_SHARE = "share_of_ceiling"
_SEVERITY: tuple[Verdict, ...] = ("not supported", "undetermined", "supported")
_NOT_RUN = {
    "necessity": "Needs a model with uniform attention trained beside this one; this version does not train it.",
    "consistency": "Needs the same model trained from several seeds; this version trains one.",
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
    return answers + [_removal(numbers, group, policy) for group in groups]


def without_model(answers: Sequence[Answer]) -> list[Answer]:
    """The card of imported scores: what needs the model was not merely not run, it cannot be."""
    why = "Needs the model itself; the scores were imported without it."
    return [
        replace(answer, sentence=why)
        if answer.verdict == "not run" and answer.question != "agreement"
        else answer
        for answer in answers
        if answer.group == OVERALL or answer.verdict != "not run"
    ]


def by_class(overall: Answer, answers: Sequence[Answer]) -> str:
    """The verdicts of the classes, where they are not all that of the whole: an average may hide opposites."""
    classes = [a for a in answers if a.question == overall.question and a.group != OVERALL]
    if all(a.verdict == overall.verdict for a in classes):
        return ""
    return " By class: " + "; ".join(f"{a.group}: {a.verdict}" for a in classes) + "."


def verdict(estimate: Estimate, threshold: float) -> Verdict:
    """By the interval: wholly at or above the threshold, wholly below it, or straddling."""
    if estimate.low is None or estimate.high is None:
        return "undetermined"
    if estimate.low >= threshold:
        return "supported"
    return "not supported" if estimate.high < threshold else "undetermined"


_Numbers = dict[tuple[str, str, str, str], Estimate]


def _agreement(numbers: _Numbers, group: str, policy: Policy) -> Answer:
    asked = policy.share_of_ceiling
    answer = partial(Answer, "agreement", _TITLES["agreement"], group)
    measures = [
        s.removeprefix("attention ~ ") for e, s, g, t in numbers if (e, g, t) == ("agreement", group, _SHARE)
    ]
    gradient = next((name for name in measures if name.startswith("gradient")), None)
    if gradient is None or "leave_one_out" not in measures:
        return answer("not run", "Attention, a gradient and leave-one-out were not all measured.")
    shares = {m: numbers["agreement", f"attention ~ {m}", group, _SHARE] for m in (gradient, "leave_one_out")}
    if any(share.value is None for share in shares.values()):
        n = min(share.n for share in shares.values())
        too_few = (
            f"τ exists for too few texts ({n}) to say anything: the others have fewer than two tokens, or constant "
            "scores."
        )
        no_ceiling = (
            "Gradient and leave-one-out do not agree with each other on these texts, so there is nothing to hold "
            "attention against."
        )
        return answer("undetermined", too_few if n < 2 else no_ceiling, n=n, threshold=asked)
    # The measure that attention does worst with decides, and the sentence speaks of that one.
    verdicts = {measure: verdict(share, asked) for measure, share in shares.items()}
    worst = min(shares, key=lambda m: (_SEVERITY.index(verdicts[m]), shares[m].value or 0.0))
    share, found = shares[worst], verdicts[worst]
    tau = numbers["agreement", f"attention ~ {worst}", group, "mean"]
    sentence = (
        f"Attention and {worded(worst)} agree at τ = {tau.value:.2f} on average, {share.value:.0%} "
        f"(95% interval {share.low:.0%} to {share.high:.0%}) of what gradient and leave-one-out reach between "
        f"themselves; {asked:.0%} is asked."
    )
    ceiling = numbers["agreement", f"{gradient} ~ leave_one_out", group, "mean"]
    if found != "not supported" and (ceiling.low is None or ceiling.low < policy.least_ceiling):
        found = "undetermined"
        sentence += (
            f" But these two agree with each other at τ = {ceiling.value:.2f} ({_to(ceiling)}), not clearly above "
            f"the {policy.least_ceiling:.1f} from which agreeing with them would show much."
        )
    return _enough(answer(found, sentence, *share, asked), policy)


def _exclusiveness(numbers: _Numbers, group: str, policy: Policy) -> Answer:
    asked = policy.permutation_tvd
    answer = partial(Answer, "exclusiveness", _TITLES["exclusiveness"], group)
    tvd = numbers.get(("permutation", "permuted", group, "median_tvd"))
    if tvd is None:
        return answer("not run", "Attention was not permuted.")
    if tvd.value is None:
        sentence = "No text here has two tokens or more, so there was nothing to permute."
        return answer("undetermined", sentence, threshold=asked)
    sentence = (
        f"Giving the weights to the words at random moves the typical prediction by {tvd.value:.3f} ({_to(tvd)}) of "
        f"probability; {asked:.2f} is asked."
    )
    sentence += _far(numbers, group)
    return _enough(answer(verdict(tvd, asked), sentence, *tvd, asked), policy)


def _removal(numbers: _Numbers, group: str, policy: Policy) -> Answer:
    asked = policy.sooner_than_random
    answer = partial(Answer, "removal", _TITLES["removal"], group)
    sooner = numbers.get(("erasure", "attention, renormalise", group, SOONER))
    if sooner is None:
        return answer("not run", "Words were not erased in order of attention.")
    if sooner.value is None:
        sentence = "No order of removal changes any decision here, so none can be said to find the words."
        return answer("undetermined", sentence, threshold=asked)
    sentence = (
        f"Taken away in order of attention, words change the decision sooner than in {sooner.value:.0%} of random "
        f"orders (95% interval {sooner.low:.0%} to {sooner.high:.0%}; chance is 50%, {asked:.0%} is asked)."
        if sooner.low is not None
        else f"Only one text: sooner than in {sooner.value:.0%} of random orders."
    )
    for (experiment, subject, of, statistic), other in numbers.items():
        gradient = subject.startswith("gradient") and subject.endswith(", renormalise") and "×" not in subject
        if (experiment, of, statistic) == ("erasure", group, SOONER) and gradient and other.value is not None:
            sentence += f" In order of the gradient: {other.value:.0%}."
            break
    return _enough(answer(verdict(sooner, asked), sentence, *sooner, asked), policy)


def _far(numbers: _Numbers, group: str) -> str:
    """On how many texts another attention does as well, by what was solved; nothing where only a search was run."""
    for kind in ("adversarial_exact", "adversarial_bracket"):
        far = numbers.get(("adversary", kind, group, "share_jsd_from_0.4"))
        if far is not None and far.value is not None:
            least = "at least " if kind == "adversarial_bracket" and far.value < 1 else ""
            return (
                f" Shown, not decisive: for {least}{far.value:.0%} of the texts some attention far from the model's "
                "own keeps the output within ε."
            )
    return ""


def _enough(answer: Answer, policy: Policy) -> Answer:
    """The same answer, or `undetermined` where it rests on too few texts to be one."""
    if answer.n >= policy.least_texts:
        return answer
    few = f"Only {answer.n} texts: {policy.least_texts} are asked for a verdict. "
    return replace(answer, verdict="undetermined", sentence=few + answer.sentence)


def _to(estimate: Estimate) -> str:
    """The interval in words."""
    if estimate.low is None:
        return "one text, so no interval"
    return f"95% interval {estimate.low:.3f} to {estimate.high:.3f}"
