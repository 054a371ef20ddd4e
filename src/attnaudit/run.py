"""`audit(spec)`: names become objects, and the whole way of data is one function, top to bottom.

Text in, tables out. Every stage goes through the audited instances in chunks and writes a part a chunk; a part that
is already there is not computed again.
"""

from __future__ import annotations

import datetime
import hashlib
import pkgutil
import platform
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch

from attnaudit import spec as asked
from attnaudit import store, tables, tasks, text
from attnaudit.core import Batch, Progress, silent
from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.errors import DataError, SpecError
from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models import checkpoint
from attnaudit.models.attentive import AttentiveClassifier
from attnaudit.models.vectors import read_vectors
from attnaudit.result import Result
from attnaudit.stats.classification import binary_scores
from attnaudit.tasks import checks, corpus
from attnaudit.train import Epoch, fit

_CHUNK = 256
"""Instances in a part: what a kill can cost, and the unit in which work is done the same way again."""

_TOKENS = 8_192
"""Padded tokens in a batch; bounds memory whatever the length of the texts."""

_LAST_EPOCH = "last-epoch.safetensors"

AUDITED = "base"
"""Name of the audited model in the tables; others will be its controls."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a spec comes down to once its corpus has been read."""

    spec: asked.Spec
    corpus: corpus.Corpus
    audited: tuple[Instance, ...]
    split: str
    earlier: Path | None
    run_id: str

    @property
    def name(self) -> str:
        """Name of the run folder: readable, and safe on any file system."""
        readable = re.sub(r"[^A-Za-z0-9._-]+", "-", self.corpus.name).strip(".-")[:60] or "corpus"
        return f"{readable}-{self.run_id}"


def audit(
    spec: asked.Spec,
    *,
    store_folder: str | Path = "runs",
    device: str = "cpu",
    threads: int = 1,
    progress: Progress = silent,
    model: AttentiveClassifier | None = None,
) -> Result:
    """Train or load the model, ask it everything, and open the run folder with the answers.

    Args:
        spec: what to audit; equal specs on equal data give equal tables.
        store_folder: folder that holds run folders; made when it is not there.
        device: where torch computes, `cpu` or `cuda`.
        threads: compute threads of torch. Same bits are promised for the same device and number of threads.
        progress: told how far each stage has come.
        model: a model to audit as it is, in place of the one that the spec describes; nothing is trained.

    Returns:
        The finished run. A run that is already there is opened and not repeated; an interrupted one goes on.

    Raises:
        SpecError, DataError, ModelError, StoreError: with what must hold and what was found.
    """
    torch.set_num_threads(threads)
    measures = [_resolved("measure", entry, _measure) for entry in spec.measures]
    counterfactuals = [_resolved("counterfactual", entry, _counterfactual) for entry in spec.counterfactuals]
    plan = _planned(spec, model)
    if finished := store.find(store_folder, plan.name):
        return Result.open(finished)
    with store.draft(store_folder, plan.name) as draft, torch.random.fork_rng(devices=[]):
        with draft.timed("model"):
            audited_model = _model(plan, draft, model, device, progress)
        audited_model.requires_grad_(False)
        _describe_instances(plan, draft, audited_model, progress)
        _score(plan, draft)
        for name, measure in measures:
            _measure_all(plan, draft, audited_model, name, measure, progress)
        for name, counterfactual in counterfactuals:
            _replace_all(plan, draft, audited_model, name, counterfactual, progress)
        return Result.open(draft.finish(_manifest(plan, draft, audited_model, device, threads)))


# --- what is asked, of what ------------------------------------------------------------------------------


