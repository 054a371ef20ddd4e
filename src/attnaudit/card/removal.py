"""Question 5: do the most attended words decide the prediction?

Two numbers decide: words that lose their attention while the encoder's states stay, and words that are deleted so
that the text is encoded anew. A model that attends beside what it uses is found out by the second alone: its states
carry the words that decide to where it attends. So the second may decide alone, which it must where attention is
not the only way of the words into the prediction (transformers); the first may not.
"""

from __future__ import annotations

from attnaudit.card.answer import (
    Answer,
    Numbers,
    Part,
    answer_by,
    half_answered,
    not_answered,
    part,
    spread_of_share,
)
from attnaudit.named import SOONER, gradient_of
from attnaudit.spec.policy import Policy
from attnaudit.stats.inference import Estimate
from attnaudit.wording import counted

_QUESTION = "removal"


def removal(numbers: Numbers, group: str, policy: Policy) -> Answer:
    """By how often the decision flips sooner than in random orders, with fixed states and with words deleted."""
    asked = policy.sooner_than_random
    found = {how: numbers.get(("erasure", f"attention, {how}", group, SOONER)) for how in _HOW}
    run = {how: sooner for how, sooner in found.items() if sooner is not None}
    if not run:
        return not_answered(
            _QUESTION, group, "not run", f"Words were not erased in order of attention; {_ASK}"
        )
    if all(sooner.value is None for sooner in run.values()):
        said = "No order of removal changes any decision here, so none can be said to find the words."
        return not_answered(_QUESTION, group, "undetermined", said, threshold=asked)
    parts = [_part(how, sooner, asked, policy) for how, sooner in run.items()]
    answer = answer_by(_QUESTION, group, parts, _gradient(numbers, group))
    return answer if "delete" in run else half_answered(answer, f"words were not deleted; {_ASK}")


_HOW = {
    "renormalise": "Losing their attention in order of it",
    "delete": "Deleted in order of attention, with the text encoded anew",
}


_ASK = "a run does so unless its spec has other `erasures`."


def _part(how: str, sooner: Estimate, asked: float, policy: Policy) -> Part:
    if sooner.value is None:  # open, and not left out: both are asked
        return Part("undetermined", f"{_HOW[how]}, words change no decision in any order.", sooner, asked)
    said = (
        f"{_HOW[how]}, words change the decision sooner than in {sooner.value:.0%} of random orders "
        f"({spread_of_share(sooner)}, {counted(sooner.n)}; chance is 50%, {asked:.0%} is asked)."
    )
    return part(said, sooner, asked, policy)


def _gradient(numbers: Numbers, group: str) -> str:
    """How the gradient's order does, by the first way that was asked."""
    for how in _HOW:
        sooner = {
            subject: other.value
            for (experiment, subject, of, statistic), other in numbers.items()
            if (experiment, of, statistic) == ("erasure", group, SOONER)
            and subject.endswith(f", {how}")
            and "×" not in subject
            and other.value is not None
        }
        gradient = gradient_of(sooner)
        if gradient is not None:
            return f" In order of the gradient: {sooner[gradient]:.0%}."
    return ""
