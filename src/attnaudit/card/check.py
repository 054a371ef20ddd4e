"""Does a run hold what a policy requires? One of three outcomes, for a script to act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from attnaudit.card.answer import Answer, Verdict
from attnaudit.card.controls import Control
from attnaudit.card.uses import use_of
from attnaudit.spec.policy import QUESTIONS, Policy
from attnaudit.summary import OVERALL

Outcome = Literal["holds", "does not hold", "undetermined"]

EXIT_CODES = {"holds": 0, "does not hold": 1, "undetermined": 3}
"""Exit codes of `attnaudit check`; 2 is for bad input, as everywhere."""


@dataclass(frozen=True, slots=True)
class Required:
    """One question or use that is required of one group, and what was found."""

    name: str
    group: str
    verdict: Verdict
    sentence: str


@dataclass(frozen=True, slots=True)
class Check:
    """What was required, found and concluded."""

    outcome: Outcome
    required: tuple[Required, ...]


def check(answers: Sequence[Answer], controls: Sequence[Control], policy: Policy) -> Check:
    """Whether all that a policy requires is supported; with a failed control that is never said."""
    groups = list(dict.fromkeys([OVERALL, *(a.group for a in answers)]))
    groups = groups if policy.groups == "each class" else groups[:1]
    required = tuple(_required(answers, name, group, policy) for name in policy.require for group in groups)
    verdicts = {one.verdict for one in required}
    outcome: Outcome = "undetermined"
    if "not supported" in verdicts:
        outcome = "does not hold"
    elif verdicts == {"supported"} and not any(control.failed for control in controls):
        outcome = "holds"
    return Check(outcome, required)


def _required(answers: Sequence[Answer], name: str, group: str, policy: Policy) -> Required:
    if name not in QUESTIONS:
        use = use_of(answers, name, policy.uses[name], group)
        return Required(name, group, use.verdict, use.sentence)
    own = [a for a in answers if a.question == name]
    # What was run for no group stands among the answers once, for all of them.
    answer = next((a for a in own if a.group == group), own[0])
    return Required(name, group, answer.verdict, answer.sentence)
