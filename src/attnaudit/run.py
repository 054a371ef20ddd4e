"""`audit(spec)`: names become objects, and the whole way of data is one function, top to bottom.

Text in, tables out. Every stage goes through the audited instances in chunks and writes a part a chunk; a part that
is already there is not computed again.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pkgutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from attnaudit import machine, record, stages, tables, tasks, text
from attnaudit import memory as limits
from attnaudit import spec as asked
from attnaudit import store as stored
from attnaudit.core import Progress, silent
from attnaudit.counterfactual import COUNTERFACTUALS
from attnaudit.diagnostics import Hiding, Imitating, imitated, impermissible
from attnaudit.erasure import ERASURES
from attnaudit.errors import DataError, ModelError, SpecError
from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models import checkpoint
from attnaudit.models.attentive import BORROWED, AttentiveModel
from attnaudit.models.interface import TextModel
from attnaudit.models.pretrained import Pretrained, pretrained
from attnaudit.models.transformer import Transformer, opened
from attnaudit.models.vectors import MINILM, initial_vectors, source_digest
from attnaudit.named import AUDITED
from attnaudit.result import Result
from attnaudit.tasks import corpus
from attnaudit.train import Epoch, Goal, Schedule, fit

_LAST_EPOCH = "last-epoch.safetensors"
_COVERAGE = "vectors.json"
_TESTED = 4
"""Texts on which a transformer is held against itself."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a spec comes down to once its corpus has been read."""

    spec: asked.Spec
    corpus: corpus.Corpus
    audited: Sequence[Instance]
    split: str
    earlier: Path | None
    given: Pretrained | None
    run_id: str

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return stored.run_name(self.corpus.name, self.run_id)


def audit(
    spec: asked.Spec,
    *,
    store: str | Path = "runs",
    device: str = "cpu",
    threads: int = 1,
    memory: int = limits.DEFAULT,
    progress: Progress = silent,
    model: AttentiveModel | None = None,
) -> Result:
    """Train or load the model, ask it everything, and open the run folder with the answers.

    Args:
        spec: what to audit; equal specs on equal data give equal tables.
        store: folder that holds run folders; made when it is not there.
        device: where torch computes, `cpu` or `cuda`.
        threads: compute threads of torch. The same number gives the same bits on a CPU.
        memory: bytes that the results in between of one batch may take; decides how many texts go together.
        progress: told how far each stage has come.
        model: a model to audit as it is, in place of the one that the spec describes; nothing is trained.

    Returns:
        The finished run. A run that is already there is opened and not repeated; an interrupted one goes on.

    Raises:
        SpecError, DataError, ModelError, StoreError: with what must hold and what was found.
    """
    faults: list[str] = []
    if device == "cuda" and not torch.cuda.is_available():
        faults.append(
            "`device`: there is no GPU that this torch can use; leave `cuda` out to compute on the CPU"
        )
    measures = [_resolved("measure", entry, _measure, faults) for entry in spec.measures]
    counterfactuals = [
        _resolved("counterfactual", entry, _counterfactual, faults) for entry in spec.counterfactuals
    ]
    erasures = [
        (entry.name, ERASURES[entry.name](**entry.model_dump(exclude={"name"}))) for entry in spec.erasures
    ]
    encoder = getattr(spec.model, "encoder", None) or ""
    if ":" in encoder:
        _imported(encoder, faults)
    if faults:
        raise SpecError(*faults)
    began = time.perf_counter()
    plan = _planned(spec, model)
    reading = time.perf_counter() - began
    if finished := stored.find(store, plan.name):
        return Result.open(finished)
    conditions = {
        "device": device,
        "threads": threads,
        "memory": memory,
        "torch": torch.__version__,
        "chunk": stages.CHUNK,
    }
    with ExitStack() as open_:
        draft = open_.enter_context(stored.draft(store, plan.name, conditions))
        open_.enter_context(_torch_state(threads))
        open_.enter_context(limits.limited(memory))
        draft.count({"corpus": reading})
        audited_model: TextModel
        if plan.given is not None:
            with draft.timed("model"):
                audited_model = open_.enter_context(_transformer(plan, device))
        else:
            audited_model = _model(plan, draft, model, device, progress).requires_grad_(False)
        work = stages.Work(audited_model, plan.audited, draft, progress)
        stages.describe_instances(work, split=plan.split, keep_text=spec.keep_text)
        stages.score(work, split=plan.split)
        for name, measure in measures:
            stages.measure(work, name, measure)
        stages.replace_attention(work, counterfactuals, seed=spec.seed)
        stages.erase(work, erasures, seed=spec.seed)
        return Result.open(draft.finish(_manifest(plan, work, device, threads, memory)))


