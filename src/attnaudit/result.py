"""An open run folder: its manifest, its tables, and what follows from them. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import pyarrow as pa

from attnaudit import store
from attnaudit.agreement import agreement, plausibility, rationale_share
from attnaudit.card import GIVEN, IMPORTED, Answer, Policy, Use, by_class, card, uses, without_model
from attnaudit.card.controls import Control, controls_of, lead, lines
from attnaudit.errors import SpecError
from attnaudit.per_instance import PerInstance, per_instance
from attnaudit.spec import Spec
from attnaudit.summary import OVERALL, summary
from attnaudit.tables import TABLES
from attnaudit.wording import counted, quality_line


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run. Tables are read, checked and derived when they are first asked for."""

    folder: Path
    manifest: Mapping[str, Any]
    tables: Tables = field(repr=False)
    evidence: Mapping[str, Any] | None = field(repr=False, default=None)
    """The manifest of what other trainings and the controls add; None where nothing was gathered."""

    @classmethod
    def open(cls, folder: str | Path) -> Result:
        """The run in a folder.

        Raises:
            StoreError: the folder is missing, unfinished, altered, or from a newer version.
        """
        folder = Path(folder)
        manifest = store.read_manifest(folder)
        evidence = store.read_evidence(folder)
        return cls(folder, manifest, Tables(folder, manifest, evidence), evidence)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by index."""
        return tuple(self.manifest["classes"])

    @property
    def imported(self) -> bool:
        """Whether the scores were computed elsewhere: then there is no model, and nothing that needs one."""
        return "imported" in self.manifest["model"]

    @property
    def transformer(self) -> bool:
        """Whether the model is a transformer that was given."""
        return self.manifest["model"].get("name") == "transformer"

    @property
    def spec(self) -> Spec:
        """What was asked.

        Raises:
            SpecError: nothing was: the scores were imported.
        """
        if self.imported:
            raise SpecError(f"{self.folder}: holds imported scores; no spec has asked for them")
        return Spec.parse(self.manifest["spec"])

    @property
    def per_instance(self) -> PerInstance:
        """The numbers of each audited text; memory for a few hundred bytes a text, whatever the tables hold."""
        return self.tables.per_instance

    @property
    def groups(self) -> tuple[str, ...]:
        """`overall` and the predicted classes, as the summary has them."""
        return tuple(dict.fromkeys([OVERALL, *self.tables["summary"]["group"].to_pylist()]))

    @property
    def scores(self) -> dict[str, float | None]:
        """How good the model is on the audited split, by metric; None where undefined."""
        return {row["metric"]: row["value"] for row in self.tables["scores"].to_pylist()}

    @property
    def card(self) -> list[Answer]:
        """The answers by the policy of the run, overall and by predicted class."""
        return self.answers()

    def answers(self, policy: Policy | None = None) -> list[Answer]:
        """The answers by a policy (that of the run where none is given), overall and by predicted class."""
        answers = card(self.tables["summary"], self.groups, policy or self.policy)
        why = IMPORTED if self.imported else GIVEN if self.transformer else None
        return answers if why is None else without_model(answers, why)

    def uses(self, policy: Policy | None = None) -> list[Use]:
        """What the answers allow this attention to be used for, by a policy."""
        policy = policy or self.policy
        return uses(self.answers(policy), policy)

    @property
    def controls(self) -> tuple[Control, ...]:
        """Models whose right answers are known, and what they were given; none where they were not run."""
        return controls_of(self.evidence or {})

    @property
    def policy(self) -> Policy:
        """The policy that was given with the run, else the default one."""
        given = (self.evidence or {}).get("policy")
        return Policy() if given is None else Policy.parse(given, source=f"{self.folder}: policy")

    def _repr_html_(self) -> str:
        answers = self.card
        allowed = "".join(
            f"<li>{escape(use.name)}: <b>{escape(use.verdict)}</b>. {escape(use.sentence)}</li>"
            for use in self.uses()
        )
        rows = "".join(
            f"<tr><td>{escape(a.title)}</td><td><b>{escape(a.verdict)}</b></td>"
            f"<td>{escape(a.sentence + by_class(a, answers))}</td></tr>"
            for a in answers
            if a.group == OVERALL
        )
        return (
            f"<p><b>{escape(self.folder.name)}</b>: {counted(self.manifest['data']['audited'])} of "
            f"{escape(self.manifest['data']['corpus'])}; {escape(quality_line(self.scores))}</p>"
            + "".join(f"<p><b>{escape(said)}</b></p>" for said in [lead(self.controls)] if said)
            + f"<p>What may this attention be used for?</p><ul>{allowed}</ul>"
            f"<table><tr><th>question</th><th>answer</th><th>why</th></tr>{rows}</table>"
            + "".join(f"<p>{escape(line)}</p>" for line in lines(self.controls))
            + f"<p>Tables: {', '.join(f'<code>{name}</code>' for name in self.tables)}</p>"
        )


class Tables(Mapping[str, pa.Table]):
    """The tables of a run by name, each read (or derived) whole when it is first asked for, and then kept.

    With a `number`, of one chunk of the instances only. Large tables are best gone through by `chunks`.
    """

    def __init__(
        self,
        folder: Path,
        manifest: Mapping[str, Any],
        evidence: Mapping[str, Any] | None = None,
        number: int | None = None,
        whole: Tables | None = None,
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._evidence = evidence
        self._number = number
        self._whole = self if whole is None else whole
        self._known: dict[str, pa.Table] = {}

    def __getitem__(self, name: str) -> pa.Table:
        if name not in self._known:
            self._known[name] = self._make(name)
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(TABLES)

    def __len__(self) -> int:
        return len(TABLES)

    def chunks(self) -> Iterator[Mapping[str, pa.Table]]:
        """The same tables with the rows of some hundred instances at a time, in the order of the instances."""
        for number in store.part_numbers(self._manifest, "instances"):
            yield Tables(self._folder, self._manifest, self._evidence, number, self._whole)

    @cached_property
    def per_instance(self) -> PerInstance:
        """The numbers of each instance."""
        n = self._manifest["tables"].get("instances", {"rows": 0})["rows"]
        return per_instance(self.chunks(), n)

    @cached_property
    def rationale_share(self) -> float | None:
        """The share of a text that is marked as evidence, a mean over all texts and annotators of the run."""
        return rationale_share(chunk["instances"] for chunk in self.chunks())

    def _make(self, name: str) -> pa.Table:
        match name:
            case "agreement":
                return agreement(self["importance"])
            case "plausibility":
                marked = self["instances"]["evidence"]
                share = self._whole.rationale_share if marked.null_count < len(marked) else None
                return plausibility(self["instances"], self["importance"], share=share)
            case "summary":
                return summary(self.per_instance, self["scores"], self._manifest["classes"])
            case "diagnostic":
                own = store.read_table(self._folder, name, self._manifest, number=self._number)
                if self._evidence is None:
                    return own
                place = store.evidence_folder(self._folder)
                return pa.concat_tables(
                    [own, store.read_table(place, name, self._evidence, number=self._number)]
                )
            case _ if name in TABLES:
                return store.read_table(self._folder, name, self._manifest, number=self._number)
            case _:
                raise KeyError(f"{name}: the tables are {', '.join(TABLES)}")
