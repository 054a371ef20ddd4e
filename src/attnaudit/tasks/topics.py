"""The two corpora of topics: 20 Newsgroups (baseball or hockey) and AG News (world or business)."""

from __future__ import annotations

from attnaudit.errors import DataError
from attnaudit.spec import corpora as specs
from attnaudit.tasks import preparation, published
from attnaudit.tasks.corpus import Corpus, Recipe
from attnaudit.tasks.published import Copy, Published

NEWSGROUPS = Published("20news", "20news_sports", {"train": "train", "test": "test"})
AGNEWS = Published(
    "agnews",
    "agnews",
    {"train": "train_sample", "test": "test"},
    Copy("fancyzhx/ag_news", labels={0: 0, 2: 1}),
)
_STATE = 13478


def newsgroups(spec: specs.Newsgroups, seed: int) -> Corpus:
    """20 Newsgroups, baseball or hockey: posts without headers, quotes and footers.

    Prepared as in the paper, the two official parts are pooled and drawn anew (a fifth of the posts for test, a
    fifth of the rest for development), and only posts of more than 6 and fewer than 500 tokens are kept. `plain-1`
    keeps the official split. Posts that are empty without headers, quotes and footers are never kept.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # what is drawn is drawn with the paper's random state
    splits: dict[str, preparation.Part] = {}
    notes = ["Posts without headers, quotes and footers."]
    for split, rows in published.records(NEWSGROUPS).items():
        posts = published.instances(NEWSGROUPS, rows, published.labelled_text)
        splits[split] = tuple(post for post in posts if post.fields["text"].strip())
        if not splits[split]:
            raise DataError(f"corpus `newsgroups`, split `{split}`: all {len(posts)} posts are empty")
        notes.append(
            f"{len(posts) - len(splits[split])} of {len(posts)} {split} posts are empty and left out."
        )
    tokeniser, min_df = "words-1", 1
    if spec.preparation == "paper-1":
        tokeniser, min_df = "general-nopunct-1", 2
        pooled = splits["train"] + splits["test"]
        rest, test = preparation.cut("newsgroups", pooled, 0.2, state=_STATE, stratified=True)
        splits, said = preparation.with_dev(
            "newsgroups", {"train": rest, "test": test}, state=_STATE, share=0.2, stratified=True
        )
        notes += [
            f"The official parts are pooled: 20% of {len(pooled)} posts are the test part, stratified by class, "
            f"drawn with random state {_STATE}.",
            said,
        ]
        splits, left = preparation.of_length(
            "newsgroups", splits, preparation.Lengths(tokeniser), above=6, below=500
        )
        notes += left
    return Corpus(
        "newsgroups", ("baseball", "hockey"), splits, recipe=Recipe(tokeniser, min_df), notes=tuple(notes)
    )


def agnews(spec: specs.AgNews, seed: int) -> Corpus:
    """AG News, world or business: short descriptions of news. Locally the training part is a small sample.

    Prepared as in the paper: tokens with digits become `qqq`, 15% of the training texts are for development, and
    the texts of exactly the shortest and the longest length of a split are left out, as the published code does.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # what is drawn is drawn with the paper's random state
    splits = {
        split: published.instances(AGNEWS, rows, published.labelled_text)
        for split, rows in published.records(AGNEWS, spec.source).items()
    }
    if spec.source == "hub":
        notes = [
            "Title and description together, as the hub has them; the paper reads the description alone."
        ]
    else:
        notes = [
            f"The training part is a sample of {len(splits['train']):,}; the 120,000 training texts (60,000 of "
            "these two topics) are not here. Its texts are title and description, those of the test part the "
            "description alone, as in the paper."
        ]
    tokeniser, min_df = "words-1", 1
    if spec.preparation == "paper-1":
        tokeniser, min_df = "general-1", 5
        splits, said = preparation.with_dev("agnews", splits, state=16377)
        splits, left = preparation.of_length("agnews", splits, preparation.Lengths(tokeniser))
        notes += [said, *left]
    return Corpus(
        "agnews", ("world", "business"), splits, recipe=Recipe(tokeniser, min_df), notes=tuple(notes)
    )
