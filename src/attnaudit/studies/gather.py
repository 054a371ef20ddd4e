"""`gather(result, companions)`: train what the card still needs beside a finished run, and add it to that run.

Every training is a run of its own in the same store, so what is there is not trained again, and a gathering that was
stopped at any moment goes on where it was. What they say of the audited model is written into the folder
`evidence` of its run; the card needs nothing else, so that the other runs may be thrown away.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from attnaudit import machine
from attnaudit import memory as limits
from attnaudit import store as stored
from attnaudit.companions import compared, hidden_mass
from attnaudit.core import Progress, silent
from attnaudit.errors import SpecError, StoreError
from attnaudit.named import AUDITED, HIDING
from attnaudit.result import Result
from attnaudit.spec import NUMBERS_VERSION, Attentive, Hide, Imitate, Measure, Spec, Transformer
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

    @property
    def name(self) -> str:
        """What it is called where its progress or its failure is told."""
        return f"{self.kind} {self.subject}"


def plan(base: Spec, folder: Path, asked: Companions) -> list[Training]:
    """What is to be trained beside the model of a run, the longest first; all on the same data as that.

    Args:
        base: the spec of the run.
        folder: where the run is.
        asked: which companions.

    Raises:
        SpecError: the model of the run was not trained by its spec, or to imitate another, so that nothing can be
            trained like it.
    """
    if asked.seeds == 1 and not {*asked.kinds} - {"controls"}:
        return []
    if isinstance(base.model, Transformer):
        raise SpecError(
            f"nothing can be trained like the transformer {base.model.path}, since how it was trained is not known"
        )
    if not isinstance(base.model, Attentive):
        raise SpecError(
            f"nothing can be trained like a model that was taken from {base.model.run}; ask for seeds and other "
            "trainings there"
        )
    if isinstance(base.train.goal, Imitate):
        raise SpecError(
            f"nothing can be trained like a model that imitates that of {base.train.goal.run}; ask for seeds and "
            "other trainings there"
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
        found += [Training("uniform", f"seed {s}", variant(_UNIFORM, s)) for s in seeds]
    if "imitation" in asked.kinds:
        for weight in asked.imitation:
            goal = Imitate(run=str(folder), weight=weight)
            found.append(Training("imitation", f"weight {weight:g}", variant({}, first, goal=goal)))
    if "deception" in asked.kinds:
        found.append(Training("deception", HIDING, variant({}, first, goal=Hide(words=asked.hide))))
    if "guide" in asked.kinds:
        sources = {AUDITED: {"guide": str(folder)}, "uniform": _UNIFORM, "own": {"guide": None}}
        found += [_guide(variant, name, source, s) for name, source in sources.items() for s in seeds]
    return found


_UNIFORM: Mapping[str, Any] = {"attention": "uniform", "guide": None}
"""What is other in a model whose attention stays uniform; with a guide it would have the attention of that."""


def _guide(variant: Any, name: str, source: Mapping[str, Any], seed: int) -> Training:
    return Training("guide", f"{name}, seed {seed}", variant({"encoder": "average", **source}, seed))


def _guided_by(imitation: Training, folder: Path, base: Spec) -> Training:
    """A guide with the attention of an imitation, whose run is in the folder."""
    model = base.model.model_copy(update={"encoder": "average", "guide": str(folder)})
    train = base.train.model_copy(update={"seed": base.training_seed})
    return Training(
        "guide",
        f"imitation {imitation.subject}, seed {base.training_seed}",
        imitation.spec.model_copy(update={"model": model, "train": train}),
    )


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
    was gathered before is kept and not asked again, also where the other runs are gone.

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
        SpecError: nothing can be trained like the model of this run, or there is none, or its numbers were made by
            other rules.
        StoreError: the run folder cannot be written.
    """
    if result.imported:
        raise SpecError(
            f"{result.folder}: holds imported scores without their model, so nothing can be trained beside it; "
            "`attnaudit run` trains and audits a model, and then its companions"
        )
    before = result.evidence or {}
    if before:
        asked = asked.with_earlier(Companions.parse(before["asked"]))
    base, store = result.spec, result.folder.parent
    planned = plan(base, result.folder, asked)
    version = result.manifest.get("numbers_version")
    if planned and version != NUMBERS_VERSION:
        raise SpecError(
            f"{result.folder}: its numbers are of version {version}, those of models trained now would be of version "
            f"{NUMBERS_VERSION}, and would not differ by the training alone; audit its spec again, and gather there"
        )
    about: dict[str, Any] = {
        "of": result.manifest["manifest_sha256"],
        "numbers_version": NUMBERS_VERSION,
        "asked": asked.model_dump(mode="json"),
        "seed": base.training_seed,
        "policy": (policy or result.policy).plain(),
    }
    if before and not before.get("failed") and all(before.get(key) == about[key] for key in about):
        return result
    if not os.access(result.folder, os.W_OK):
        raise StoreError(
            f"{result.folder}: cannot be written, and what is gathered is kept in it; copy it first"
        )
    gathered = _gathered(before, asked)
    cache = controls.place(store)
    known = controls.CONTROLS if asked.controls else ()
    known += controls.HARDER if "controls" in asked.kinds else ()
    ready = {one.name: _known_answers(one, cache, before) for one in known}
    missing = [one for one in known if ready[one.name] is None]
    # An imitation that was gathered is needed again only for a guide that was not.
    imitations = [one for one in planned if one.kind == "imitation" and "guide" in asked.kinds]
    guides = {one.name: _guided_by(one, Path(), base) for one in imitations}
    needed = {name for name, guide in guides.items() if guide.name not in gathered}
    runner = _Runner(_encoder_modules(base), device, threads, memory, jobs, progress)
    # Short as they are, the controls come last: so every core has work until the end.
    folders, failed = runner.run(
        [(one.name, one.spec, store) for one in planned if one.name not in gathered or one.name in needed]
        + [(f"control {one.name}", one.spec(), cache) for one in missing]
    )
    second = [
        _guided_by(one, folders[one.name], base)
        for one in imitations
        if one.name in needed and one.name in folders
    ]
    more, also_failed = runner.run([(one.name, one.spec, store) for one in second])
    folders, failed = folders | more, failed | also_failed
    for one in missing:
        if (folder := folders.get(f"control {one.name}")) is not None:
            ready[one.name] = controls.keep(one, Result.open(folder), cache)
    wanted = [*planned, *guides.values()]
    failed |= _of_no_use(result, wanted, folders, failed)
    failed |= {
        guide.name: f"it takes the attention of {name}, which failed: {failed[name]}"
        for name, guide in guides.items()
        if name in needed and name in failed
    }
    about["failed"] = {name: why for name, why in failed.items() if name not in gathered}
    about["controls"] = [answers for answers in ready.values() if answers is not None]
    sources: dict[str, Path | _Earlier] = {n: path for n, path in folders.items() if n not in failed}
    sources |= gathered
    _write(result, asked, [(one, sources[one.name]) for one in wanted if one.name in sources], about)
    return Result.open(result.folder)