def _planned(spec: asked.Spec, given: AttentiveClassifier | None) -> _Plan:
    earlier, classes, model_digest = None, None, ""
    if isinstance(spec.model, asked.Earlier):
        earlier = Path(spec.model.run)
        manifest = store.read_manifest(earlier)
        classes = tuple(manifest["classes"])
        model_digest = manifest["files"][store.MODEL]["sha256"]
    elif given is not None:
        classes = given.classes
        model_digest = _digest(given)
    elif spec.model.vectors is not None:
        model_digest = _file_digest(spec.model.vectors)
    read = tasks.read(spec.task, seed=spec.seed, classes=classes)
    if classes is not None and read.classes != classes:
        raise DataError(
            f"the model knows the classes {list(classes)}, corpus `{read.name}` has {list(read.classes)}"
        )
    if classes is None:
        read = corpus.divided(read, seed=spec.seed)
    split = "test" if "test" in read.splits else next(iter(read.splits))
    audited = read.splits[split]
    if spec.limit is not None:
        audited = corpus.drawn(audited, spec.limit, seed=spec.seed)
    if not audited:
        raise DataError(f"corpus `{read.name}` has no instance to audit in its split `{split}`")
    learned = [] if classes else [i for name in ("train", "dev") for i in read.splits[name]]
    digest = corpus.digest([*learned, *audited])
    return _Plan(spec, read, audited, split, earlier, asked.run_id(spec, digest, model_digest))


def _resolved(kind: str, entry: Any, make: Callable[[Any], Any]) -> tuple[str, Any]:
    """The name under which an entry of the spec stands in the tables, and the thing it names."""
    if not isinstance(entry, asked.Outside):
        return entry.name, make(entry)
    parameters = {key: value for key, value in entry if key != "name"}
    try:
        return entry.name.replace(":", "."), pkgutil.resolve_name(entry.name)(**parameters)
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        raise SpecError(f"`{entry.name}` cannot be used as a {kind}: {error}") from None


def _measure(entry: asked.Measure) -> Any:
    return MEASURES[entry.name]


def _counterfactual(entry: Any) -> Any:
    return COUNTERFACTUALS[entry.name](**entry.model_dump(exclude={"name"}))


# --- the model -------------------------------------------------------------------------------------------


def _model(
    plan: _Plan, draft: store.Draft, given: AttentiveClassifier | None, device: str, progress: Progress
) -> AttentiveClassifier:
    """The model to audit: as it was left, as it is given, from an earlier run, or trained now."""
    saved = draft.folder / store.MODEL
    if not saved.exists():
        if given is not None:
            model = given
        elif plan.earlier is not None:
            model = checkpoint.load(plan.earlier / store.MODEL)
        else:
            model = _trained(plan, draft, device, progress)
        checkpoint.save(model, saved)
        (draft.folder / _LAST_EPOCH).unlink(missing_ok=True)
    return checkpoint.load(saved).to(device).eval()


def _trained(plan: _Plan, draft: store.Draft, device: str, progress: Progress) -> AttentiveClassifier:
    spec = plan.spec
    assert isinstance(spec.model, asked.Attentive)
    train, dev = plan.corpus.splits["train"], plan.corpus.splits["dev"]
    tokeniser = spec.model.tokeniser or plan.corpus.tokeniser
    min_df = plan.corpus.min_df if spec.model.min_df is None else spec.model.min_df
    tokens = (text.TOKENISERS[tokeniser](instance.fields["text"]) for instance in train)
    vocabulary = text.vocabulary(tokens, min_df=min_df)
    torch.manual_seed(spec.seed)
    model = AttentiveClassifier(
        vocabulary,
        plan.corpus.classes,
        tokeniser=tokeniser,
        encoder=spec.model.encoder,
        attention=spec.model.attention,
        embedding=spec.model.embedding,
        hidden=spec.model.hidden,
    )
    if spec.model.vectors is not None:
        vectors, _ = read_vectors(spec.model.vectors, vocabulary, spec.model.embedding)
        model.embedding.weight.data.copy_(vectors)
    model.to(device)
    last = draft.folder / _LAST_EPOCH
    epochs, best = fit(model, train, dev, spec.train, seed=spec.seed, checkpoint=last, progress=progress)
    draft.write("training", "training", 0, _training_rows(epochs, best))
    return model