# --- what is asked, of what ------------------------------------------------------------------------------


@contextmanager
def _torch_state(threads: int) -> Iterator[None]:
    """Threads, random state and precision of torch as this run needs them, and afterwards as they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]), torch.backends.cudnn.flags(allow_tf32=False):
            yield
    finally:
        torch.set_num_threads(before)


def _planned(spec: asked.Spec, given: AttentiveModel | None) -> _Plan:
    earlier, classes, model_digest = None, None, ""
    transformer: Pretrained | None = None
    fields: tuple[str, str | None] = ("text", None)  # those that a model of an earlier run reads
    if isinstance(spec.model, asked.Earlier):
        earlier = Path(spec.model.run)
        manifest = stored.read_manifest(earlier)
        model_digest = _weights_digest(spec.model.run)
        encoder = manifest["model"]["encoder"]
        if spec.model.encoder not in (None, encoder):
            raise SpecError(f"{earlier}: its encoder is `{encoder}`, and `{spec.model.encoder}` was given")
        classes = tuple(manifest["classes"])
        fields = manifest["model"].get("attended", "text"), manifest["model"].get("query")
    elif isinstance(spec.model, asked.Transformer):
        transformer = pretrained(spec.model.path)
        classes = spec.model.classes or transformer.classes
        model_digest = transformer.digest
    elif given is not None:
        if any(value.dtype != torch.float32 for value in given.parameters()):
            raise ModelError(
                "the model must be in float32, as everything is computed; call `.float()` on it first"
            )
        classes = given.classes
        fields = given.encoding.attended, given.encoding.query
        model_digest = _digest(given)
    else:
        sources = [] if spec.model.vectors is None else [source_digest(spec.model.vectors)]
        sources += [_weights_digest(run) for run in (spec.model.guide, _imitated(spec)) if run is not None]
        model_digest = " ".join(sources)
    read = tasks.read(spec.task, seed=spec.seed, classes=classes)
    if transformer is not None:
        _as_many(read, transformer)
        read = replace(read, notes=(*read.notes, _UNKNOWN_TRAINING))
    elif classes is None:
        read = corpus.divided(read, seed=spec.seed)
    else:
        read = corpus.read_as(read, *fields)
        read = replace(read, notes=(*read.notes, _UNKNOWN_TRAINING))
    split = "test" if "test" in read.splits else next(iter(read.splits))
    audited = read.splits[split]
    if spec.limit is not None:
        audited = corpus.drawn(audited, spec.limit, seed=spec.seed)
    if not audited:
        raise DataError(f"corpus `{read.name}` has no instance to audit in its split `{split}`")
    learned = (
        {}
        if classes or transformer
        else {name: corpus.digest(read.splits[name]) for name in ("train", "dev")}
    )
    digest = _hash(
        [
            read.classes,
            asdict(read.recipe),
            read.attended,
            read.query,
            read.cloze,
            learned,
            corpus.digest(audited),
            *_sources(spec),
        ]
    )
    return _Plan(spec, read, audited, split, earlier, transformer, asked.run_id(spec, digest, model_digest))


_UNKNOWN_TRAINING = (
    "What the model was trained on is not known to this run: texts it has seen may be among these."
)


def _as_many(read: corpus.Corpus, given: Pretrained) -> None:
    """Refuse a corpus whose classes cannot be the outputs of the model."""
    outputs = given.model.config.num_labels
    if len(read.classes) != outputs:
        raise DataError(
            f"corpus `{read.name}` has {len(read.classes)} classes ({', '.join(read.classes)}), and the model has "
            f"{outputs} outputs"
        )


@contextmanager
def _transformer(plan: _Plan, device: str) -> Iterator[Transformer]:
    """The transformer that is given, tested on the first texts; its outputs are the corpus's classes, in order."""
    assert plan.given is not None
    assert isinstance(plan.spec.model, asked.Transformer)
    examples = [plan.audited[number] for number in range(min(_TESTED, len(plan.audited)))]
    with opened(
        plan.given.model.to(device),
        plan.given.tokenizer,
        examples * (2 if len(examples) == 1 else 1),
        attended=plan.corpus.attended,
        query=plan.corpus.query,
        too_long=plan.spec.model.too_long,
        pattern=plan.spec.model.sites,
    ) as model:
        yield model