@dataclass(frozen=True, slots=True)
class _Earlier:
    """A training that was gathered before: its place in that evidence, and what is recorded of it there."""

    place: int
    entry: Mapping[str, Any]


def _gathered(before: Mapping[str, Any], asked: Companions) -> dict[str, _Earlier]:
    """What earlier evidence has of each training, by its name; less what was made by other rules or hides others."""
    if before.get("numbers_version") != NUMBERS_VERSION:
        return {}
    same_words = list(asked.hide) == before["asked"]["hide"]
    return {
        f"{one['kind']} {one['subject']}": _Earlier(place, one)
        for place, one in enumerate(before["trainings"])
        if one["kind"] != "deception" or same_words
    }


def _known_answers(one: controls.Known, cache: Path, before: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the audit said of a control, from the cache or from earlier evidence of the same version."""
    if (kept := controls.kept(one, cache)) is not None or before.get("numbers_version") != NUMBERS_VERSION:
        return kept
    return next((c for c in before["controls"] if (c["name"], c["about"]) == (one.name, one.about)), None)


def _encoder_modules(base: Spec) -> list[str]:
    """The module of an encoder from outside: the models that borrow attention from the run have it inside."""
    encoder = getattr(base.model, "encoder", None) or ""
    return [encoder.partition(":")[0]] if ":" in encoder else []


def _of_no_use(
    result: Result, wanted: Sequence[Training], folders: Mapping[str, Path], failed: Mapping[str, str]
) -> dict[str, str]:
    """Why some trainings that were finished say nothing of the run."""
    found = {}
    for one in wanted:
        if one.name not in folders:
            continue
        if one.kind == "uniform" and (pair := f"seeds {one.subject}") in failed:
            found[one.name] = f"there is nothing to hold it against, since {pair} failed"
        elif _other_data(result, Result.open(folders[one.name])):
            found[one.name] = (
                "the data have changed since the run, so that it learned from others; audit again"
            )
    return found


def _other_data(result: Result, other: Result) -> bool:
    """Whether two runs learned from or audited other texts."""
    mine, its = result.manifest["data"], other.manifest["data"]
    return any(mine[key] != its[key] for key in ("digest", "facts"))


@dataclass(frozen=True, slots=True)
class _Runner:
    """How and where many runs are made; every worker imports `modules` first."""

    modules: Sequence[str]
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
            modules=self.modules,
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
    trained: Sequence[tuple[Training, Path | _Earlier]],
    about: Mapping[str, Any],
) -> None:
    """The folder `evidence` of a run, in the place of an earlier one; each training from its run or from that one."""
    about = {**about, "trainings": [_entry(training, source) for training, source in trained]}
    with stored.draft(result.folder, stored.EVIDENCE, about, replace=True) as draft:
        for place, (training, source) in enumerate(trained):
            for stage, parts in _stages(result, training, source, asked):
                for number, rows in enumerate(parts):
                    draft.write("diagnostic", f"{place:03d}-{stage}", number, rows)
        draft.finish({**machine.made(), **about}, replace=True)


def _entry(training: Training, source: Path | _Earlier) -> Mapping[str, Any]:
    if isinstance(source, _Earlier):
        return source.entry
    return {
        "kind": training.kind,
        "subject": training.subject,
        "run": source.name,
        "training_seconds": stored.read_manifest(source)["seconds"].get("training", 0.0),
    }


def _stages(
    result: Result, training: Training, source: Path | _Earlier, asked: Companions
) -> Iterator[tuple[str, Iterator[pa.Table]]]:
    """What a training says of the run, a table for each part of the run."""
    kind, subject = training.kind, training.subject
    masses = {f"hidden-{one}": one for one in (AUDITED, subject)} if kind == "deception" else {}
    if isinstance(source, _Earlier):
        yield from ((stage, _again(result, source, stage)) for stage in (kind, *masses))
        return
    other = Result.open(source)
    yield kind, compared(result, other, kind, subject)
    for run, (stage, one) in zip((result, other), masses.items(), strict=False):
        yield stage, hidden_mass(run, asked.hide, one)


def _again(result: Result, earlier: _Earlier, stage: str) -> Iterator[pa.Table]:
    """The rows of a training as earlier evidence has them."""
    folder = stored.evidence_folder(result.folder)
    for number in stored.part_numbers(result.manifest, "instances"):
        yield stored.read_table(
            folder, "diagnostic", result.evidence, stage=f"{earlier.place:03d}-{stage}", number=number
        )
