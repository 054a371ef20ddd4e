"""A corpus: instances by split, the names of its classes, and what must be known about its making.

Reading files is not done here; a task (see `tasks/__init__.py`) is a function that gives a `Corpus`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sklearn.model_selection import train_test_split

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.tasks.on_disk import OnDisk

SPLITS = ("train", "dev", "test")
WHOLE = "all"  # the one split of a corpus that comes undivided


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the texts of a corpus are cut and a model is fitted to them, unless the spec says otherwise.

    The defaults are those of the paper's text classification. `tokeniser` is one of `text.TOKENISERS`, `min_df`
    the fewest training texts that a word of the vocabulary stands in, `embedding` and `hidden` the sizes of a word
    vector and of the encoder (a direction).
    """

    tokeniser: str = "words-1"
    min_df: int = 1
    embedding: int = 300
    hidden: int = 128
    epochs: int = 8
    batch: int = 32


@dataclass(frozen=True, slots=True)
class Corpus:
    """Instances by split. `Instance.target` is an index into `classes`.

    `splits` has the keys `train`, `dev` and `test` as far as the source gives them, or the single key
    `all` when it comes undivided. `attended` names the field whose tokens are attended to and audited, `query`
    the one that is read beside it (a question, a hypothesis), if any. In a `cloze` corpus only those classes
    can be the answer that stand as a token in the attended text. `notes` are sentences for the manifest and
    the report: what was filtered, drawn or left out. A split is any sequence; a large one is best kept `OnDisk`.
    """

    name: str
    classes: tuple[str, ...]
    splits: Mapping[str, Sequence[Instance]]
    attended: str = "text"
    query: str | None = None
    cloze: bool = False
    recipe: Recipe = Recipe()
    notes: tuple[str, ...] = ()


def divided(corpus: Corpus, *, seed: int) -> Corpus:
    """The same corpus with `train`, `dev` and `test`, drawn by `seed` and stratified where not given.

    An undivided corpus is split 80/10/10. A corpus with `train` and `test` but no `dev` gives a fifth of
    `train` to `dev`. Splits that the source gives are kept as they are. Where a class is too rare to be in every
    part, the draw takes no regard of classes, and a note says so.

    Raises:
        DataError: a part would be empty.
    """
    splits = dict(corpus.splits)
    notes = list(corpus.notes)
    if WHOLE in splits:
        whole = splits.pop(WHOLE)
        train, rest, first = _cut(whole, 0.2, seed, corpus)
        dev, test, second = _cut(rest, 0.5, (seed + 1) % 2**32, corpus)
        splits |= {"train": train, "dev": dev, "test": test}
        how = "stratified by class" if first and second else _why_not(whole, corpus)
        notes.append(f"No split was given: 80/10/10, {how}, drawn with seed {seed}.")
    if "train" not in splits:
        raise DataError(
            f"corpus `{corpus.name}` has no `train` split, so nothing can be trained on it. Put the model of another "
            "run to it (`--from RUN`)."
        )
    if "dev" not in splits:
        whole = splits["train"]
        train, dev, stratified = _cut(whole, 0.2, seed, corpus)
        splits |= {"train": train, "dev": dev}
        how = "stratified" if stratified else _why_not(whole, corpus)
        notes.append(f"No development split was given: 20% of train, {how}, drawn with seed {seed}.")
    if "test" not in splits:
        raise DataError(f"corpus `{corpus.name}` has no `test` split, so there is nothing to audit")
    ordered = {name: splits[name] for name in SPLITS}
    return replace(corpus, splits=ordered, notes=tuple(notes))


def read_as(corpus: Corpus, attended: str, query: str | None) -> Corpus:
    """The same corpus with its fields named as a model knows them: an earlier model, put to other data.

    Raises:
        DataError: the model reads a second text and the corpus has none, or the other way round.
    """
    if (corpus.query is None) != (query is None):
        has, wants = ("no", f"a `{query}`") if query is not None else (f"a `{corpus.query}`", "none")
        raise DataError(
            f"corpus `{corpus.name}` has {has} text to be read beside the `{corpus.attended}`, and the model reads "
            f"{wants}. Give a corpus of the same kind (`--query-column`), or another model."
        )
    names = {corpus.attended: attended} | ({corpus.query: query} if corpus.query and query else {})
    if all(old == new for old, new in names.items()):
        return corpus

    def renamed(instance: Instance) -> Instance:
        rationales = tuple(
            tuple(replace(span, field=names.get(span.field, span.field)) for span in spans)
            for spans in instance.rationales
        )
        fields = {names.get(name, name): text for name, text in instance.fields.items()}
        return replace(instance, fields=fields, rationales=rationales)

    splits = {name: OnDisk(map(renamed, instances)) for name, instances in corpus.splits.items()}
    return replace(corpus, splits=splits, attended=attended, query=query)


def drawn(instances: Sequence[Instance], count: int, *, seed: int) -> Sequence[Instance]:
    """`count` of the instances, drawn with `seed`, in their first order; all when there are no more."""
    if count >= len(instances):
        return instances
    kept, _ = train_test_split(range(len(instances)), train_size=count, random_state=seed)
    return _picked(instances, kept)


def digest(instances: Iterable[Instance]) -> str:
    """sha256 (hex) of ids, texts, targets and rationales, in order."""
    sha = hashlib.sha256()
    for instance in instances:
        spans = [[(s.field, s.start, s.end) for s in annotator] for annotator in instance.rationales]
        row = [instance.id, dict(sorted(instance.fields.items())), instance.target, spans]
        sha.update(json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode("ascii"))
        sha.update(b"\n")
    return sha.hexdigest()


def _cut(
    instances: Sequence[Instance], share: float, seed: int, corpus: Corpus
) -> tuple[Sequence[Instance], Sequence[Instance], bool]:
    """The instances in two parts, the second with `share` of them, and whether they are stratified by class."""
    targets = _targets(instances)
    for classes in (targets, None):
        try:
            first, second = train_test_split(
                range(len(instances)), test_size=share, random_state=seed, stratify=classes
            )
        except ValueError as error:
            if classes is None:
                raise DataError(
                    f"corpus `{corpus.name}` cannot be split: {len(instances)} instances are too few ({error}). "
                    "Give a split of your own, or more instances."
                ) from error
        else:
            break
    return _picked(instances, first), _picked(instances, second), classes is not None


def _picked(instances: Sequence[Instance], places: Sequence[int]) -> Sequence[Instance]:
    """The instances at these places, in their first order."""
    if isinstance(instances, OnDisk):
        return instances.picked(sorted(places))
    return tuple(instances[i] for i in sorted(places))


def _targets(instances: Sequence[Instance]) -> list[int | None]:
    if isinstance(instances, OnDisk):
        return instances.targets()
    return [instance.target for instance in instances]


def _why_not(instances: Sequence[Instance], corpus: Corpus) -> str:
    """That a draw takes no regard of classes, with the rarest of them."""
    counts = Counter(_targets(instances))
    rarest, count = min(counts.items(), key=lambda item: item[1])
    name = "none" if rarest is None else corpus.classes[rarest]
    return f"not by class (too rare for that: `{name}`, {count} of {len(instances)})"
