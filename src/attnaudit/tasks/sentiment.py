"""The two corpora of sentiment: sentences of the Stanford Sentiment Treebank, and IMDB reviews."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.spec import corpora as specs
from attnaudit.tasks import marks, preparation, published
from attnaudit.tasks.corpus import Corpus, Recipe, divided, drawn
from attnaudit.tasks.published import Copy, Published

CLASSES = ("negative", "positive")
SST = Published("sst", "sst", {"train": "train", "dev": "dev", "test": "test"}, Copy("SetFit/sst2"))
IMDB = Published("imdb", "imdb", {"train": "train", "test": "test"}, Copy("stanfordnlp/imdb"))
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_NOT_A_LETTER = re.compile(r"[^A-Za-z\s]")
_ONLY_MARKS = re.compile(r"(?<!\S)[^\w\s]+(?!\S)")


def sst(spec: specs.Sst, seed: int) -> Corpus:
    """The Stanford Sentiment Treebank, binary: sentences without the neutral ones, official split.

    Prepared as in the paper: more than 5 tokens and fewer than the longest of the split, all that is no letter or
    digit only separates. `plain-1` leaves nothing out. Evidence: the words whose own label is not neutral, as far as
    the source labels words (the copy on the hub does not).

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # nothing is drawn
    splits = {
        split: published.instances(SST, rows, _labelled_words)
        for split, rows in published.records(SST, spec.source).items()
    }
    notes = ["Official split without neutral sentences.", _of_words(splits)]
    tokeniser = "words-nopunct-1"
    if spec.preparation == "paper-1":
        tokeniser = "alphanumeric-1"
        splits, said = preparation.of_length("sst", splits, preparation.Lengths(tokeniser), above=5)
        notes += said
    else:
        notes.append("Nothing is left out by length (the paper leaves sentences of up to 5 words out).")
    return Corpus("sst", CLASSES, splits, recipe=Recipe(tokeniser), notes=tuple(notes))


def imdb(spec: specs.Imdb, seed: int) -> Corpus:
    """IMDB reviews below a number of words; a drawn share of the test reviews is audited, as in the paper.

    Prepared as in the paper, reviews of up to 6 words and the longest of each part are left out as well.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, is damaged, or nothing is left of it.
    """
    lengths = preparation.Lengths("words-nopunct-1", bounds=_bounds)
    notes = ["The tag `<br />` was replaced by a space."]
    kept: dict[str, tuple[Instance, ...]] = {}
    for split, rows in published.records(IMDB, spec.source).items():
        instances = published.instances(IMDB, rows, _review)
        kept[split] = tuple(i for i in instances if lengths.below(i, spec.below))
        notes.append(
            f"Of {len(instances)} {split} reviews, {len(kept[split])} with fewer than {spec.below} words "
            f"were kept and {len(instances) - len(kept[split])} left out."
        )
        if not kept[split]:
            raise DataError(f"imdb: no {split} review has fewer than {spec.below} words; raise `below`")
    count = max(1, round(spec.audited * len(kept["test"])))
    notes.append(f"{count} of the kept test reviews are audited, drawn with seed {seed}.")
    splits = {"train": kept["train"], "test": drawn(kept["test"], count, seed=seed)}
    corpus = Corpus("imdb", CLASSES, splits, recipe=Recipe("words-nopunct-1", min_df=10), notes=tuple(notes))
    corpus = divided(corpus, seed=seed)  # which draws the development part and says so
    if spec.preparation == "paper-1":
        whole = {name: tuple(split) for name, split in corpus.splits.items()}
        parts, said = preparation.of_length("imdb", whole, lengths, above=6)
        corpus = replace(corpus, splits=parts, notes=(*corpus.notes, *said))
    return corpus


NEUTRAL = 2
"""Of the five labels of a word, 0 to 4, the one that says nothing."""


def _labelled_words(record: published.Record, identity: str) -> Instance:
    """A sentence, and as its evidence the words whose own label is not neutral.

    Without evidence where the words are not labelled, or not one by one.
    """
    made = published.labelled_text(record, identity)
    match record.values.get("token_labels"):
        case [*labels] if all(isinstance(label, int) for label in labels):
            words = marks.between_spaces(made.fields["text"])
            spans = marks.spans_of("text", words, [label != NEUTRAL for label in labels])
            return made if spans is None else replace(made, rationales=(spans,))
        case _:
            return made


def _of_words(splits: Mapping[str, Sequence[Instance]]) -> str:
    """What is evidence, and how many sentences have none that is known."""
    n = sum(map(len, splits.values()))
    unknown = sum(not instance.rationales for split in splits.values() for instance in split)
    if unknown == n:
        return "The source has no labels of single words, so that no evidence is known."
    said = "Evidence: the words whose own label, given out of context, is not neutral."
    return (
        f"{said} For {unknown:,} of {n:,} sentences the labels do not go with the words." if unknown else said
    )


def _review(record: published.Record, identity: str) -> Instance:
    made = published.labelled_text(record, identity)
    return replace(made, fields={"text": _LINE_BREAK.sub(" ", made.fields["text"])})


def _bounds(text: str) -> tuple[int, int]:
    """Between which two numbers the words of a text lie, as `words_without_punctuation` cuts them.

    A chunk between white space gives at least one word unless it is all marks; and at most one word more than
    twice its characters other than letters, since it is cut only beside those. To cut 50 000 reviews in full
    would take three times as long.
    """
    chunks = len(text.split())
    marks = len(_ONLY_MARKS.findall(text))
    return max(0, chunks - marks), chunks + 2 * len(_NOT_A_LETTER.findall(text))
