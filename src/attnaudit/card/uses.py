"""The answers → which uses of the attention they allow. A use asks several questions, and all must be supported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attnaudit.card.answer import Answer, Verdict
from attnaudit.spec.policy import Policy
from attnaudit.summary import OVERALL
from attnaudit.wording import listed

UseVerdict = Literal["supported", "not supported", "undetermined"]


@dataclass(frozen=True, slots=True)
class Use:
    """Whether attention may be put to a use: the verdict, and the questions that stand in its way."""

    name: str
    verdict: UseVerdict
    questions: tuple[str, ...]
    in_the_way: tuple[str, ...]
    sentence: str


def uses(answers: Sequence[Answer], policy: Policy | None = None) -> list[Use]:
    """Each use of the policy, for all texts together; the sentence says where a class is answered otherwise."""
    policy = policy or Policy()
    classes = list(dict.fromkeys(a.group for a in answers if a.group != OVERALL))
    found = []
    for name, questions in policy.uses.items():
        whole = use_of(answers, name, questions)
        other = {group: use_of(answers, name, questions, group).verdict for group in classes}
        if any(one != whole.verdict for one in other.values()):
            said = "; ".join(f"{group}: {one}" for group, one in other.items())
            sentence = f"{whole.sentence} By class: {said}."
            whole = Use(name, whole.verdict, questions, whole.in_the_way, sentence)
        found.append(whole)
    return found


def use_of(answers: Sequence[Answer], name: str, questions: tuple[str, ...], group: str = OVERALL) -> Use:
    """A use for one group. A question that was run for no group stands there once, for all of them."""
    verdicts = {question: answer_to(answers, question, group) for question in questions}
    by_verdict: dict[Verdict, list[str]] = {
        one: [question for question, found in verdicts.items() if found == one]
        for one in ("not supported", "undetermined", "not run", "supported")
    }
    against, favour = by_verdict["not supported"], by_verdict["supported"]
    found: UseVerdict = (
        "not supported" if against else "supported" if len(favour) == len(questions) else "undetermined"
    )
    said = [
        f"{listed(some)} {('is', 'are')[len(some) > 1]} {one}"
        if one != "not run"
        else f"{listed(some)} {('was', 'were')[len(some) > 1]} not run"
        for one, some in by_verdict.items()
        if some
    ]
    sentence = f"{'; '.join(said)}.".capitalize()
    return Use(name, found, questions, tuple(q for q in questions if verdicts[q] != "supported"), sentence)


def answer_to(answers: Sequence[Answer], question: str, group: str) -> Verdict:
    """The verdict on a question in a group; a question that stands there for all texts only was not run."""
    of = {a.group: a.verdict for a in answers if a.question == question}
    return of.get(group, "not run")
