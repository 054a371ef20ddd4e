"""Question 5: do the most attended words decide the prediction?"""

from __future__ import annotations

from attnaudit.card.answer import Answer, Numbers, answer_by, not_answered, part, spread_of_share
from attnaudit.per_instance import SOONER
from attnaudit.spec.policy import Policy

_QUESTION = "removal"


def removal(numbers: Numbers, group: str, policy: Policy) -> Answer:
    """By how often the decision flips sooner than in random orders of removal."""
    asked = policy.sooner_than_random
    sooner = numbers.get(("erasure", "attention, renormalise", group, SOONER))
    if sooner is None:
        said = (
            "Words were not erased in order of attention; a run does so unless its spec has other `erasures`."
        )
        return not_answered(_QUESTION, group, "not run", said)
    if sooner.value is None:
        said = "No order of removal changes any decision here, so none can be said to find the words."
        return not_answered(_QUESTION, group, "undetermined", said, threshold=asked)
    said = (
        f"Taken away in order of attention, words change the decision sooner than in {sooner.value:.0%} of random "
        f"orders ({spread_of_share(sooner)}; chance is 50%, {asked:.0%} is asked)."
    )
    return answer_by(_QUESTION, group, [part(said, sooner, asked, policy)], _gradient(numbers, group))


def _gradient(numbers: Numbers, group: str) -> str:
    for (experiment, subject, of, statistic), other in numbers.items():
        gradient = subject.startswith("gradient") and subject.endswith(", renormalise") and "×" not in subject
        if (experiment, of, statistic) == ("erasure", group, SOONER) and gradient and other.value is not None:
            return f" In order of the gradient: {other.value:.0%}."
    return ""
