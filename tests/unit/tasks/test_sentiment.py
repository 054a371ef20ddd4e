import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.tasks import sentiment
from attnaudit.text import words_without_punctuation
from tests.unit.tasks.stand_ins import Table, by_class, real, serve, sizes, texts, well_formed, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


# --- small stand-ins ------------------------------------------------------------------------------------


def test_sst_as_the_paper_prepares_it(folder):
    lengths = [5, 6, 7, 9, 9, 8]
    write(
        folder,
        "sst",
        train=texts("sst-train-", *lengths),
        dev=texts("sst-dev-", 6, 8),
        test=texts("sst-test-", 6, 8),
    )
    corpus = sentiment.sst(spec.Sst(), 0)
    assert [i.id for i in corpus.splits["train"]] == ["sst/train/1", "sst/train/2", "sst/train/5"]
    assert sizes(corpus) == {"train": 3, "dev": 1, "test": 1}
    assert (corpus.classes, corpus.attended, corpus.query) == (("negative", "positive"), "text", None)
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("alphanumeric-1", 1)
    assert any(
        "Of 6 train texts, 3 with more than 5 and fewer than 9 (the longest" in note for note in corpus.notes
    )
    assert any("3 left out, as in the published code" in note for note in corpus.notes)


def test_sst_as_it_stands(folder):
    write(folder, "sst", train=texts("sst-train-", *[3] * 6), dev=texts("sst-dev-", 1), test=texts("t", 2, 2))
    corpus = sentiment.sst(spec.Sst(preparation="plain-1"), 0)
    assert sizes(corpus) == {"train": 6, "dev": 1, "test": 2}
    assert corpus.recipe.tokeniser == "words-nopunct-1"
    assert any("Nothing is left out" in note for note in corpus.notes)


def test_sst_of_the_hub(monkeypatch):
    table = Table(text=["fine", "bad"], label=[1, 0], label_text=["positive", "negative"])
    calls = serve(monkeypatch, {"train": table, "validation": table, "test": table})
    corpus = sentiment.sst(spec.Sst(preparation="plain-1", source="hub"), 0)
    assert calls == [("SetFit/sst2", None)]
    assert [(i.id, i.target) for i in corpus.splits["dev"]] == [("sst/dev/000001", 1), ("sst/dev/000002", 0)]


def imdb(folder, **options):
    long = {"id": "train/pos/long", "text": "word " * 10, "label": 1}
    broken = {"id": "train/pos/br", "text": "one<br /><br/>two<BR>three", "label": 1}
    rows = [4] * 28
    write(
        folder,
        "imdb",
        train=[*texts("train/neg/", *rows), long, broken],
        test=[*texts("b/", *[4] * 40), long],
    )
    return sentiment.imdb(spec.Imdb(below=10, audited=0.25, preparation="plain-1", **options), 7)


def test_imdb_is_filtered_cleaned_and_drawn(folder):
    corpus = imdb(folder)
    assert sizes(corpus) == {"train": 23, "dev": 6, "test": 10}
    found = {i.id: i.fields["text"] for split in corpus.splits.values() for i in split}
    assert "imdb/train/pos/long" not in found
    assert found["imdb/train/pos/br"] == "one  two three"
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("words-nopunct-1", 10)
    notes = " ".join(corpus.notes)
    assert "Of 30 train reviews, 29 with fewer than 10 words were kept and 1 left out." in notes
    assert "10 of the kept test reviews are audited, drawn with seed 7." in notes
    assert "20% of train, stratified, drawn with seed 7" in notes
    again, other = (
        sentiment.imdb(spec.Imdb(below=10, audited=0.25, preparation="plain-1"), seed) for seed in (7, 8)
    )
    assert again == corpus
    assert other.splits["test"] != corpus.splits["test"]


def test_imdb_as_the_paper_prepares_it(folder):
    rows = [6, 7, 8, 9, 12] * 40
    write(folder, "imdb", train=texts("a/", *rows), test=texts("b/", *rows))
    corpus = sentiment.imdb(spec.Imdb(below=10, audited=0.5), 7)
    kept = {len(i.fields["text"].split()) for split in corpus.splits.values() for i in split}
    assert kept == {7, 8}
    assert any(
        "texts, " in note and "more than 6 and fewer than 9 (the longest" in note for note in corpus.notes
    )


def test_imdb_of_the_hub(monkeypatch):
    table = Table(text=["fine"] * 10 + ["bad"] * 10, label=[1] * 10 + [0] * 10)
    calls = serve(monkeypatch, {"train": table, "test": table, "unsupervised": Table(text=["a"], label=[-1])})
    corpus = sentiment.imdb(spec.Imdb(preparation="plain-1", source="hub"), 0)
    assert calls == [("stanfordnlp/imdb", None)]
    assert sizes(corpus) == {"train": 16, "dev": 4, "test": 4}


def test_imdb_with_nothing_left(folder):
    write(folder, "imdb", train=texts("train/", *[4] * 4), test=texts("test/", *[4] * 4))
    with pytest.raises(DataError, match="no train review has fewer than 2 words; raise `below`"):
        sentiment.imdb(spec.Imdb(below=2), 0)


@given(
    st.lists(
        st.sampled_from(
            ["word", "don't", "3D", "2nd", "1,000.5", "--", "中文", "été", " ", "\n", ".", "a-b"]
        ),
        max_size=40,
    ).map("".join)
)
@settings(deadline=None, derandomize=True, max_examples=500)
def test_the_bounds_of_counting_hold(text):
    low, high = sentiment._bounds(text)
    assert low <= len(words_without_punctuation(text)) <= high


# --- the real corpora -----------------------------------------------------------------------------------


class TestRealSst:
    pytestmark = real(sentiment.SST)

    def test_published_counts(self):
        """Table 1: 3034 and 3321 to train on, 863 and 862 to test."""
        corpus = sentiment.sst(spec.Sst(), 0)
        assert well_formed(corpus)
        assert by_class(corpus, "train") == {"negative": 3034, "positive": 3321}
        assert by_class(corpus, "dev") == {"negative": 397, "positive": 424}
        assert by_class(corpus, "test") == {"negative": 863, "positive": 862}

    def test_official_split(self):
        corpus = sentiment.sst(spec.Sst(preparation="plain-1"), 0)
        assert by_class(corpus, "train") == {"negative": 3310, "positive": 3610}
        assert by_class(corpus, "dev") == {"negative": 428, "positive": 444}
        assert by_class(corpus, "test") == {"negative": 912, "positive": 909}


class TestRealImdb:
    pytestmark = real(sentiment.IMDB)

    def test_counts_beside_the_published_ones(self):
        """Published: 4356 audited (2184 and 2172), a fifth of those that another tokeniser keeps."""
        corpus = sentiment.imdb(spec.Imdb(), 0)
        assert well_formed(corpus)
        assert sizes(corpus) == {"train": 17203, "dev": 4298, "test": 4341}
        assert by_class(corpus, "test") == {"negative": 2189, "positive": 2152}
        for note in (
            "Of 25000 train reviews, 21515 with fewer than 400 words were kept and 3485 left out.",
            "Of 25000 test reviews, 21719 with fewer than 400 words were kept and 3281 left out.",
            "4344 of the kept test reviews are audited, drawn with seed 0.",
        ):
            assert note in corpus.notes
        assert not any("<br" in i.fields["text"] for i in corpus.splits["test"])
        lengths = [len(words_without_punctuation(i.fields["text"])) for i in corpus.splits["test"]]
        assert min(lengths) > 6
        assert max(lengths) < 399
