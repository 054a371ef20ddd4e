import sys
from types import ModuleType, SimpleNamespace

import pytest

from attnaudit import spec
from attnaudit.errors import DataError
from attnaudit.tasks import hub


class Table:
    """What we ask of a `datasets.Dataset`: column names, features, and columns by name."""

    def __init__(self, columns, names=None):
        self.columns = columns
        self.column_names = list(columns)
        self.features = {column: SimpleNamespace() for column in columns}
        if names:
            self.features["label"] = SimpleNamespace(names=names)

    def __getitem__(self, column):
        return self.columns[column]


def table(texts=("bad", "good", "fine"), labels=(0, 1, 1), names=("neg", "pos")):
    return Table({"text": list(texts), "label": list(labels)}, names)


@pytest.fixture
def served(monkeypatch):
    """Put a module in the place of `datasets` that serves what it is given, or raises it."""

    def serve(answer):
        calls = []

        def load_dataset(*arguments):
            calls.append(arguments)
            if isinstance(answer, Exception):
                raise answer
            return answer

        module = ModuleType("datasets")
        module.load_dataset = load_dataset
        module.disable_progress_bars = lambda: None
        monkeypatch.setitem(sys.modules, "datasets", module)
        return calls

    return serve


def read(classes=None, **options):
    return hub.hub(spec.Hub(dataset="org/reviews", **options), 0, classes)


def refused(classes=None, **options):
    with pytest.raises(DataError) as caught:
        read(classes, **options)
    return str(caught.value)


def test_splits_names_and_ids(served):
    calls = served({"train": table(), "validation": table(), "test": table()})
    corpus = read(subset="en")
    assert calls == [("org/reviews", "en")]
    assert corpus.name == "org/reviews"
    assert corpus.classes == ("neg", "pos")
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert corpus.splits["dev"][0].id == "org/reviews/validation/000001"
    assert [(i.fields["text"], i.target) for i in corpus.splits["test"]] == [
        ("bad", 0),
        ("good", 1),
        ("fine", 1),
    ]


def test_the_order_of_declared_classes_is_respected(served):
    served({"train": table(names=("unfriendly", "friendly")), "test": table()})
    assert read().classes == ("unfriendly", "friendly")


def test_labels_without_declared_names(served):
    served(
        {
            "train": table(labels=("b", "a", "a"), names=None),
            "test": table(labels=("a", "b", "a"), names=None),
        }
    )
    assert read().classes == ("a", "b")


@pytest.mark.parametrize("answer", [{"train": table()}, table()])
def test_an_undivided_data_set(served, answer):
    served(answer)
    assert list(read().splits) == ["all"]


def test_a_split_of_another_name_is_left_out_and_noted(served):
    served({"train": table(), "test": table(), "unsupervised": table(labels=(-1, -1, -1))})
    corpus = read()
    assert list(corpus.splits) == ["train", "test"]
    assert corpus.notes[0] == "Splits of the source that were not used: `unsupervised`."


def test_only_splits_of_other_names(served):
    served({"unsupervised": table()})
    assert "Splits there: `unsupervised`." in refused()


def test_labels_that_are_not_known_are_empty(served):
    served({"train": table(), "test": table(labels=(-1, 0, 1))})
    assert "1 row: the label is empty (org/reviews, split `test`, row 1)" in refused()
    assert "Left out: 1 row" in read(drop_empty=True).notes[0]


def test_a_missing_column(served):
    served({"train": table(), "test": table()})
    said = refused(text_column="txt")
    assert "org/reviews, split `train`: no column `txt`. Columns there: `text`, `label`." in said
    assert "Did you mean `text`" in said


def test_empty_texts_and_other_types(served):
    served({"train": table(texts=("a", " ", "c")), "test": table(texts=("a", 5, "c"))})
    said = refused()
    assert "1 row: the text is empty (org/reviews, split `train`, row 2)" in said
    assert "found a value of type `int` (org/reviews, split `test`, row 2)" in said


@pytest.mark.parametrize("number", [3, 150])
def test_declared_classes_are_taken_as_they_are(served, number):
    names = tuple(f"class {i}" for i in range(number, 0, -1))
    texts, labels = [f"text {i}" for i in range(number)], range(number)
    served({"train": table(texts, labels, names), "test": table(texts, labels, names)})
    corpus = read()
    assert corpus.classes == names
    assert [i.target for i in corpus.splits["test"]] == list(labels)


def test_labels_that_are_no_classes(served):
    texts = [f"text {i}" for i in range(150)]
    served({"train": table(texts, range(150), None), "test": table(texts, range(150), None)})
    assert "150 different labels, more than 100: this is no column of classes" in refused()


def test_a_query_beside_the_text(served):
    def pairs():
        return Table(
            {"premise": ["a", "b", "c"], "label": [0, 1, 2], "hypothesis": ["d", "e", "f"]},
            ("entailment", "neutral", "contradiction"),
        )

    served({"train": pairs(), "test": pairs()})
    corpus = read(text_column="premise", query_column="hypothesis")
    assert (corpus.attended, corpus.query) == ("text", "query")
    assert corpus.classes == ("entailment", "neutral", "contradiction")
    assert [(dict(i.fields), i.target) for i in corpus.splits["test"]] == [
        ({"text": "a", "query": "d"}, 0),
        ({"text": "b", "query": "e"}, 1),
        ({"text": "c", "query": "f"}, 2),
    ]
    assert "no column `question`" in refused(text_column="premise", query_column="question")


def test_classes_that_a_model_knows(served):
    served({"test": table(labels=(1, 1, 1))})
    assert [i.target for i in read(("pos", "neg")).splits["test"]] == [0, 0, 0]
    assert "unknown label `pos`" in refused(("negative", "positive"))


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("Couldn't reach\n  the hub"),
        FileNotFoundError("Couldn't reach the hub"),
        ValueError("Couldn't reach the hub"),
        RuntimeError("Couldn't reach the hub"),
    ],
)
def test_offline_or_not_found(served, error):
    served(error)
    said = refused()
    assert "data set `org/reviews` cannot be loaded: Couldn't reach the hub. Check the name" in said
    assert "\n" not in said


def test_an_error_without_words(served):
    served(TimeoutError())
    assert "cannot be loaded: TimeoutError." in refused()


def test_the_library_is_not_installed(monkeypatch):
    monkeypatch.delitem(sys.modules, "datasets", raising=False)
    monkeypatch.setattr(hub.importlib.util, "find_spec", lambda name: None)
    assert "`pip install attnaudit[hub]`" in refused()
