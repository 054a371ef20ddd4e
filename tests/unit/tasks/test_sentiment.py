import gzip
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.tasks import classification
from attnaudit.text import words_without_punctuation


def real(name):
    """Marks of a test that needs the real corpus."""
    return [
        pytest.mark.data,
        pytest.mark.skipif(bool(reason := classification.unready(name)), reason=reason or "-"),
    ]


needs_sst = real("sst")
needs_imdb = real("imdb")


def write(folder, name, **splits):
    (folder / name).mkdir()
    for split, rows in splits.items():
        with gzip.open(folder / name / f"{split}.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)


def rows(prefix, count, text="some words in it"):
    return [{"id": f"{prefix}{i}", "text": f"{text} {i}", "label": i % 2} for i in range(count)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


# --- small stand-ins ------------------------------------------------------------------------------------


def test_sst_is_read_as_it_stands(folder):
    write(folder, "sst", train=rows("sst-train-", 6), dev=rows("sst-dev-", 4), test=rows("sst-test-", 2))
    corpus = classification.sst(spec.Sst(), 0)
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 6, "dev": 4, "test": 2}
    assert corpus.splits["dev"][3].id == "sst/dev/3"
    assert corpus.splits["dev"][3].target == 1
    assert corpus.splits["dev"][3].rationales == ()
    assert (corpus.classes, corpus.recipe.tokeniser, corpus.recipe.min_df) == (
        ("negative", "positive"),
        "words-nopunct-1",
        1,
    )


def test_imdb_is_filtered_cleaned_and_drawn(folder):
    long = {"id": "train/pos/long", "text": "word " * 10, "label": 1}
    broken = {"id": "train/pos/br", "text": "one<br /><br/>two<BR>three", "label": 1}
    write(folder, "imdb", train=[*rows("train/neg/", 28), long, broken], test=[*rows("test/neg/", 40), long])
    corpus = classification.imdb(spec.Imdb(below=10, audited=0.25), 7)
    assert {name: len(split) for name, split in corpus.splits.items()} == {"train": 23, "dev": 6, "test": 10}
    texts = {i.id: i.fields["text"] for split in corpus.splits.values() for i in split}
    assert "imdb/train/pos/long" not in texts
    assert texts["imdb/train/pos/br"] == "one  two three"
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("words-nopunct-1", 10)
    notes = " ".join(corpus.notes)
    assert "Of 30 train reviews, 29 with fewer than 10 words were kept and 1 left out." in notes
    assert "10 of the kept test reviews are audited, drawn with seed 7." in notes
    assert "20% of train, stratified, drawn with seed 7" in notes
    again, other = (classification.imdb(spec.Imdb(below=10, audited=0.25), seed) for seed in (7, 8))
    assert again == corpus
    assert other.splits["test"] != corpus.splits["test"]


def test_imdb_with_nothing_left(folder):
    write(folder, "imdb", train=rows("train/", 4), test=rows("test/", 4))
    with pytest.raises(DataError, match="no train review has fewer than 2 words; raise `below`"):
        classification.imdb(spec.Imdb(below=2), 0)


def test_the_variable_is_not_set(monkeypatch):
    monkeypatch.delenv("ATTNAUDIT_DATA", raising=False)
    with pytest.raises(
        DataError, match=r"`ATTNAUDIT_DATA` is not set; set .* folder that holds sst/train\.jsonl\.gz"
    ):
        classification.sst(spec.Sst(), 0)


def test_the_folder_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere, which is no folder"):
        classification.imdb(spec.Imdb(), 0)


def test_a_file_is_missing(folder):
    write(folder, "sst", train=rows("sst-train-", 6))
    with pytest.raises(DataError, match=r"sst lacks dev\.jsonl\.gz, test\.jsonl\.gz"):
        classification.sst(spec.Sst(), 0)


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "text": "b"},
        {"id": "a", "text": "b", "label": 2},
        {"id": "a", "text": None, "label": 1},
        {"id": 3, "text": "b", "label": 1},
    ],
)
def test_a_row_that_breaks_the_contract(folder, row):
    write(folder, "sst", train=[*rows("sst-train-", 2), row], dev=rows("d", 1), test=rows("t", 1))
    with pytest.raises(DataError, match=r"train\.jsonl\.gz, line 3: a row must have"):
        classification.sst(spec.Sst(), 0)


def test_a_damaged_file(folder):
    write(folder, "sst", train=rows("sst-train-", 200), dev=[], test=[])
    path = folder / "sst" / "train.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="damaged or cut off"):
        classification.sst(spec.Sst(), 0)


def test_a_file_without_rows(folder):
    write(folder, "sst", train=[], dev=[], test=[])
    with pytest.raises(DataError, match="holds no rows"):
        classification.sst(spec.Sst(), 0)


@given(
    st.lists(
        st.sampled_from(
            ["word", "don't", "3D", "2nd", "1,000.5", "--", "中文", "été", " ", "\n", ".", "a-b"]
        ),
        max_size=40,
    ).map("".join),
    st.integers(2, 40),
)
@settings(deadline=None, derandomize=True, max_examples=500)
def test_the_shortcut_of_counting_is_exact(text, below):
    assert classification._has_fewer_words(text, below) == (len(words_without_punctuation(text)) < below)


# --- the real corpora -----------------------------------------------------------------------------------


class TestRealSst:
    pytestmark = needs_sst

    def test_published_counts(self):
        corpus = classification.sst(spec.Sst(), 0)
        counts = {name: Counter(i.target for i in split) for name, split in corpus.splits.items()}
        assert counts == {"train": {0: 3310, 1: 3610}, "dev": {0: 428, 1: 444}, "test": {0: 912, 1: 909}}
        ids = [i.id for split in corpus.splits.values() for i in split]
        assert len(set(ids)) == len(ids) == 6920 + 872 + 1821


class TestRealImdb:
    pytestmark = needs_imdb

    def test_counts_beside_the_published_ones(self):
        """Published: 4356 audited (2184 and 2172), a fifth of those that another tokeniser keeps."""
        corpus = classification.imdb(spec.Imdb(), 0)
        assert {name: len(split) for name, split in corpus.splits.items()} == {
            "train": 17212,
            "dev": 4303,
            "test": 4344,
        }
        assert Counter(i.target for i in corpus.splits["test"]) == {0: 2190, 1: 2154}
        assert (
            "Of 25000 train reviews, 21515 with fewer than 400 words were kept and 3485 left out."
            in corpus.notes
        )
        assert (
            "Of 25000 test reviews, 21719 with fewer than 400 words were kept and 3281 left out."
            in corpus.notes
        )
        ids = [i.id for split in corpus.splits.values() for i in split]
        assert len(set(ids)) == len(ids)
        assert not any("<br" in i.fields["text"] for i in corpus.splits["test"])
