import gzip

import pytest

from attnaudit import spec
from attnaudit.errors import DataError, SpecError
from attnaudit.tasks import cnn
from attnaudit.text import TOKENISERS
from tests.unit.tasks.stand_ins import real, sizes, well_formed, write

ARTICLE = "@entity2 met @entity10 in @entity1 , said @entity2"
QUESTION = "@placeholder met @entity10"


def question_file(folder, part, name, *, article=ARTICLE, question=QUESTION, answer="@entity2"):
    (folder / part).mkdir(parents=True, exist_ok=True)
    lines = [
        "http://a.example",
        "",
        article,
        "",
        question,
        "",
        answer,
        "",
        "@entity2:Ann",
        "@entity10:Bob",
        "",
    ]
    (folder / part / f"{name}.question").write_text("\n".join(lines), encoding="utf-8")


def published_folder(folder):
    for part, count in (("training", 3), ("validation", 1), ("test", 2)):
        for number in range(count):
            question_file(folder, part, f"{part}{2 - number}")
    return folder


def block_file(path, *blocks, end="\n"):
    path.write_text("\n\n".join("\n".join(block) for block in blocks) + end, encoding="utf-8")
    return str(path)


BLOCK = (QUESTION, "@entity2", ARTICLE)


def read(**options):
    return cnn.cnn(spec.Cnn(**{name: str(value) for name, value in options.items()}), 0)


def refused(**options):
    with pytest.raises(DataError) as caught:
        read(**options)
    return str(caught.value)


# --- the published folder -------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", ["questions", "."])
def test_the_published_folder(tmp_path, inner):
    published_folder(tmp_path / inner)
    corpus = read(path=tmp_path)
    assert sizes(corpus) == {"train": 3, "dev": 1, "test": 2}
    assert [i.id for i in corpus.splits["train"]] == [f"cnn/train/training{i}" for i in range(3)]
    assert corpus.classes == ("@entity1", "@entity2", "@entity10")
    first = corpus.splits["train"][0]
    assert first.fields == {"passage": ARTICLE, "question": QUESTION}
    assert corpus.classes[first.target] == "@entity2"
    assert (corpus.attended, corpus.query, corpus.cloze) == ("passage", "question", True)
    recipe = corpus.recipe
    assert (recipe.tokeniser, recipe.min_df, recipe.batch, recipe.epochs) == ("spaces-1", 8, 90, 25)
    assert corpus.notes == ()


def test_an_answer_that_does_not_stand_in_its_article(tmp_path):
    published_folder(tmp_path)
    question_file(tmp_path, "training", "other", answer="@entity9")
    question_file(tmp_path, "training", "glued", article="@entity2's dog and @entity1", answer="@entity2")
    corpus = read(path=tmp_path)
    assert sizes(corpus)["train"] == 3
    assert corpus.notes == (
        "2 of 5 train questions are left out: their answer does not stand in the article.",
    )
    assert "@entity9" not in corpus.classes
    for file in (tmp_path / "validation").iterdir():
        file.unlink()
    question_file(tmp_path, "validation", "only", answer="@entity9")
    assert "split `dev`: of 1 questions none has an answer that stands in its article" in refused(
        path=tmp_path
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "line 1: the address must stand here, found the end of the file"),
        (["u", ""], "line 3: the article must stand here, found the end of the file"),
        (["u", "", "", "", "q"], "line 3: the article must stand here, found an empty line"),
        (["u", "x", "a"], "line 2: an empty line must stand here, found `x`"),
        (["u", "", "a", "", "q", "", "", ""], "line 7: the answer must stand here, found an empty line"),
        (["u", "", ARTICLE, "", "no gap", "", "@entity2"], "the question must hold the token `@placeholder`"),
        (["u", "", ARTICLE, "", QUESTION, "", "Ann"], "the answer must be an entity such as `@entity3`"),
    ],
)
def test_a_malformed_question_file(tmp_path, lines, said):
    published_folder(tmp_path)
    (tmp_path / "test" / "bad.question").write_text("\n".join(lines))
    found = refused(path=tmp_path)
    assert found.startswith("test/bad.question, line")
    assert said in found


