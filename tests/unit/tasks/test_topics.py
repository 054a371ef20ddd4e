import pytest

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.tasks import topics
from tests.unit.tasks.stand_ins import Table, by_class, real, serve, sizes, texts, well_formed, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


# --- small stand-ins ------------------------------------------------------------------------------------


def newsgroups(folder, **options):
    empty = {"id": "train/empty", "text": " \n", "label": 0}
    train = [*texts("train/", *[7] * 30, *[6] * 10, 499, 500), empty]
    write(folder, "20news_sports", train=train, test=texts("test/", *[8] * 18))
    return topics.newsgroups(spec.Newsgroups(**options), 0)


def test_newsgroups_as_the_paper_prepares_them(folder):
    corpus = newsgroups(folder)
    assert sum(sizes(corpus).values()) == 30 + 1 + 18
    assert any(i.id.startswith("20news/test/") for i in corpus.splits["train"])
    assert (corpus.classes, corpus.recipe.tokeniser) == (("baseball", "hockey"), "general-nopunct-1")
    assert corpus.recipe.min_df == 2
    notes = " ".join(corpus.notes)
    assert "1 of 43 train posts are empty and left out." in notes
    assert "20% of 60 posts are the test part, stratified by class, drawn with random state 13478" in notes
    assert "20% of the training texts are the development part" in notes
    assert corpus == newsgroups(folder)


def test_newsgroups_as_they_stand(folder):
    corpus = newsgroups(folder, preparation="plain-1")
    assert sizes(corpus) == {"train": 42, "test": 18}
    assert corpus.recipe.tokeniser == "words-1"


def test_newsgroups_without_a_text(folder):
    write(folder, "20news_sports", train=[{"id": "a", "text": "", "label": 0}], test=texts("b", 3))
    with pytest.raises(DataError, match="split `train`: all 1 posts are empty"):
        topics.newsgroups(spec.Newsgroups(), 0)


def agnews(folder, **options):
    write(
        folder,
        "agnews",
        train_sample=texts("agnews-trainsample-", *range(3, 43)),
        test=texts("agnews-test-", 3, 4, 5, 6),
    )
    return topics.agnews(spec.AgNews(**options), 0)


def test_agnews_as_the_paper_prepares_it(folder):
    corpus = agnews(folder)
    assert sizes(corpus) == {"train": 32, "dev": 4, "test": 2}
    assert corpus.splits["test"][0].id == "agnews/test/1"
    assert (corpus.classes, corpus.recipe.tokeniser) == (("world", "business"), "general-1")
    assert corpus.recipe.min_df == 5
    assert "a sample of 40; the 120,000 training texts" in corpus.notes[0]
    assert (
        "15% of the training texts are the development part, drawn with random state 16377." in corpus.notes
    )
    assert "more than 3 (the shortest of the split) and fewer than 6 (the longest" in corpus.notes[-1]


def test_agnews_as_it_stands(folder):
    corpus = agnews(folder, preparation="plain-1")
    assert sizes(corpus) == {"train": 40, "test": 4}
    assert corpus.recipe.tokeniser == "words-1"


def test_agnews_of_the_hub(monkeypatch):
    table = Table(text=["World. a b", "Sport. c", "Money. d e", "Chips. f"], label=[0, 1, 2, 3])
    calls = serve(monkeypatch, {"train": table, "test": table})
    corpus = topics.agnews(spec.AgNews(source="hub", preparation="plain-1"), 0)
    assert calls == [("fancyzhx/ag_news", None)]
    assert [(i.fields["text"], corpus.classes[i.target]) for i in corpus.splits["test"]] == [
        ("World. a b", "world"),
        ("Money. d e", "business"),
    ]
    assert "Title and description together" in corpus.notes[0]
    assert "sample" not in " ".join(corpus.notes)


# --- the real corpora -----------------------------------------------------------------------------------


class TestRealNewsgroups:
    pytestmark = real(topics.NEWSGROUPS)

    def test_counts_beside_the_published_ones(self):
        """Published: 716 and 710 to train on (development included), 171 and 183 to test; 1780 in all, here 1783."""
        corpus = topics.newsgroups(spec.Newsgroups(), 0)
        assert well_formed(corpus)
        assert by_class(corpus, "train") == {"baseball": 568, "hockey": 572}
        assert by_class(corpus, "dev") == {"baseball": 144, "hockey": 141}
        assert by_class(corpus, "test") == {"baseball": 177, "hockey": 181}

    def test_official_split(self):
        corpus = topics.newsgroups(spec.Newsgroups(preparation="plain-1"), 0)
        assert by_class(corpus, "train") == {"baseball": 580, "hockey": 591}
        assert by_class(corpus, "test") == {"baseball": 383, "hockey": 390}


class TestRealAgNews:
    pytestmark = real(topics.AGNEWS)

    def test_the_published_test_part(self):
        """The statistics of the published run: 1900 and 1898. The training part is a sample."""
        corpus = topics.agnews(spec.AgNews(), 0)
        assert well_formed(corpus)
        assert by_class(corpus, "test") == {"business": 1898, "world": 1900}
        assert by_class(corpus, "train") == {"business": 336, "world": 1701}
        assert by_class(corpus, "dev") == {"business": 61, "world": 296}
