import pytest

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.tasks import babi
from attnaudit.text import TOKENISERS
from tests.unit.tasks.stand_ins import evidence, real, sizes, well_formed, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


def story(identity, **values):
    return {
        "id": identity,
        "question": "Where is Mary?",
        "answer": "hall",
        "sentences": ["Mary went to the hall.", "John sat."],
        "supporting": [0],
    } | values


def serve_folder(folder, *train, test=()):
    stories = [story(f"qa1-train10k-{i}") for i in range(len(train), 20)]
    write(
        folder,
        "babi",
        qa1_train10k=[*train, *stories],
        qa1_test=test or [story("qa1-test-0", supporting=[1, 0])],
    )


def test_stories_as_the_paper_prepares_them(folder):
    serve_folder(folder)
    corpus = babi.babi_1(spec.Babi1(), 0)
    assert sizes(corpus) == {"train": 17, "dev": 3, "test": 1}
    (test,) = corpus.splits["test"]
    assert test.id == "qa1/test/0"
    assert test.fields == {"passage": "Mary went to the hall . John sat", "question": "Where is Mary"}
    assert evidence(test) == [["Mary went to the hall", "John sat"]]
    words = (".", "John", "Mary", "Where", "hall", "is", "sat", "the", "to", "went")
    assert (corpus.name, corpus.classes) == ("babi_1", words)
    assert corpus.classes[test.target] == "hall"
    assert (corpus.attended, corpus.query, corpus.cloze) == ("passage", "question", False)
    recipe = corpus.recipe
    assert (recipe.tokeniser, recipe.min_df, recipe.embedding, recipe.hidden) == ("spaces-1", 1, 50, 32)
    assert (recipe.epochs, recipe.batch) == (100, 50)
    notes = " ".join(corpus.notes)
    assert "Each of the 10 words of the training texts is a possible answer" in notes
    assert "15% of the training texts are the development part, drawn with random state 16377" in notes


def test_stories_as_they_stand(folder):
    serve_folder(folder)
    corpus = babi.babi_1(spec.Babi1(preparation="plain-1"), 0)
    assert sizes(corpus) == {"train": 20, "test": 1}
    (test,) = corpus.splits["test"]
    assert test.fields == {"passage": "Mary went to the hall. John sat.", "question": "Where is Mary?"}
    assert evidence(test) == [["Mary went to the hall.", "John sat."]]
    assert (corpus.classes, corpus.recipe.tokeniser) == (("hall",), "words-1")


def test_the_older_task_3_says_so(folder):
    write(
        folder,
        "babi",
        qa3v10_train10k=[story(f"qa3v10-train10k-{i}") for i in range(20)],
        qa3v10_test=[story("qa3v10-test-0")],
    )
    corpus = babi.babi_3(spec.Babi3(), 0)
    assert corpus.name == "babi_3_v10"
    assert "version 1.0" in corpus.notes[0]
    assert "not comparable" in corpus.notes[0]
    assert corpus.splits["test"][0].id == "qa3v10/test/0"


def test_an_answer_that_training_does_not_know(folder):
    serve_folder(folder, test=[story("qa1-test-0", answer="attic")])
    with pytest.raises(
        DataError, match=r"qa1_test\.jsonl\.gz, line 1: .* training part knows, found `attic`"
    ):
        babi.babi_1(spec.Babi1(), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"question": 3},
        {"question": "?"},
        {"answer": ""},
        {"sentences": []},
        {"sentences": ["a", 3]},
        {"sentences": ["a", "."]},
        {"supporting": [2]},
        {"supporting": ["0"]},
        {"supporting": None},
    ],
)
def test_a_row_that_breaks_the_contract(folder, change):
    serve_folder(folder, story("qa1-train10k-x", **change))
    with pytest.raises(DataError, match=r"qa1_train10k\.jsonl\.gz, line 1: a row must have"):
        babi.babi_1(spec.Babi1(), 0)


CASES = [
    (1, spec.Babi1(), babi.babi_1, 24, 36.16),
    (2, spec.Babi2(), babi.babi_2, 38, 93.26),
    (3, spec.Babi3(), babi.babi_3, 39, 136.18),
]


class TestRealBabi:
    pytestmark = real(babi.SOURCES[3])

    @pytest.mark.parametrize(("number", "asked", "task", "vocabulary", "mean"), CASES)
    def test_published_counts_and_words(self, number, asked, task, vocabulary, mean):
        """10,000 to train on, 1000 to test; words with the four special ones as the published code counts them."""
        corpus = task(asked, 0)
        assert well_formed(corpus)
        assert sizes(corpus) == {"train": 8500, "dev": 1500, "test": 1000}
        assert len(corpus.classes) + 4 == vocabulary
        cut = TOKENISERS[corpus.recipe.tokeniser]
        lengths = [len(cut(i.fields["passage"])) for i in corpus.splits["test"]]
        assert sum(lengths) / 1000 == pytest.approx(mean, abs=0.01)
        words = {token.text for i in corpus.splits["test"] for token in cut(i.fields["passage"])}
        assert words <= set(corpus.classes)
        assert all(len(set(i.rationales[0])) <= number for i in corpus.splits["test"])
