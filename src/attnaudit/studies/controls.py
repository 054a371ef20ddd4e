"""Models whose truth is known: what must the audit say of them?

Each is trained on generated reviews in which a single known word decides the label, and declares the answer that it
must get on each question. They are run once for each version of the numbers and kept; an answer that is the opposite
of what was declared means that the audit cannot be trusted here, and the card says so first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnaudit import store as stored
from attnaudit.card import Verdict
from attnaudit.result import Result
from attnaudit.spec import NUMBERS_VERSION, Spec
from attnaudit.summary import OVERALL

_REVIEWS = {
    "name": "planted",
    "train": 800,
    "dev": 100,
    "test": 200,
    "evidence": 1,
    "distractors": 0,
    "negation": 0,
    "noise": 0,
}
_SMALL = {"embedding": 32, "hidden": 32}


@dataclass(frozen=True, slots=True)
class Known:
    """One control: what it is, the spec of its run, and for each question the answer that is true of it."""

    name: str
    about: str
    plain: Mapping[str, Any]
    expected: Mapping[str, Verdict]

    def spec(self, seed: int = 0) -> Spec:
        """The spec of its run from one seed."""
        return Spec.parse({**self.plain, "seed": seed})


CONTROLS: tuple[Known, ...] = (
    Known(
        "positive",
        "One word decides each generated review, and a token-wise model attends to it.",
        {
            "task": _REVIEWS,
            "model": {"encoder": "average", **_SMALL},
            "train": {"epochs": 8, "learning_rate": 0.01},
        },
        {"agreement": "supported", "removal": "supported"},
    ),
    Known(
        "negative",
        "The same reviews; a recurrent model was trained to attend to anything but the word that decides.",
        {
            "task": _REVIEWS,
            "model": {"encoder": "bilstm", **_SMALL},
            "train": {"epochs": 8, "learning_rate": 0.01, "goal": {"name": "hide", "weight": 1.0}},
        },
        {"agreement": "not supported", "removal": "not supported"},
    ),
)


def place(store: str | Path) -> Path:
    """Where the runs of the controls are kept: in the user's cache, for this version of the numbers."""
    cache = stored.cache_folder()
    return (cache if cache is not None else Path(store)) / f"controls-{NUMBERS_VERSION}"


def answered(known: Known, result: Result) -> dict[str, Any]:
    """What the audit said of a control beside what is true of it, as plain values for the evidence of a run."""
    answers = [
        {
            "question": answer.question,
            "group": answer.group,
            "expected": [known.expected[answer.question]],
            "found": answer.verdict,
            "sentence": answer.sentence,
        }
        for answer in result.card
        if answer.question in known.expected and answer.group == OVERALL
    ]
    return {"name": known.name, "about": known.about, "run": result.folder.name, "answers": answers}