def _imitated(spec: asked.Spec) -> str | None:
    """The run whose model is imitated, if one is."""
    return spec.train.goal.run if isinstance(spec.train.goal, asked.Imitate) else None


def _weights_digest(run: str) -> str:
    entry = stored.read_manifest(run)["files"].get(stored.MODEL)
    if entry is None:
        raise SpecError(f"{run}: holds imported scores and no model that could be loaded")
    return entry["sha256"]


def _imported(encoder: str, faults: list[str]) -> None:
    """Import the module of an encoder from outside; or one more fault."""
    try:
        pkgutil.resolve_name(encoder)
    except (ImportError, AttributeError, ValueError) as error:
        faults.append(f"`{encoder}` cannot be used as an encoder: {error}")


def _resolved(kind: str, entry: Any, make: Callable[[Any], Any], faults: list[str]) -> tuple[str, Any]:
    """The name under which an entry of the spec stands in the tables, and the thing it names; or one more fault."""
    if not isinstance(entry, asked.Outside):
        return entry.name, make(entry)
    parameters = {key: value for key, value in entry if key != "name"}
    try:
        made = pkgutil.resolve_name(entry.name)(**parameters)
        if not callable(made):
            raise TypeError(f"it must give something that can be called, found a {type(made).__name__}")
        if kind == "measure" and not isinstance(getattr(made, "objective", None), str):
            raise TypeError("it must say in `objective` what its scores explain")
        return entry.name.replace(":", "."), made
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        faults.append(f"`{entry.name}` cannot be used as a {kind}: {error}")
        return entry.name, None


def _measure(entry: asked.Measure) -> Any:
    return MEASURES[entry.name]


def _counterfactual(entry: Any) -> Any:
    return COUNTERFACTUALS[entry.name](**entry.model_dump(exclude={"name"}))


# --- the model -------------------------------------------------------------------------------------------


def _model(
    plan: _Plan, draft: stored.Draft, given: AttentiveModel | None, device: str, progress: Progress
) -> AttentiveModel:
    """The model to audit: as it was left, as it is given, from an earlier run, or trained now."""
    saved = draft.folder / stored.MODEL
    if not saved.exists():
        if given is not None:
            model = given
        elif plan.earlier is not None:
            model = checkpoint.load(stored.checked_file(plan.earlier, stored.MODEL))
        else:
            model = _trained(plan, draft, device, progress)
        with draft.timed("model"):
            checkpoint.save(model, saved)
    (draft.folder / _LAST_EPOCH).unlink(missing_ok=True)
    return checkpoint.load(saved).to(device).eval()


def _trained(plan: _Plan, draft: stored.Draft, device: str, progress: Progress) -> AttentiveModel:
    spec, read = plan.spec, plan.corpus
    recipe = _recipe(spec, read.recipe)
    with draft.timed("model"):
        model = _fresh(plan, recipe, draft, progress).to(device)
        goal = _goal(spec, model, read.splits["train"])
    last = draft.folder / _LAST_EPOCH
    schedule = Schedule(recipe.epochs, recipe.batch, spec.train.learning_rate, spec.train.weight_decay)
    with draft.timed("training"):
        epochs, best = fit(
            model,
            read.splits["train"],
            read.splits["dev"],
            schedule,
            seed=spec.training_seed,
            goal=goal,
            checkpoint=last,
            progress=progress,
        )
    draft.write("training", "training", 0, _training_rows(epochs, best))
    return model


