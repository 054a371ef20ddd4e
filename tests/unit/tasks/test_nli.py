import pytest

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.tasks import nli
from tests.unit.tasks.stand_ins import Table, by_class, real, serve, sizes, well_formed, write

LABELS = ("entailment", "neutral", "contradiction")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


def pairs(prefix, count):
    return [
        {"id": f"{prefix}{i}", "premise": f"A man {i}.", "hypothesis": "He sleeps.", "label": LABELS[i % 3]}
        for i in range(count)
    ]


def serve_folder(folder, dev=6):
    write(
        folder,
        "snli",
        train_sample=pairs("snli-trainsample-", 9),
        dev=pairs("snli-dev-", dev),
        test=pairs("snli-test-", 3),
    )


def test_pairs_and_the_order_of_the_published_classes(folder):
    serve_folder(folder)
    corpus = nli.snli(spec.Snli(), 0)
    assert sizes(corpus) == {"train": 9, "dev": 6, "test": 3}
    assert corpus.classes == ("neutral", "contradiction", "entailment")
    assert [i.target for i in corpus.splits["test"]] == [2, 0, 1]
    assert corpus.splits["test"][1].id == "snli/test/1"
    assert corpus.splits["test"][1].fields == {"premise": "A man 1.", "hypothesis": "He sleeps."}
    assert (corpus.attended, corpus.query, corpus.cloze) == ("premise", "hypothesis", False)
    recipe = corpus.recipe
    assert (recipe.tokeniser, recipe.min_df, recipe.batch, recipe.epochs) == ("general-1", 3, 128, 25)
    assert "a sample of 9; the 550,000 training pairs are not here" in " ".join(corpus.notes)
    assert nli.snli(spec.Snli(preparation="plain-1"), 0).recipe.tokeniser == "words-1"


def test_training_on_the_development_pairs_too(folder):
    serve_folder(folder, dev=1200)
    corpus = nli.snli(spec.Snli(dev_in_training=True), 4)
    assert sizes(corpus) == {"train": 9 + 200, "dev": 1000, "test": 3}
    assert well_formed(corpus)
    counts = by_class(corpus, "dev")
    assert max(counts.values()) - min(counts.values()) <= 1
    assert (
        "200 of 1,200 development pairs are trained on as well; 1,000 stay the development part, stratified by "
        "class, drawn with seed 4." in corpus.notes
    )
    assert nli.snli(spec.Snli(dev_in_training=True), 4) == corpus
    assert nli.snli(spec.Snli(dev_in_training=True), 5).splits["dev"] != corpus.splits["dev"]
    serve_folder(folder, dev=1000)
    with pytest.raises(DataError, match="needs more than 1000 development pairs, found 1000"):
        nli.snli(spec.Snli(dev_in_training=True), 4)


def test_pairs_of_the_hub(monkeypatch):
    table = Table(premise=["a", "b", "c", "d"], hypothesis=["e", "f", "g", "h"], label=[0, -1, 1, 2])
    calls = serve(monkeypatch, {"test": table, "validation": table, "train": table})
    corpus = nli.snli(spec.Snli(source="hub"), 0)
    assert calls == [("stanfordnlp/snli", None)]
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert [(i.fields["premise"], corpus.classes[i.target]) for i in corpus.splits["dev"]] == [
        ("a", "entailment"),
        ("c", "neutral"),
        ("d", "contradiction"),
    ]
    assert "sample" not in " ".join(corpus.notes)


@pytest.mark.parametrize("change", [{"label": "-"}, {"label": 0}, {"premise": None}, {"hypothesis": 3}])
def test_a_row_that_breaks_the_contract(folder, change):
    serve_folder(folder)
    write(folder, "snli", dev=[pairs("snli-dev-", 1)[0] | change])
    with pytest.raises(DataError, match=r"dev\.jsonl\.gz, line 1: a row must have .*`neutral`"):
        nli.snli(spec.Snli(), 0)


class TestRealSnli:
    pytestmark = real(nli.SNLI)

    def test_the_published_test_part(self):
        """Table 1: 3219 neutral, 3237 contradiction, 3368 entailment to test. The training part is a sample."""
        corpus = nli.snli(spec.Snli(), 0)
        assert well_formed(corpus)
        assert by_class(corpus, "test") == {"contradiction": 3237, "entailment": 3368, "neutral": 3219}
        assert by_class(corpus, "dev") == {"contradiction": 3278, "entailment": 3329, "neutral": 3235}
        assert by_class(corpus, "train") == {"contradiction": 1864, "entailment": 1894, "neutral": 1876}

    def test_more_to_train_on(self):
        corpus = nli.snli(spec.Snli(dev_in_training=True), 0)
        assert well_formed(corpus)
        assert sizes(corpus) == {"train": 5634 + 8842, "dev": 1000, "test": 9824}
