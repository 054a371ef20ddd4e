"""The card where nothing can be trained: what needs it was not merely not run, it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from attnaudit.card.answer import Answer

IMPORTED = "Needs the model itself; the scores were imported without it."
GIVEN = "Needs other trainings of this model; it was given, and how it was trained is not known."


def without_model(answers: Sequence[Answer], why: str) -> list[Answer]:
    """The same answers; of the questions that were not run the sentence says why, and not how to run them."""
    return [
        replace(answer, sentence=why)
        if answer.verdict == "not run" and answer.question != "agreement"
        else answer
        for answer in answers
    ]
