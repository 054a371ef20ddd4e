"""Do models whose answers are known beforehand get them? If not, the card says so before anything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from attnaudit.card.answer import Verdict
from attnaudit.summary import OVERALL
from attnaudit.wording import counted


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """One question of a control about one group: the answers that would be right, and the one that was found."""

    question: str
    group: str
    expected: tuple[Verdict, ...]
    found: Verdict
    sentence: str

    @property
    def passed(self) -> bool:
        """Found as expected, or left open: `undetermined` contradicts nothing, and neither does `not run`."""
        return self.found in self.expected or self.found in ("undetermined", "not run")

    @property
    def failed(self) -> bool:
        """Answered, and wrongly."""
        return not self.passed


@dataclass(frozen=True, slots=True)
class Control:
    """A model and corpus made so that answers are known beforehand; `about` says what was made."""

    name: str
    about: str
    answers: tuple[ControlAnswer, ...]

    @property
    def failed(self) -> tuple[ControlAnswer, ...]:
        """The answers that came out wrong."""
        return tuple(answer for answer in self.answers if answer.failed)

    @property
    def line(self) -> str:
        """What came out, in a line."""
        if self.failed:
            wrong = "; ".join(
                f"{one.question} ({'all texts' if one.group == OVERALL else one.group}) came out {one.found}, "
                f"expected {' or '.join(one.expected)}"
                for one in self.failed
            )
            return f"{self.name} failed: {wrong}. {self.about}"
        open_ = sum(one.found not in one.expected for one in self.answers)
        left = f", {open_} left open" if open_ else ""
        return f"{self.name} passed: {counted(len(self.answers) - open_, 'answer')} as expected{left}. {self.about}"


def controls_of(evidence: Mapping[str, Any]) -> tuple[Control, ...]:
    """The controls that stand in the manifest of the evidence of a run."""
    return tuple(
        Control(
            control["name"],
            control["about"],
            tuple(
                ControlAnswer(**{**answer, "expected": tuple(answer["expected"])})
                for answer in control["answers"]
            ),
        )
        for control in evidence.get("controls", ())
    )


NOT_RUN = "Controls were not run, so nothing here shows that the audit tells good attention from bad."


def lead(controls: Sequence[Control]) -> str:
    """What a card says first where a control failed; else nothing."""
    failed = [control.name for control in controls if control.failed]
    if not failed:
        return ""
    return (
        f"{counted(len(failed), 'control')} failed ({', '.join(failed)}): where the right answers are known this "
        "audit gave wrong ones, so the answers below cannot be relied on."
    )


def lines(controls: Sequence[Control]) -> list[str]:
    """A line a control, failed ones first; or that there was none."""
    return [one.line for one in sorted(controls, key=lambda one: not one.failed)] or [NOT_RUN]
