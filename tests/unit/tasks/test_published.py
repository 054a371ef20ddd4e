import pytest

from attnaudit.errors import DataError
from attnaudit.instance import Span
from attnaudit.tasks import published
from attnaudit.tasks.published import Copy, Published, Record
from tests.unit.tasks.stand_ins import Table, serve, texts, write

TOY = Published("toy", "toys", {"train": "one", "test": "two"}, Copy("org/toy", "small", {5: 1, 7: 0}))
LOCAL = Published("toy", "toys", {"train": "one", "test": "two"})
WHOLE = Published("toy", "toys", {"train": "one", "test": "two"}, Copy("org/toy", undivided=True))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


def read(corpus, source="local"):
    return {
        split: published.instances(corpus, rows, published.labelled_text)
        for split, rows in published.records(corpus, source).items()
    }


# --- the folder -----------------------------------------------------------------------------------------


def test_rows_of_the_folder(folder):
    write(folder, "toys", one=texts("toy-train-", 1, 2), two=texts("test/a_", 3))
    found = read(LOCAL)
    assert [i.id for i in found["train"]] == ["toy/train/0", "toy/train/1"]
    assert [(i.id, i.target, i.rationales) for i in found["test"]] == [("toy/test/a_0", 0, ())]


def test_what_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(published.hub, "unready", lambda: "no library")
    monkeypatch.delenv("ATTNAUDIT_DATA", raising=False)
    assert published.unready(TOY) == (
        "the environment variable `ATTNAUDIT_DATA` is not set; set `ATTNAUDIT_DATA` to the folder that holds "
        "toys/one.jsonl.gz"
    )
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path / "nowhere"))
    assert "nowhere, which is no folder" in published.unready(TOY)
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    write(tmp_path, "toys", two=[])
    assert "toys lacks one.jsonl.gz; put the corpus there" in published.unready(TOY)
    with pytest.raises(DataError, match=r"corpus `toy`: .*toys lacks one\.jsonl\.gz"):
        published.records(TOY)
    write(tmp_path, "toys", one=[])
    assert published.unready(TOY) == ""


def test_the_hub_is_named_where_it_can_be_used(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    monkeypatch.setattr(published.hub, "unready", lambda: "")
    assert published.unready(TOY).endswith(', or set `source = "hub"`')
    assert "`source" not in published.unready(LOCAL)


def test_a_file_without_rows(folder):
    write(folder, "toys", one=[], two=[])
    with pytest.raises(DataError, match=r"one\.jsonl\.gz: the file holds no rows"):
        read(LOCAL)


def test_a_damaged_file(folder):
    write(folder, "toys", one=texts("a", *[3] * 200), two=texts("b", 1))
    path = folder / "toys" / "one.jsonl.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="damaged or cut off"):
        read(LOCAL)


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ({"id": "a", "text": "b"}, "a `label` of 0 or 1"),
        ({"id": "a", "text": "b", "label": 2}, "a `label` of 0 or 1"),
        ({"id": "a", "text": None, "label": 1}, "a string `text`"),
        ({"id": 3, "text": "b", "label": 1}, "a string `id`"),
        ({"id": "", "text": "b", "label": 1}, "a string `id`"),
    ],
)
def test_a_row_that_breaks_the_contract(folder, row, wanted):
    write(folder, "toys", one=[*texts("a", 1, 1), row], two=texts("b", 1))
    with pytest.raises(DataError, match=r"one\.jsonl\.gz, line 3: a row must have .* Restore it") as caught:
        read(LOCAL)
    assert wanted in str(caught.value)


def test_spans():
    found = published.spans(Record("here", {"spans": [[4, 6], [0, 2]]}), "spans", "text", 6)
    assert found == (Span("text", 0, 2), Span("text", 4, 6))
    assert published.spans(Record("here", {}), "spans", "text", 6) == ()
    for pair in ([4, 7], [2, 2], [3, 1], [-1, 2], [1], "ab", [0, "b"]):
        with pytest.raises(DataError, match=r"here: a row must have in `spans` pairs .* found"):
            published.spans(Record("here", {"spans": [pair]}), "spans", "text", 6)


# --- the hub --------------------------------------------------------------------------------------------


def test_rows_of_the_hub(monkeypatch):
    table = Table(text=["bad", "other", "good"], label=[7, 6, 5])
    calls = serve(monkeypatch, {"train": table, "test": table, "unsupervised": table})
    found = read(TOY, "hub")
    assert calls == [("org/toy", "small")]
    assert list(found) == ["train", "test"]
    assert [(i.id, i.fields["text"], i.target) for i in found["test"]] == [
        ("toy/test/000001", "bad", 0),
        ("toy/test/000003", "good", 1),
    ]


def test_an_undivided_copy(monkeypatch):
    serve(monkeypatch, {"train": Table(text=["bad", "good"], label=[0, 1])})
    assert [i.id for i in read(WHOLE, "hub")["all"]] == ["toy/all/000001", "toy/all/000002"]


def test_a_copy_that_is_another(monkeypatch):
    table = Table(text=["bad"], label=[7])
    serve(monkeypatch, {"train": table, "validation": table})
    with pytest.raises(DataError, match="`org/toy`: there must be a split `test`, found `train`, `dev`"):
        read(TOY, "hub")
    serve(monkeypatch, {"train": Table(text=["bad"]), "test": table})
    with pytest.raises(DataError, match="split `train`, row 1: `label` must be a whole number, found None"):
        read(TOY, "hub")
    serve(monkeypatch, {"train": Table(text=["bad"], label=[9]), "test": table})
    with pytest.raises(DataError, match="split `train`: there are no rows with a known label"):
        read(TOY, "hub")
    serve(monkeypatch, {"train": Table(body=["bad"], label=[7]), "test": table})
    with pytest.raises(DataError, match=r"split `train`, row 1: a row must have .* a string `text`"):
        read(TOY, "hub")


def test_no_library(monkeypatch):
    monkeypatch.setattr(published.hub, "unready", lambda: "no library; install it")
    with pytest.raises(DataError, match="`org/toy`: no library; install it"):
        published.records(TOY, "hub")
