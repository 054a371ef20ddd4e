"""The card of imported scores: what needs the model was not merely not run, it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from attnaudit.card.answer import Answer

_WHY = "Needs the model itself; the scores were imported without it."


def without_model(answers: Sequence[Answer]) -> list[Answer]:
    """The same answers; of the questions that need the model the sentence says so, and not how to run them."""
    return [
        replace(answer, sentence=_WHY)
        if answer.verdict == "not run" and answer.question != "agreement"
        else answer
        for answer in answers
    ]
