"""The published corpora of sentiment, read from the folder that the variable ATTNAUDIT_DATA names.

The folder holds NAME/SPLIT.jsonl.gz, one JSON object a line with `id`, `text` and `label` (0 or 1). Nothing
is downloaded here, and no data comes with the package.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from attnaudit import spec as specs
from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.tasks.corpus import Corpus, Recipe, divided, drawn
from attnaudit.tasks.files import json_records
from attnaudit.text import words_without_punctuation

VARIABLE = "ATTNAUDIT_DATA"
CLASSES = ("negative", "positive")
_SPLITS = {"sst": ("train", "dev", "test"), "imdb": ("train", "test")}
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_NOT_A_LETTER = re.compile(r"[^A-Za-z\s]")
_ONLY_MARKS = re.compile(r"(?<!\S)[^\w\s]+(?!\S)")


def sst(spec: specs.Sst, seed: int) -> Corpus:
    """The Stanford Sentiment Treebank, binary: sentences without the neutral ones, official split.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del spec, seed  # nothing is chosen and nothing is drawn
    splits = {split: _instances("sst", split) for split in _SPLITS["sst"]}
    note = (
        "Official split without neutral sentences; nothing is left out by length (the paper's code leaves "
        "sentences of up to 5 words out)."
    )
    return Corpus("sst", CLASSES, splits, recipe=Recipe("words-nopunct-1"), notes=(note,))


def imdb(spec: specs.Imdb, seed: int) -> Corpus:
    """IMDB reviews below a number of words; a drawn share of the test reviews is audited, as in the paper.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, is damaged, or nothing is left of it.
    """
    notes = ["The tag `<br />` was replaced by a space."]
    kept: dict[str, tuple[Instance, ...]] = {}
    for split in _SPLITS["imdb"]:
        instances = _instances("imdb", split)
        kept[split] = tuple(i for i in instances if _has_fewer_words(i.fields["text"], spec.below))
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
    return divided(corpus, seed=seed)  # which draws the development part and says so


def unready(name: str) -> str:
    """Why the corpus cannot be read here, and what to do; empty when it can.

    Only looks whether the files are there, and so costs nothing.
    """
    root = os.environ.get(VARIABLE)
    advice = f"set `{VARIABLE}` to the folder that holds {name}/{_SPLITS[name][0]}.jsonl.gz"
    if not root:
        return f"the environment variable `{VARIABLE}` is not set; {advice}"
    if not Path(root).is_dir():
        return f"`{VARIABLE}` names {root}, which is no folder; {advice}"
    absent = [path.name for path in (_path(name, split) for split in _SPLITS[name]) if not path.is_file()]
    if absent:
        return f"{Path(root) / name} lacks {', '.join(absent)}; put the corpus there, or {advice}"
    return ""


def _path(name: str, split: str) -> Path:
    return Path(os.environ[VARIABLE]) / name / f"{split}.jsonl.gz"


def _instances(name: str, split: str) -> tuple[Instance, ...]:
    """All rows of one file, each checked; ids begin with the name of the corpus."""
    if reason := unready(name):
        raise DataError(f"corpus `{name}`: {reason}")
    path = _path(name, split)
    instances = []
    for number, row in json_records(path):
        match row:
            case {"id": str(identity), "text": str(text), "label": (0 | 1) as label}:
                clean = _LINE_BREAK.sub(" ", text) if name == "imdb" else text
                instances.append(Instance(_identity(name, identity), {"text": clean}, int(label)))
            case _:
                raise DataError(
                    f"{path}, line {number}: a row must have a string `id`, a string `text` and a `label` "
                    "of 0 or 1"
                )
    if not instances:
        raise DataError(f"{path}: the file holds no rows")
    return tuple(instances)


def _identity(name: str, identity: str) -> str:
    """`sst-train-0` → `sst/train/0`, `test/neg/0_2` → `imdb/test/neg/0_2`."""
    return identity.replace("-", "/") if identity.startswith(f"{name}-") else f"{name}/{identity}"


def _has_fewer_words(text: str, below: int) -> bool:
    """Whether `words_without_punctuation` gives fewer than `below` tokens.

    Most reviews are decided by two cheap bounds. A chunk between white space gives at least one word unless
    it is all marks; and at most one word more than twice its characters other than letters, since it is cut
    only beside those. To cut 50 000 reviews in full would take three times as long.
    """
    chunks = len(text.split())
    if chunks + 2 * len(_NOT_A_LETTER.findall(text)) < below:
        return True
    if chunks - len(_ONLY_MARKS.findall(text)) >= below:
        return False
    return len(words_without_punctuation(text)) < below
