import pytest

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.tasks import adverse
from tests.unit.tasks.stand_ins import (
    Table,
    by_class,
    evidence,
    real,
    serve,
    sizes,
    texts,
    well_formed,
    write,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


def sentence(**values):
    return {"id": "ade-train-0", "text": "Rash after quinine.", "label": 1} | values


# --- the stand-in ---------------------------------------------------------------------------------------


def test_sentences_with_their_evidence(folder):
    marked = sentence(effect_spans=[[0, 4]], drug_spans=[[11, 18], [0, 4]])
    plain = sentence(id="ade-train-1", label=0, effect_spans=[], drug_spans=[])
    write(folder, "ade", train=[marked, plain], dev=texts("ade-dev-", 3), test=texts("ade-test-", 3))
    corpus = adverse.ade(spec.Ade(), 0)
    first, second = corpus.splits["train"]
    assert evidence(first) == [["Rash", "quinine"]]
    assert second.rationales == ()
    assert corpus.classes == ("no effect", "adverse effect")
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("general-1", 2)
    assert "stand-in for the paper's tweets" in corpus.notes[0]
    plain = adverse.ade(spec.Ade(preparation="plain-1"), 0)
    assert (plain.recipe.tokeniser, plain.recipe.min_df, plain.splits) == ("words-1", 1, corpus.splits)


def test_evidence_outside_the_text(folder):
    write(folder, "ade", train=[sentence(effect_spans=[[0, 400]])], dev=texts("d", 3), test=texts("t", 3))
    with pytest.raises(
        DataError, match=r"train\.jsonl\.gz, line 1: .*within the 19 of its text; found \[0, 400\]"
    ):
        adverse.ade(spec.Ade(), 0)


def test_sentences_of_the_hub_are_undivided_and_stand_once(monkeypatch):
    calls = serve(monkeypatch, {"train": Table(text=["a", "b", "a", "c"], label=[1, 0, 1, 0])})
    corpus = adverse.ade(spec.Ade(source="hub"), 0)
    assert calls == [("ade_corpus_v2", "Ade_corpus_v2_classification")]
    assert [(i.id, i.fields["text"], i.target) for i in corpus.splits["all"]] == [
        ("ade/all/000001", "a", 1),
        ("ade/all/000002", "b", 0),
        ("ade/all/000004", "c", 0),
    ]
    assert "Left out as repeats of an earlier sentence: 1." in corpus.notes


# --- the user's own tweets ------------------------------------------------------------------------------


def tweets(path, *lengths, labels=("0", "1")):
    lines = [f"{' '.join(['w'] * n)} {i},{labels[i % len(labels)]}" for i, n in enumerate(lengths)]
    path.write_text("\n".join(["tweet,class", *lines]) + "\n")
    return {"path": str(path), "text_column": "tweet", "label_column": "class"}


def test_tweets_as_the_paper_prepares_them(tmp_path):
    own = tweets(tmp_path / "own.csv", *[5] * 40, *[4] * 10, *[98] * 10, *[99] * 10)
    corpus = adverse.adr(spec.Adr(**own), 0)
    assert sum(sizes(corpus).values()) == 50
    assert sizes(corpus).keys() == {"train", "dev", "test"}
    assert (corpus.name, corpus.classes) == ("adr", ("0", "1"))
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("spaces-1", 2)
    notes = " ".join(corpus.notes)
    assert "20% of the tweets are the test part, stratified by class, drawn with random state 13020." in notes
    assert "15% of the training texts are the development part, drawn with random state 16377." in notes
    assert "more than 5 and fewer than 100 tokens" in notes
    assert adverse.adr(spec.Adr(**own), 5) == corpus


def test_tweets_as_they_stand(tmp_path):
    own = tweets(tmp_path / "own.csv", 1, 2, 200)
    corpus = adverse.adr(spec.Adr(**own, preparation="plain-1"), 0)
    assert sizes(corpus) == {"all": 3}
    assert corpus.recipe.tokeniser == "words-1"


def test_tweets_of_an_earlier_model(tmp_path):
    own = tweets(tmp_path / "own.csv", *[7] * 40)
    assert adverse.adr(spec.Adr(**own), 0, ("1", "0")).classes == ("1", "0")
    with pytest.raises(DataError, match="unknown label"):
        adverse.adr(spec.Adr(**own), 0, ("yes", "no"))


def test_tweets_that_cannot_be_used(tmp_path):
    own = tweets(tmp_path / "own.csv", *[7] * 40, labels=("a", "b", "c"))
    with pytest.raises(DataError, match="classes"):
        adverse.adr(spec.Adr(**own), 0)
    with pytest.raises(DataError, match="there is no such file"):
        adverse.adr(spec.Adr(path=str(tmp_path / "none.csv")), 0)
    with pytest.raises(DataError, match="no column `text`"):
        adverse.adr(spec.Adr(path=own["path"], label_column="class"), 0)
    with pytest.raises(ValueError, match="must be two columns"):
        spec.Adr(path="a.csv", text_column="x", label_column="x")


# --- the real corpus ------------------------------------------------------------------------------------


class TestRealAde:
    pytestmark = real(adverse.ADE)

    def test_counts(self):
        corpus = adverse.ade(spec.Ade(), 0)
        assert well_formed(corpus)
        assert by_class(corpus, "train") == {"adverse effect": 3230, "no effect": 12460}
        assert by_class(corpus, "dev") == {"adverse effect": 390, "no effect": 1550}
        assert by_class(corpus, "test") == {"adverse effect": 651, "no effect": 2615}
        assert all(bool(i.rationales) == bool(i.target) for split in corpus.splits.values() for i in split)
        assert evidence(corpus.splits["train"][0]) == [["dihydrotachysterol", "increased calcium-release"]]
