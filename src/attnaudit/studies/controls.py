"""Models whose truth is known: what must the audit say of them?

Each is trained on texts in which known words decide the label (generated reviews, and on request real text), and
declares the answer that it must get on each question. They are run once for each version of the numbers and kept; an
answer that is the opposite of what was declared means that the audit cannot be trusted here, and the card says so
first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnaudit import store as stored
from attnaudit.card import Verdict
from attnaudit.errors import StoreError
from attnaudit.result import Result
from attnaudit.spec import NUMBERS_VERSION, Spec
from attnaudit.spec.policy import Policy

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


@dataclass(frozen=True, slots=True)
class Known:
    """One control: what it is, the spec of its run, and for each question the answer that is true of every class."""

    name: str
    about: str
    plain: Mapping[str, Any]
    expected: Mapping[str, Verdict]

    def spec(self, seed: int = 0) -> Spec:
        """The spec of its run from one seed."""
        return Spec.parse({**self.plain, "seed": seed})


_QUESTIONS = {"counterfactuals": ["permuted", "same_weights"]}

# That weights can be re-assigned with the same prediction is a fact of such read-outs, wherever the evidence is.
_SHOWN: Mapping[str, Verdict] = {
    "agreement": "supported",
    "exclusiveness": "not supported",
    "removal": "supported",
}
_HIDDEN: Mapping[str, Verdict] = {
    "agreement": "not supported",
    "exclusiveness": "not supported",
    "removal": "not supported",
}

CONTROLS: tuple[Known, ...] = (
    Known(
        "positive",
        "One word decides each generated review, and a token-wise model attends to it.",
        {
            **_QUESTIONS,
            "task": {**_REVIEWS, "train": 1600},
            # More texts, slower: a model that is too sure takes one class for granted, and then has no words for it.
            "model": {"encoder": "average", "embedding": 64, "hidden": 64},
            "train": {"epochs": 8, "learning_rate": 0.003},
        },
        _SHOWN,
    ),
    Known(
        "negative",
        "The same reviews; a recurrent model was trained to attend to anything but the word that decides.",
        {
            **_QUESTIONS,
            "task": _REVIEWS,
            "model": {"encoder": "bilstm", "embedding": 32, "hidden": 32},
            "train": {"epochs": 8, "learning_rate": 0.01, "goal": {"name": "hide", "weight": 1.0}},
        },
        _HIDDEN,
    ),
)


def _hard(task: str, **train: Any) -> dict[str, Any]:
    encoder = "bilstm" if "goal" in train else "average"
    return {
        **_QUESTIONS,
        "task": task,
        "limit": 400,
        "model": {"encoder": encoder, "embedding": 64, "hidden": 64},
        "train": {"epochs": 4, "learning_rate": 0.003, **train},
    }


HARDER: tuple[Known, ...] = (
    Known(
        "pronouns, attended",
        "Sentences of biographies, where pronouns tell a man's from a woman's; a token-wise model attends to them.",
        _hard("pronoun"),
        _SHOWN,
    ),
    Known(
        "pronouns, hidden",
        "The same sentences; a recurrent model was trained to attend to anything but the pronouns.",
        _hard("pronoun", goal={"name": "hide", "weight": 1.0}),
        _HIDDEN,
    ),
    Known(
        "reviews, hidden",
        "Sentences of reviews with an unrelated one behind each; a recurrent model attends to that one, by training.",
        _hard("sst_wiki", goal={"name": "hide", "weight": 1.0}),
        _HIDDEN,
    ),
)
"""The same in real text, `sst_wiki` and `pronoun` (Pruthi et al. 2020), where other words hint at the label too."""


def place(store: str | Path) -> Path:
    """Where the runs of the controls are kept: in the user's cache, for this version of the numbers."""
    cache = stored.cache_folder()
    return (cache if cache is not None else Path(store)) / f"controls-{NUMBERS_VERSION}"


def kept(known: Known, folder: Path) -> dict[str, Any] | None:
    """What the audit said of a control when it was last run here; None where it was not, or the rules were others."""
    try:
        return json.loads(_file(known, folder).read_text())
    except (OSError, ValueError):
        return None


def keep(known: Known, result: Result, folder: Path) -> dict[str, Any]:
    """What the audit says of a control, kept for the next card."""
    found = answered(known, result)
    with suppress(StoreError):  # a card that has the answers must not fail because the next has to ask again
        stored.write_atomically(_file(known, folder), json.dumps(found).encode())
    return found


def _file(known: Known, folder: Path) -> Path:
    rules = [known.spec().plain(), known.about, dict(known.expected), Policy().plain()]
    name = hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()[:12]
    return folder / f"{known.name}-{name}.json"


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
        if answer.question in known.expected
    ]
    return {"name": known.name, "about": known.about, "run": result.folder.name, "answers": answers}
