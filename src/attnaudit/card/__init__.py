"""The summary → answers to the questions that decide whether attention may be shown as an explanation.

Each answer is a verdict by a written rule, with its number, interval, number of instances and a sentence made
from them. There is no answer to "is attention explanation?": only to which use of it the numbers allow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from attnaudit.card.agreement import agreement
from attnaudit.card.answer import Answer, Numbers, Verdict, verdict
from attnaudit.card.consistency import consistency
from attnaudit.card.exclusiveness import exclusiveness
from attnaudit.card.necessity import necessity
from attnaudit.card.removal import removal
from attnaudit.card.uses import Use, uses
from attnaudit.card.without_model import GIVEN, IMPORTED, without_model
from attnaudit.spec.policy import Policy
from attnaudit.summary import OVERALL, lookup

__all__ = [
    "GIVEN",
    "IMPORTED",
    "Answer",
    "Policy",
    "Use",
    "Verdict",
    "by_class",
    "card",
    "uses",
    "verdict",
    "without_model",
]

_ASKED: Mapping[str, Callable[[Numbers, str, Policy], Answer]] = {
    "agreement": agreement,
    "exclusiveness": exclusiveness,
    "necessity": necessity,
    "consistency": consistency,
    "removal": removal,
}


def card(
    summary: pa.Table, groups: tuple[str, ...] = (OVERALL,), policy: Policy | None = None
) -> list[Answer]:
    """One answer a question and group, questions in the order of the card; what was run for none is said once."""
    policy = policy or Policy()
    numbers = lookup(summary)
    answers = []
    for ask in _ASKED.values():
        found = [ask(numbers, group, policy) for group in groups]
        nowhere = all(answer.verdict == "not run" for answer in found)
        answers += found[:1] if nowhere else found
    return answers


def by_class(overall: Answer, answers: Sequence[Answer]) -> str:
    """The verdicts of the classes, where they are not all that of the whole: an average may hide opposites."""
    classes = [a for a in answers if a.question == overall.question and a.group != OVERALL]
    if all(a.verdict == overall.verdict for a in classes):
        return ""
    return " By class: " + "; ".join(f"{a.group}: {a.verdict}" for a in classes) + "."
