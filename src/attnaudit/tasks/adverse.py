"""Adverse effects of drugs: an open corpus of medical sentences, and the paper's tweets, which are the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.spec import corpora as specs
from attnaudit.tasks import files, preparation, published
from attnaudit.tasks.corpus import WHOLE, Corpus, Recipe
from attnaudit.tasks.published import Copy, Published

ADE = Published(
    "ade",
    "ade",
    {"train": "train", "dev": "dev", "test": "test"},
    Copy("ade_corpus_v2", "Ade_corpus_v2_classification", undivided=True),
)
_STAND_IN = (
    "A stand-in for the paper's tweets about adverse drug reactions, which are not public: sentences of medical "
    "case reports. No published figure belongs to it."
)


def ade(spec: specs.Ade, seed: int) -> Corpus:
    """Medical sentences with or without an adverse drug effect; a stand-in for the paper's tweets (`adr`).

    Evidence: the annotated effects and the drugs that have them. The split keeps the sentences of an article
    together. The copy on the hub has no split and no evidence.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # nothing is drawn here (an undivided corpus is split later)
    splits = {
        split: published.instances(ADE, rows, _sentence)
        for split, rows in published.records(ADE, spec.source).items()
    }
    notes = [_STAND_IN]
    if WHOLE in splits:
        first: dict[str, Instance] = {}
        for instance in splits[WHOLE]:
            first.setdefault(instance.fields["text"], instance)
        notes.append(f"Left out as repeats of an earlier sentence: {len(splits[WHOLE]) - len(first)}.")
        splits[WHOLE] = tuple(first.values())
    recipe = Recipe("general-1", min_df=2) if spec.preparation == "paper-1" else Recipe("words-1")
    return Corpus("ade", ("no effect", "adverse effect"), splits, recipe=recipe, notes=tuple(notes))


def adr(spec: specs.Adr, seed: int, classes: Sequence[str] | None = None) -> Corpus:
    """The paper's tweets about adverse drug reactions: your own licensed file with a text and a label column.

    Prepared as in the paper: a fifth of the tweets for test, 15% of the rest for development, and only tweets of
    more than 5 and fewer than 100 tokens. Tweets that are cut into tokens already stay as they are cut.

    Args:
        spec: where the file lies and what its columns are called.
        seed: not used: what is drawn is drawn with the paper's random states (`plain-1`: split later).
        classes: names of the classes in their order, when a model of an earlier run is audited.

    Raises:
        DataError: the file cannot be read, a row breaks the contract, or there are not two classes.
    """
    given = specs.File(path=spec.path, text_column=spec.text_column, label_column=spec.label_column)
    read = files.file(given, seed, classes=classes)
    if len(read.classes) != 2:
        raise DataError(
            f"{read.name}: the tweets must have two classes, found {len(read.classes)}: "
            f"{', '.join(f'`{name}`' for name in read.classes[:12])}. Is `{spec.label_column}` the column of "
            "the labels?"
        )
    if spec.preparation == "plain-1":
        return replace(read, name="adr", recipe=Recipe("words-1"))
    rest, test = preparation.cut("adr", tuple(read.splits[WHOLE]), 0.2, state=13020, stratified=True)
    splits, said = preparation.with_dev("adr", {"train": rest, "test": test}, state=16377)
    splits, left = preparation.of_length("adr", splits, preparation.Lengths("spaces-1"), above=5, below=100)
    notes = (
        *read.notes,
        "20% of the tweets are the test part, stratified by class, drawn with random state 13020.",
        said,
        *left,
    )
    return replace(read, name="adr", splits=splits, recipe=Recipe("spaces-1", min_df=2), notes=notes)


def _sentence(record: published.Record, identity: str) -> Instance:
    made = published.labelled_text(record, identity)
    length = len(made.fields["text"])
    evidence = {
        span
        for column in ("effect_spans", "drug_spans")
        for span in published.spans(record, column, "text", length)
    }
    if not evidence:
        return made
    return replace(made, rationales=(tuple(sorted(evidence, key=lambda span: (span.start, span.end))),))
