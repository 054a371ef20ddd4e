"""Natural language inference: does the premise entail the hypothesis, contradict it, or neither (SNLI)?"""

from __future__ import annotations

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
    return Corpus(
        "snli", CLASSES, splits, attended="premise", query="hypothesis", recipe=recipe, notes=tuple(notes)
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
