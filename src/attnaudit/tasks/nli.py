"""Natural language inference: does the premise entail the hypothesis, contradict it, or neither (SNLI, e-SNLI)?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.spec import corpora as specs
from attnaudit.tasks import preparation, published
from attnaudit.tasks.corpus import Corpus, Recipe
from attnaudit.tasks.published import Copy, Published

CLASSES = ("neutral", "contradiction", "entailment")
"""In the order of the published figures."""

SNLI = Published(
    "snli",
    "snli",
    {"train": "train_sample", "dev": "dev", "test": "test"},
    Copy("stanfordnlp/snli", labels={0: "entailment", 1: "neutral", 2: "contradiction"}),
)
ESNLI = Published("esnli", "esnli", {"train": "train_sample", "test": "dev_sample"})
STAY = 1000
"""Development pairs that are not trained on when the others are."""


def snli(spec: specs.Snli, seed: int) -> Corpus:
    """SNLI, official split: the premise is attended to, the hypothesis read beside it. Locally little is to train on.

    Prepared as in the paper, tokens with digits become `qqq`, and a word must stand in 3 training texts.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, is damaged, or too small for `dev_in_training`.
    """
    splits: dict[str, preparation.Part] = {
        split: published.instances(SNLI, rows, _pair)
        for split, rows in published.records(SNLI, spec.source).items()
    }
    notes = ["Pairs on whose label the annotators did not agree are not in it."]
    if spec.source == "local":
        notes.append(
            f"The training part is a sample of {len(splits['train']):,}; the 550,000 training pairs are not here. "
            "A model trained on so few is far from the published accuracy."
        )
    if spec.dev_in_training:
        if len(splits["dev"]) <= STAY:
            raise DataError(
                f"corpus `snli`: `dev_in_training` needs more than {STAY} development pairs, found "
                f"{len(splits['dev'])}"
            )
        moved, dev = preparation.cut("snli", splits["dev"], STAY, state=seed, stratified=True)
        notes.append(
            f"{len(moved):,} of {len(splits['dev']):,} development pairs are trained on as well; {len(dev):,} stay "
            f"the development part, stratified by class, drawn with seed {seed}."
        )
        splits = {"train": splits["train"] + moved, "dev": dev, "test": splits["test"]}
    paper = spec.preparation == "paper-1"
    recipe = Recipe("general-1" if paper else "words-1", min_df=3 if paper else 1, epochs=25, batch=128)
    return _corpus("snli", splits, recipe, notes)


def esnli(spec: specs.Esnli, seed: int) -> Corpus:
    """Pairs of SNLI with the words that people marked as the reason (e-SNLI), a sample; the premise is attended to.

    Evidence: the marked words of the premise, an annotator each. Where only words of the hypothesis are marked, as in
    all neutral pairs, nothing can be found in the premise.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del spec, seed  # there is nothing to choose; the development part is drawn later
    splits = {
        split: published.instances(ESNLI, rows, _highlighted)
        for split, rows in published.records(ESNLI).items()
    }
    without = sum(
        not any(span.field == "premise" for spans in pair.rationales for span in spans)
        for pair in splits["test"]
    )
    notes = [
        f"The {len(splits['test']):,} pairs that are audited are development pairs of SNLI. A model of `snli` has "
        "chosen its epoch by them, and was trained on them where `dev_in_training` was set.",
        f"In {without:,} of them words of the hypothesis alone are marked: no plausibility is given for these.",
        f"To train on there are {len(splits['train']):,} pairs, too few for a good model; one of `snli` can be put "
        "to these pairs (`--from RUN`).",
    ]
    return _corpus("esnli", splits, Recipe("general-1", epochs=25, batch=128), notes)


def _corpus(
    name: str, splits: Mapping[str, preparation.Part], recipe: Recipe, notes: Sequence[str]
) -> Corpus:
    return Corpus(
        name, CLASSES, splits, attended="premise", query="hypothesis", recipe=recipe, notes=tuple(notes)
    )


def _pair(record: published.Record, identity: str) -> Instance:
    match record.values:
        case {"premise": str(premise), "hypothesis": str(hypothesis), "label": str(label)} if (
            label in CLASSES
        ):
            fields = {"premise": premise, "hypothesis": hypothesis}
            return Instance(identity, fields, CLASSES.index(label))
        case _:
            raise record.broken(
                "a string `id`, a string `premise`, a string `hypothesis` and a `label` of "
                + ", ".join(f"`{name}`" for name in CLASSES)
            )


def _highlighted(record: published.Record, identity: str) -> Instance:
    made = _pair(record, identity)
    match record.values.get("annotators"):
        case [*annotators] if annotators and all(isinstance(one, dict) for one in annotators):
            given = [published.Record(record.place, one) for one in annotators]
        case _:
            raise record.broken("in `annotators` an object an annotator")
    return replace(
        made,
        rationales=tuple(
            tuple(
                span
                for field, text in made.fields.items()
                for span in published.spans(one, f"{field}_spans", field, len(text))
            )
            for one in given
        ),
    )