def _fresh(plan: _Plan, recipe: corpus.Recipe, draft: stored.Draft, progress: Progress) -> AttentiveModel:
    """The model as it is before training: its vocabulary from the training texts, its weights from the seed."""
    spec, read = plan.spec, plan.corpus
    assert isinstance(spec.model, asked.Attentive)
    if (other := _imitated(spec)) is not None:  # it starts from what it imitates
        return _earlier_model(other, read.classes)
    lender = None if spec.model.guide is None else _earlier_model(spec.model.guide, read.classes)
    train = read.splits["train"]
    fields = [read.attended] if read.query is None else [read.attended, read.query]
    cut = text.TOKENISERS[recipe.tokeniser]
    words = ([token for field in fields for token in cut(instance.fields[field])] for instance in train)
    # Answers that stand in the passages are told apart however rare they are.
    answers = set(read.classes) if read.cloze else ()
    if lender is None:
        vocabulary = text.vocabulary(words, min_df=recipe.min_df, always=answers)
    else:  # both must see the same tokens
        vocabulary, recipe = lender.vocabulary, replace(recipe, tokeniser=lender.encoding.tokeniser)
    torch.manual_seed(spec.training_seed)
    model = AttentiveModel(
        vocabulary,
        read.classes,
        tokeniser=recipe.tokeniser,
        attended=read.attended,
        query=read.query,
        cloze=read.cloze,
        encoder=spec.model.encoder,
        attention=spec.model.attention if lender is None else BORROWED,
        embedding=recipe.embedding,
        hidden=recipe.hidden,
        lender=None if lender is None else lender.settings,
    )
    if lender is not None and model.lender is not None:
        model.lender.load_state_dict(lender.state_dict())
    if spec.model.vectors is not None:
        vectors, found = initial_vectors(spec.model.vectors, vocabulary, recipe.embedding, progress=progress)
        model.start_from(vectors)
        source = spec.model.vectors if spec.model.vectors == MINILM else "file"
        coverage = json.dumps({"source": source, "found": found, "words": len(vocabulary)})
        stored.write_atomically(draft.folder / _COVERAGE, coverage.encode())
    return model


def _earlier_model(run: str, classes: Sequence[str]) -> AttentiveModel:
    """The model of an earlier run that another is to be trained with."""
    model = checkpoint.load(stored.checked_file(run, stored.MODEL))
    if model.classes != tuple(classes):
        raise SpecError(
            f"{run}: its model knows the classes {', '.join(model.classes)}, and the corpus has "
            f"{', '.join(classes)}; it must have been trained on the same corpus"
        )
    return model


def _goal(spec: asked.Spec, model: AttentiveModel, train: Sequence[Instance]) -> Goal | None:
    """What is learned besides the labels; of a model that is imitated, what it gives before anything is learned."""
    match spec.train.goal:
        case asked.Imitate(weight=weight):
            return Imitating(imitated(model, train), weight)
        case asked.Hide(weight=weight, words=words):
            return Hiding(impermissible(model, train, words), weight)
    return None


def _recipe(spec: asked.Spec, own: corpus.Recipe) -> corpus.Recipe:
    """The corpus's own recipe with what the spec says otherwise."""
    assert isinstance(spec.model, asked.Attentive)
    given = {name: getattr(spec.model, name) for name in ("tokeniser", "min_df", "embedding", "hidden")}
    given |= {name: getattr(spec.train, name) for name in ("epochs", "batch")}
    return replace(own, **{name: value for name, value in given.items() if value is not None})


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


# --- the record ------------------------------------------------------------------------------------------


def _manifest(plan: _Plan, work: stages.Work, device: str, threads: int, memory: int) -> dict[str, Any]:
    audited = {
        "audited_split": plan.split,
        "audited": len(plan.audited),
        "digest": corpus.digest(plan.audited),
    }
    data = record.data(plan.corpus, work.model)
    trained = isinstance(plan.spec.model, asked.Attentive)
    recipe = _recipe(plan.spec, plan.corpus.recipe) if trained else None
    seconds = work.draft.seconds()
    return {
        **machine.made(),
        "numbers_version": asked.NUMBERS_VERSION,
        "run_id": plan.run_id,
        "spec": plan.spec.plain(),
        "recipe": asdict(recipe) if recipe else None,
        "classes": list(plan.corpus.classes),
        "data": data | audited,
        "model": record.model(work.model, plan.earlier) | {"vectors": _coverage(work.draft)},
        "environment": machine.environment(
            device=device, precision="float32", threads=threads, memory_bytes=memory
        ),
        "seconds": seconds,
        "tokens_per_second": record.tokens_per_second(data, recipe.epochs if recipe else 0, seconds),
    }


def _coverage(draft: stored.Draft) -> dict[str, Any] | None:
    """How many words of the vocabulary had a vector in the source that was given; None where none was."""
    path = draft.folder / _COVERAGE
    return json.loads(path.read_text()) if path.exists() else None


def _sources(spec: asked.Spec) -> list[str]:
    """Digests of the modules that are named from outside, so that numbers are made again when one is edited."""
    files = [importlib.util.find_spec(name) for name in spec.modules]
    return [_file_digest(file.origin) for file in files if file is not None and file.origin is not None]


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _digest(model: AttentiveModel) -> str:
    sha = hashlib.sha256(repr((model.settings, model.classes, model.vocabulary.words)).encode())
    for name, value in sorted(model.state_dict().items()):
        sha.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return sha.hexdigest()


def _file_digest(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}") from None