def test_folders_and_files_that_are_not_there(tmp_path):
    assert "training: there is no such folder. `path` must hold `training`" in refused(path=tmp_path)
    for part in ("training", "validation", "test"):
        (tmp_path / part).mkdir()
    assert "split `train`: there are no questions" in refused(path=tmp_path)
    assert "is a folder with all three parts" in refused(path=tmp_path, test_path="a")
    assert "give `test_path` too" in refused(path=tmp_path / "none.txt")
    assert "none.txt: there is no such file" in refused(path=tmp_path / "none.txt", test_path="a")
    with pytest.raises(SpecError, match="need a `path`"):
        spec.Spec.parse({"task": {"name": "cnn", "test_path": "a"}})


# --- files of blocks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_files_of_blocks(tmp_path, end):
    train = block_file(
        tmp_path / "train.txt", BLOCK, ("@placeholder !", "@entity3", "so @entity3 said"), end=end
    )
    test = block_file(tmp_path / "test.txt", BLOCK, end=end)
    corpus = read(path=train, test_path=test)
    assert sizes(corpus) == {"train": 2, "test": 1}
    assert [i.id for i in corpus.splits["train"]] == ["cnn/train/0000001", "cnn/train/0000005"]
    assert corpus.classes == ("@entity1", "@entity2", "@entity3", "@entity10")
    assert corpus.splits["train"][1].fields == {"passage": "so @entity3 said", "question": "@placeholder !"}
    assert list(read(path=train, dev_path=test, test_path=test).splits) == ["train", "dev", "test"]


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (BLOCK[:2], "line 5: a block must have three lines (question, answer, article)"),
        ((*BLOCK, "more"), "line 5: a block must have three lines"),
        (BLOCK[::-1], "line 5: the question must hold the token `@placeholder`"),
        ((QUESTION, ARTICLE, "@entity2"), "line 5: the answer must be an entity such as `@entity3`"),
    ],
)
def test_a_malformed_block(tmp_path, block, said):
    train = block_file(tmp_path / "train.txt", BLOCK, block, BLOCK)
    found = refused(path=train, test_path=train)
    assert found.startswith("train.txt, line 5")
    assert said in found


def test_a_file_that_is_not_utf8(tmp_path):
    (tmp_path / "train.txt").write_bytes(b"a\ncaf\xe9\n")
    found = refused(path=tmp_path / "train.txt", test_path=tmp_path / "train.txt")
    assert "train.txt, line 2, byte 4: not UTF-8" in found


# --- the five questions ---------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


def rows(count):
    return [
        {"id": f"{i}f.question", "paragraph": ARTICLE, "question": QUESTION, "answer": "@entity2"}
        for i in range(count)
    ]


def test_five_questions_that_show_the_format(folder):
    write(folder, "cnn_qa_sample", train_sample=rows(5))
    corpus = read()
    assert sizes(corpus) == {"train": 3, "dev": 1, "test": 1}
    assert corpus.splits["dev"][0].id == "cnn/3f"
    assert corpus.recipe.min_df == 1
    assert "no number that is computed from them means anything" in corpus.notes[0]


def test_a_row_that_breaks_the_contract(folder):
    write(folder, "cnn_qa_sample", train_sample=[*rows(4), {"id": "a", "paragraph": 3}])
    assert "train_sample.jsonl.gz, line 5: a row must have a string `paragraph`" in refused()
    write(folder, "cnn_qa_sample", train_sample=rows(4))
    assert "split `test`: there are no questions" in refused()


def test_not_even_the_five_questions_are_there(folder):
    assert cnn.unready().endswith(", or give your own copy as `path`")
    (folder / "cnn_qa_sample").mkdir()
    gzip.open(folder / "cnn_qa_sample" / "train_sample.jsonl.gz", "wt").close()
    assert cnn.unready() == ""


class TestRealCnn:
    pytestmark = real(cnn.SAMPLE)

    def test_the_five_questions(self):
        corpus = read()
        assert well_formed(corpus)
        assert sizes(corpus) == {"train": 3, "dev": 1, "test": 1}
        assert len(corpus.classes) == 80
        cut = TOKENISERS[corpus.recipe.tokeniser]
        for split in corpus.splits.values():
            for instance in split:
                tokens = {token.text for token in cut(instance.fields["passage"])}
                assert corpus.classes[instance.target] in tokens
