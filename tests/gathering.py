"""Runs with companions in seconds: small specs, and trainings one after another in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from attnaudit.errors import AuditError
from attnaudit.result import Result
from attnaudit.run import audit
from attnaudit.spec import Spec
from attnaudit.spec.companions import Companions
from attnaudit.studies import gather as module
from attnaudit.sweep import Outcome


def spec(**changes: Any) -> Spec:
    """An audit of 30 generated texts, with two questions, in a second."""
    plain: dict[str, Any] = {
        "task": {"name": "planted", "train": 80, "dev": 30, "test": 30, "longest": 20},
        "model": {"embedding": 8, "hidden": 8, "encoder": "average"},
        "train": {"epochs": 2, "learning_rate": 0.02},
        "measures": ["attention"],
        "counterfactuals": [{"name": "permuted", "draws": 5}, "adversarial_exact"],
        "erasures": [],
    }
    return Spec.parse(plain | changes)


def asked(**changes: Any) -> Companions:
    """Companions without controls."""
    return Companions.parse({"controls": False, **changes})


class InThisProcess:
    """Stands for `sweep`: counts what was asked, and audits it here."""

    def __init__(self) -> None:
        self.specs: list[Spec] = []

    def __call__(
        self, specs: Sequence[Spec], *, store: Sequence[str | Path], watch: Any = None, **_where: Any
    ) -> Iterator[Outcome]:
        for number, (one, place) in enumerate(zip(specs, store, strict=True)):
            self.specs.append(one)
            if watch is not None:
                watch(number, "training", 1, 1)
            try:
                folder = audit(Spec.parse(one.plain()), store=place).folder
            except AuditError as error:
                yield Outcome(number, None, str(error), 0.0)
            else:
                yield Outcome(number, folder, None, 0.0)


def in_this_process(monkeypatch: pytest.MonkeyPatch) -> InThisProcess:
    """Trainings of `gather` run here from now on."""
    stand_in = InThisProcess()
    monkeypatch.setattr(module, "sweep", stand_in)
    return stand_in


def evidence_bytes(result: Result) -> dict[str, bytes]:
    """Every part of the evidence of a run by its name."""
    folder = result.folder / "evidence" / "diagnostic"
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
