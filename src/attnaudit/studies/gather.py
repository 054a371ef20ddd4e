"""`gather(result, companions)`: train what the card still needs beside a finished run, and add it to that run.

Every training is a run of its own in the same store, so what is there is not trained again, and a gathering that was
stopped at any moment goes on where it was. What they say of the audited model is written into the folder
`evidence` of its run; the card needs nothing else, so that the other runs may be thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attnaudit import machine
from attnaudit import memory as limits
from attnaudit import store as stored
from attnaudit.companions import compared, hidden_mass
from attnaudit.core import Progress, silent
from attnaudit.entries import AUDITED
from attnaudit.errors import SpecError
from attnaudit.result import Result
from attnaudit.spec import NUMBERS_VERSION, Attentive, Hide, Imitate, Measure, Spec
from attnaudit.spec.companions import Companions
from attnaudit.spec.policy import Policy
from attnaudit.studies import controls
from attnaudit.sweep import sweep


@dataclass(frozen=True, slots=True)
class Training:
    """One model to be trained beside the audited one: what it is there for, its name in the tables, its spec."""

    kind: str
    subject: str
    spec: Spec


def plan(base: Spec, folder: Path, asked: Companions) -> list[Training]:
    """What is to be trained beside the model of a run, the longest first; all on the same data as that.

    Args:
        base: the spec of the run.
        folder: where the run is.
        asked: which companions.

    Raises:
        SpecError: the model of the run was not trained by its spec, so that nothing can be trained like it.
    """
    if asked.seeds == 1 and not {*asked.kinds} - {"controls"}:
        return []
    if not isinstance(base.model, Attentive):
        raise SpecError(
            f"{folder}: its model was taken from {base.model.run}; ask for seeds and other trainings there, where it "
            "was trained"
        )
    first = base.training_seed
    seeds = [first, *(s for s in range(asked.seeds) if s != first)][: asked.seeds]
    light = base.model_copy(
        update={"measures": (Measure(name="attention"),), "counterfactuals": (), "erasures": ()}
    )

    def variant(model: Mapping[str, Any], seed: int, **train: Any) -> Spec:
        return light.model_copy(
            update={
                "model": base.model.model_copy(update=dict(model)),
                "train": base.train.model_copy(update={"seed": seed, **train}),
            }
        )

    found = [Training("seeds", f"seed {s}", variant({}, s)) for s in seeds[1:]]
    if "uniform" in asked.kinds:
        found += [Training("uniform", f"seed {s}", variant({"attention": "uniform"}, s)) for s in seeds]
    if "imitation" in asked.kinds:
        for weight in asked.imitation:
            goal = Imitate(run=str(folder), weight=weight)
            found.append(Training("imitation", f"weight {weight:g}", variant({}, first, goal=goal)))
    if "deception" in asked.kinds:
        found.append(Training("deception", "hiding", variant({}, first, goal=Hide(words=asked.hide))))
    if "guide" in asked.kinds:
        sources = {AUDITED: {"guide": str(folder)}, "uniform": {"attention": "uniform"}, "own": {}}
        found += [_guide(variant, name, source, s) for name, source in sources.items() for s in seeds]
    return found


def _guide(variant: Any, name: str, source: Mapping[str, Any], seed: int) -> Training:
    return Training("guide", f"{name}, seed {seed}", variant({"encoder": "average", **source}, seed))


def _guided_by_imitations(
    base: Spec, imitations: Sequence[tuple[Training, Path]], asked: Companions
) -> list[Training]:
    """Guides with the attention of each imitation: trained once those are there."""
    if "guide" not in asked.kinds:
        return []
    assert isinstance(base.model, Attentive)
    return [
        Training(
            "guide",
            f"imitation {training.subject}, seed {base.training_seed}",
            training.spec.model_copy(
                update={
                    "model": base.model.model_copy(update={"encoder": "average", "guide": str(folder)}),
                    "train": base.train.model_copy(update={"seed": base.training_seed}),
                }
            ),
        )
        for training, folder in imitations
    ]


def gather(
    result: Result,
    asked: Companions,
    *,
    policy: Policy | None = None,
    device: str = "cpu",
    threads: int = 1,
    memory: int = limits.DEFAULT,
    jobs: int = 1,
    progress: Progress = silent,
) -> Result:
    """The same run with what the companions say of it in its folder.

    Costs a training and an evaluation for each companion; nothing for those whose runs are already in the store. What
    was gathered before is kept.

    Args:
        result: a finished run; its store, the folder around it, gets the other runs.
        asked: what is to be trained beside it.
        policy: thresholds and uses that the card of this run goes by from now on; else as before.
        device: where torch computes in each worker.
        threads: compute threads of each worker.
        memory: bytes that the results in between of one batch may take in each worker.
        jobs: trainings at a time, a process each.
        progress: told how far each training has come, under its name.

    Raises:
        SpecError: nothing can be trained like the model of this run, or there is none.
        StoreError: the run folder cannot be written.
    """
    if result.imported:
        raise SpecError(
            f"{result.folder}: holds imported scores without their model, so nothing can be trained beside it; "
            "`attnaudit run` trains and audits a model, and then its companions"
        )
    before = result.evidence
    if before is not None:
        asked = asked.with_earlier(Companions.model_validate(before["asked"]))
    base = result.spec
    planned = plan(base, result.folder, asked)
    store, cache = result.folder.parent, controls.place(result.folder.parent)
    wanted = controls.CONTROLS if asked.controls else ()
    wanted += controls.HARDER if "controls" in asked.kinds else ()
    ready = {known.name: controls.kept(known, cache) for known in wanted}
    about = {
        "of": result.manifest["manifest_sha256"],
        "numbers_version": NUMBERS_VERSION,
        "asked": asked.model_dump(mode="json"),
        "seed": base.training_seed,
        "policy": (policy or result.policy).plain(),
    }
    if before is not None and not before["failed"] and all(before[key] == about[key] for key in about):
        return result
    known = [one for one in wanted if ready[one.name] is None]
    runner = _Runner(device, threads, memory, jobs, progress)
    # Short as they are, the controls come last: so every core has work until the end.
    folders, failed = runner.run(
        [(f"{t.kind} {t.subject}", t.spec, store) for t in planned]
        + [(f"control {one.name}", one.spec(), cache) for one in known]
    )
    trained = [(t, folders[f"{t.kind} {t.subject}"]) for t in planned if f"{t.kind} {t.subject}" in folders]
    second = _guided_by_imitations(base, [(t, f) for t, f in trained if t.kind == "imitation"], asked)
    more, also_failed = runner.run([(f"{t.kind} {t.subject}", t.spec, store) for t in second])
    trained += [(t, more[f"{t.kind} {t.subject}"]) for t in second if f"{t.kind} {t.subject}" in more]
    for one in known:
        if (folder := folders.get(f"control {one.name}")) is not None:
            ready[one.name] = controls.keep(one, Result.open(folder), cache)
    about["failed"] = failed | also_failed
    about["controls"] = [answers for answers in ready.values() if answers is not None]
    _write(result, asked, trained, about)
    return Result.open(result.folder)


@dataclass(frozen=True, slots=True)
class _Runner:
    """How and where many runs are made."""

    device: str
    threads: int
    memory: int
    jobs: int
    progress: Progress

    def run(self, wanted: Sequence[tuple[str, Spec, Path]]) -> tuple[dict[str, Path], dict[str, str]]:
        """The folder of each run by its name, and why those that failed did."""
        names = [name for name, _, _ in wanted]

        def watch(number: int, stage: str, done: int, total: int) -> None:
            if stage == "training":
                self.progress(names[number], done, total)

        outcomes = sweep(
            [spec for _, spec, _ in wanted],
            store=[place for _, _, place in wanted],
            reports=False,
            device=self.device,
            threads=self.threads,
            memory=self.memory,
            jobs=self.jobs,
            watch=watch,
        )
        folders, failed = {}, {}
        for outcome in outcomes:
            name = names[outcome.number]
            if outcome.folder is None:
                failed[name] = outcome.error or "stopped"
            else:
                folders[name] = outcome.folder
        return folders, failed


def _write(
    result: Result,
    asked: Companions,
    trained: Sequence[tuple[Training, Path]],
    about: Mapping[str, Any],
) -> None:
    """The folder `evidence` of a run, in the place of an earlier one."""
    about = {
        **about,
        "trainings": [
            {"kind": t.kind, "subject": t.subject, "run": folder.name, **_seconds(folder)}
            for t, folder in trained
        ],
    }
    with stored.draft(result.folder, stored.EVIDENCE, about, replace=True) as draft:
        for place, (training, folder) in enumerate(trained):
            other = Result.open(folder)
            parts = compared(result, other, training.kind, training.subject)
            for number, rows in enumerate(parts):
                draft.write("diagnostic", f"{place:03d}-{training.kind}", number, rows)
            if training.kind == "deception":
                for run, subject in ((result, AUDITED), (other, training.subject)):
                    for number, rows in enumerate(hidden_mass(run, asked.hide, subject)):
                        draft.write("diagnostic", f"{place:03d}-hidden-{subject}", number, rows)
        draft.finish({**machine.made(), **about}, replace=True)


def _seconds(folder: Path) -> dict[str, float]:
    return {"training_seconds": stored.read_manifest(folder)["seconds"].get("training", 0.0)}