def _training_rows(epochs: Sequence[Epoch], best: int) -> pa.Table:
    rows = []
    for epoch in epochs:
        values: dict[tuple[str, str], float | None] = {
            ("train", "loss"): epoch.train_loss,
            ("dev", "loss"): epoch.dev_loss,
        }
        values |= {("dev", metric): value for metric, value in epoch.dev_scores.items()}
        rows += [(epoch.number, split, metric, value) for (split, metric), value in values.items()]
    return tables.build(
        "training",
        {
            "model": AUDITED,
            "epoch": [row[0] for row in rows],
            "split": [row[1] for row in rows],
            "metric": [row[2] for row in rows],
            "value": [row[3] for row in rows],
            "selected": [row[0] == best for row in rows],
            "status": ["not_applicable" if row[3] is None else "ok" for row in rows],
        },
    )


# --- the questions ---------------------------------------------------------------------------------------


def _batches(model: AttentiveClassifier, instances: Sequence[Instance]) -> Iterator[tuple[list[int], Batch]]:
    """Positions among the instances, and the batch they make."""
    lengths = [len(model.token_ids(instance)) for instance in instances]
    for positions in text.length_batches(lengths, budget=_TOKENS):
        yield positions, model.encode([instances[i] for i in positions])


def _through(
    plan: _Plan,
    draft: store.Draft,
    table: str,
    stage: str,
    rows_of: Callable[[Sequence[Instance]], pa.Table],
    progress: Progress,
) -> None:
    """One stage over all audited instances, a part a chunk; rows stand in the order of the instances."""
    total = len(plan.audited)
    for number, start in enumerate(range(0, total, _CHUNK)):
        chunk = plan.audited[start : start + _CHUNK]
        if not draft.has(table, stage, number):
            with draft.timed(stage):
                draft.write(table, stage, number, rows_of(chunk))
        progress(stage, min(start + _CHUNK, total), total)


def _describe_instances(
    plan: _Plan, draft: store.Draft, model: AttentiveClassifier, progress: Progress
) -> None:
    """The table `instances`: tokens, offsets, what is audited, evidence, prediction."""

    @torch.no_grad()
    def rows_of(chunk: Sequence[Instance]) -> pa.Table:
        rows: list[dict[str, Any]] = [{} for _ in chunk]
        for positions, batch in _batches(model, chunk):
            output = torch.softmax(model.trace(batch).logits[:, 0].double(), dim=-1).cpu().numpy()
            for row, position in enumerate(positions):
                rows[position] = _instance_row(plan, chunk[position], batch, row, output[row])
        return tables.build("instances", {name: [row[name] for row in rows] for name in rows[0]})

    _through(plan, draft, "instances", "instances", rows_of, progress)


def _instance_row(
    plan: _Plan, instance: Instance, batch: Batch, row: int, output: np.ndarray
) -> dict[str, Any]:
    tokens, offsets = batch.tokens[row], batch.offsets[row]
    audited = batch.audit_mask[row, : len(tokens)].tolist()
    spans = [span for span, asked_for in zip(offsets, audited, strict=True) if asked_for]
    evidence = [
        [any(r.start < span[1] and span[0] < r.end for r in annotator) for span in spans if span is not None]
        for annotator in instance.rationales
    ]
    keep = plan.spec.keep_text
    return {
        "instance_id": instance.id,
        "split": plan.split,
        "text": instance.fields["text"] if keep else None,
        "tokens": list(tokens) if keep else None,
        "offsets": [None if span is None else {"start": span[0], "end": span[1]} for span in offsets],
        "audited": audited,
        "evidence": evidence or None,
        "target": instance.target,
        "prediction": int(output.argmax()),
        "output": output,
        "n_audited": sum(audited),
    }


def _score(plan: _Plan, draft: store.Draft) -> None:
    """The table `scores`: how good the model is on what is audited."""
    if draft.has("scores", "scores", 0):
        return
    rows = draft.read("instances").select(["target", "output"]).to_pylist()
    known = [row for row in rows if row["target"] is not None]
    scores: dict[str, float | None] = {}
    if known:
        target = np.array([row["target"] for row in known])
        scores = binary_scores(target, np.array([row["output"][1] for row in known]))
    draft.write(
        "scores",
        "scores",
        0,
        tables.build(
            "scores",
            {
                "model": AUDITED,
                "split": plan.split,
                "metric": list(scores),
                "value": list(scores.values()),
                "n": len(known),
                "status": ["not_applicable" if value is None else "ok" for value in scores.values()],
            },
        ),
    )


