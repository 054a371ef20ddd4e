"""Real text in which it is known which words may decide: a sentence with a foreign one behind it, and pronouns.

Source: Pruthi et al. 2020, who call these words impermissible and train attention to hide that it rests on them.
"""

from __future__ import annotations

from dataclasses import replace

from attnaudit.instance import Instance
from attnaudit.spec import corpora as specs
from attnaudit.tasks import marks, published
from attnaudit.tasks.corpus import Corpus, Recipe
from attnaudit.tasks.published import Published
from attnaudit.tasks.sentiment import CLASSES

_SPLITS = {"train": "train", "dev": "dev", "test": "test"}
SST_WIKI = Published("sst_wiki", "sst_wiki", _SPLITS)
PRONOUN = Published("pronoun", "pronoun", _SPLITS)


def sst_wiki(spec: specs.SstWiki, seed: int) -> Corpus:
    """Sentences of the Stanford Sentiment Treebank, each with an unrelated one behind it that says nothing.

    Evidence: all words of the first sentence.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del spec, seed  # there is nothing to choose, and nothing is drawn
    note = (
        "Evidence by construction: every word of the sentence that has the class, whether it tells the class or not. "
        "What lies on the other sentence is misplaced for certain."
    )
    return _read(SST_WIKI, CLASSES, note)


def pronoun(spec: specs.Pronoun, seed: int) -> Corpus:
    """Sentences of biographies: is it a man or a woman? The pronouns say it.

    Evidence: the pronouns with a gender.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del spec, seed  # there is nothing to choose, and nothing is drawn
    note = (
        "Evidence by construction: he, she, his, her, him, himself and herself. Names and other words hint at the "
        "class as well, so what lies on them need not be misplaced."
    )
    return _read(PRONOUN, ("male", "female"), note)


def _read(corpus: Published, classes: tuple[str, ...], note: str) -> Corpus:
    splits = {
        split: published.instances(corpus, rows, _marked) for split, rows in published.records(corpus).items()
    }
    return Corpus(corpus.name, classes, splits, recipe=Recipe("words-nopunct-1"), notes=(note,))


def _marked(record: published.Record, identity: str) -> Instance:
    made = published.labelled_text(record, identity)
    mask = record.values.get("evidence_mask")
    return replace(made, rationales=(marks.masked(record, "evidence_mask", made.fields["text"], mask),))