def _measure_all(
    plan: _Plan, draft: store.Draft, model: AttentiveClassifier, name: str, measure: Any, progress: Progress
) -> None:
    """The rows of one measure in the table `importance`."""

    def rows_of(chunk: Sequence[Instance]) -> pa.Table:
        scores: dict[tuple[int, int], np.ndarray] = {}
        for positions, batch in _batches(model, chunk):
            values = measure(model, batch).float().cpu().numpy()
            audited = batch.audit_mask.cpu().numpy()
            for row, position in enumerate(positions):
                for step in range(values.shape[1]):
                    scores[position, step] = values[row, step, audited[row]]
        order = sorted(scores)
        status = [_status(scores[key]) for key in order]
        return tables.build(
            "importance",
            {
                "instance_id": [chunk[position].id for position, _ in order],
                "step": [step for _, step in order],
                "measure": name,
                "scores": [
                    scores[key] if s in ("ok", "constant") else None
                    for key, s in zip(order, status, strict=True)
                ],
                "objective": measure.objective,
                "status": status,
            },
        )

    _through(plan, draft, "importance", name, rows_of, progress)


def _status(scores: np.ndarray) -> str:
    if len(scores) < 2:
        return "too_short"
    if not np.isfinite(scores).all():
        return "diverged"
    return "constant" if np.ptp(scores) == 0 else "ok"


def _replace_all(
    plan: _Plan,
    draft: store.Draft,
    model: AttentiveClassifier,
    name: str,
    counterfactual: Any,
    progress: Progress,
) -> None:
    """The rows of one counterfactual in the table `counterfactual`."""

    @torch.no_grad()
    def rows_of(chunk: Sequence[Instance]) -> pa.Table:
        place = {instance.id: number for number, instance in enumerate(chunk)}
        found = pa.concat_tables(
            counterfactual(model, batch, model.trace(batch), seed=plan.spec.seed)
            for _, batch in _batches(model, chunk)
        )
        order = np.argsort([place[i] for i in found["instance_id"].to_pylist()], kind="stable")
        return found.take(pa.array(order))

    _through(plan, draft, "counterfactual", name, rows_of, progress)


# --- the manifest ----------------------------------------------------------------------------------------


def _manifest(
    plan: _Plan, draft: store.Draft, model: AttentiveClassifier, device: str, threads: int
) -> dict[str, Any]:
    lengths = {
        name: [len(model.token_ids(instance)) - 2 for instance in split]
        for name, split in plan.corpus.splits.items()
    }
    facts = checks.facts(plan.corpus, lengths)
    return {
        "attnaudit": version("attnaudit"),
        "numbers_version": asked.NUMBERS_VERSION,
        "run_id": plan.run_id,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "spec": plan.spec.plain(),
        "classes": list(plan.corpus.classes),
        "data": {
            "corpus": plan.corpus.name,
            "audited_split": plan.split,
            "audited": len(plan.audited),
            "digest": corpus.digest(plan.audited),
            "notes": list(plan.corpus.notes),
            "facts": facts.plain(),
            "warnings": list(checks.warnings(facts)),
        },
        "model": {
            **model.settings,
            "vocabulary": len(model.vocabulary),
            "parameters": sum(p.numel() for p in model.parameters()),
            "from": str(plan.earlier) if plan.earlier else None,
        },
        "environment": {
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": {
                name: _version(name) for name in ("torch", "numpy", "scipy", "scikit-learn", "pyarrow")
            },
            "git": _git(),
            "device": device,
            "precision": "float32",
            "threads": threads,
        },
        "seconds": draft.seconds(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git() -> str | None:
    """The commit of a source checkout, with a plus when files differ from it; None for an installed package."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        described = ["git", "-C", str(root), "describe", "--always", "--dirty=+", "--abbrev=12"]
        return subprocess.run(
            described, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def _digest(model: AttentiveClassifier) -> str:
    sha = hashlib.sha256(repr((model.settings, model.classes, model.vocabulary.words)).encode())
    for name, value in sorted(model.state_dict().items()):
        sha.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


def _file_digest(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"`model.vectors`: {path} cannot be read: {error.strerror}") from None
