"""CNN and Daily Mail cloze questions: which entity of the article stands in the gap of a sentence about it?

Read from the user's own copy, in one of its two published forms; five questions that show the format are read from
the folder of `ATTNAUDIT_DATA`. Articles and questions come lower-cased and cut into tokens between spaces, names
replaced by `@entity0`, `@entity1` and so on, the gap by `@placeholder`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.spec import corpora as specs
from attnaudit.tasks import published
from attnaudit.tasks.corpus import Corpus, Recipe
from attnaudit.tasks.published import Published

SAMPLE = Published("cnn", "cnn_qa_sample", {"train": "train_sample"})
_FOLDERS = {"train": "training", "dev": "validation", "test": "test"}
_LAYOUT = ("the address", "", "the article", "", "the question", "", "the answer")
_ENTITY = re.compile(r"(?<!\S)@entity\d+(?!\S)")
_SAMPLE_PARTS = {"train": slice(0, 3), "dev": slice(3, 4), "test": slice(4, None)}


def cnn(spec: specs.Cnn, seed: int) -> Corpus:
    """CNN and Daily Mail cloze questions, from your own copy; without one, five questions that show the format.

    `path` is one of two published forms. A folder that holds `training`, `validation` and `test` (or a folder
    `questions` that does) with a `.question` file each: address, empty line, article, empty line, question, empty
    line, answer, empty line, and lines such as `@entity0:CNN`. Or a file of blocks with an empty line between: a line
    with the question, one with the answer, one with the article; then `dev_path` and `test_path` are files as well.

    Only entities of the article can be the answer. A question whose answer does not stand in its article is left
    out and counted.

    Raises:
        DataError: a file is not there or malformed; says file, line and what to do.
    """
    del seed  # nothing is drawn (a development part that is not given is drawn later)
    notes = []
    if spec.path is None:
        questions = _sample()
        notes.append(
            "Five questions that show the format: no number that is computed from them means anything."
        )
    else:
        questions = _own(spec, Path(spec.path).expanduser())
    kept = {}
    for split, found in questions.items():
        kept[split] = [question for question in found if question.answer in question.candidates]
        if lost := len(found) - len(kept[split]):
            notes.append(
                f"{lost} of {len(found)} {split} questions are left out: their answer does not stand in the article."
            )
        if not kept[split]:
            raise DataError(
                f"cnn, split `{split}`: "
                + (
                    f"of {len(found)} questions none has an answer that stands in its article as a token of its own"
                    if found
                    else "there are no questions"
                )
                + ". Check that the files are those of the published corpus."
            )
    entities = {name for found in kept.values() for question in found for name in question.candidates}
    classes = tuple(sorted(entities, key=lambda name: (int(name.removeprefix("@entity")), name)))
    index = {name: number for number, name in enumerate(classes)}
    return Corpus(
        "cnn",
        classes,
        {split: tuple(q.instance(index) for q in found) for split, found in kept.items()},
        attended="passage",
        query="question",
        cloze=True,
        recipe=Recipe("spaces-1", min_df=1 if spec.path is None else 8, epochs=25, batch=90),
        notes=tuple(notes),
    )


def unready() -> str:
    """Why not even the five questions can be read, and what to do; empty when they can."""
    reason = published.unready(SAMPLE)
    return f"{reason}, or give your own copy as `path`" if reason else ""


@dataclass(frozen=True, slots=True)
class _Question:
    """One question with its article and the entities that stand in it."""

    id: str
    passage: str
    question: str
    answer: str
    candidates: frozenset[str]

    def instance(self, index: dict[str, int]) -> Instance:
        fields = {"passage": self.passage, "question": self.question}
        return Instance(self.id, fields, index[self.answer])


def _made(place: str, identity: str, *, question: str, answer: str, passage: str) -> _Question:
    """The question, if each part is what it must be."""
    if not _ENTITY.fullmatch(answer):
        raise DataError(
            f"{place}: the answer must be an entity such as `@entity3`, found `{answer[:60]}`. Is the order of the "
            "lines that of the published files?"
        )
    if "@placeholder" not in question.split():
        raise DataError(
            f"{place}: the question must hold the token `@placeholder`, found `{question[:60]}`. Is the order of "
            "the lines that of the published files?"
        )
    return _Question(identity, passage, question, answer, frozenset(_ENTITY.findall(passage)))


def _sample() -> dict[str, list[_Question]]:
    questions = []
    for record in published.records(SAMPLE)["train"]:
        match record.values:
            case {"paragraph": str(passage), "question": str(question), "answer": str(answer)}:
                identity = published.identity(SAMPLE, record).removesuffix(".question")
                questions.append(
                    _made(record.place, identity, question=question, answer=answer, passage=passage)
                )
            case _:
                raise record.broken("a string `paragraph`, a string `question` and a string `answer`")
    return {split: questions[part] for split, part in _SAMPLE_PARTS.items()}


def _own(spec: specs.Cnn, path: Path) -> dict[str, list[_Question]]:
    """The questions of the user's copy, in whichever of the two forms it comes."""
    if path.is_dir():
        if spec.dev_path or spec.test_path:
            raise DataError(
                f"{path}: is a folder with all three parts, and `dev_path` and `test_path` go with a file. "
                "Leave them out."
            )
        folder = path / "questions" if (path / "questions").is_dir() else path
        return {split: list(_folder(folder / name, split)) for split, name in _FOLDERS.items()}
    if spec.test_path is None:
        raise DataError(f"{path}: a file holds the training part alone; give `test_path` too, and `dev_path`")
    given = {"train": path, "dev": spec.dev_path, "test": spec.test_path}
    files = {split: Path(name).expanduser() for split, name in given.items() if name is not None}
    return {split: list(_blocks(file, split)) for split, file in files.items()}


def _folder(folder: Path, split: str) -> Iterator[_Question]:
    """The questions of a folder of `.question` files, in the order of their names."""
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no such folder. `path` must hold `training`, `validation` and `test` with the "
            "`.question` files, or a folder `questions` that does."
        )
    for file in sorted(folder.glob("*.question")):
        place = f"{file.parent.name}/{file.name}"
        lines = [line for _, line in _lines(file)]
        for number, what in enumerate(_LAYOUT, start=1):
            line = lines[number - 1] if number <= len(lines) else None
            if bool(line) != bool(what):
                found = (
                    f"`{line[:60]}`" if line else "the end of the file" if line is None else "an empty line"
                )
                raise DataError(
                    f"{place}, line {number}: {what or 'an empty line'} must stand here, found {found}. "
                    "Unpack the corpus anew."
                )
        yield _made(
            f"{place}, lines 3 to 7",
            f"cnn/{split}/{file.stem}",
            question=lines[4],
            answer=lines[6],
            passage=lines[2],
        )


def _blocks(file: Path, split: str) -> Iterator[_Question]:
    """The questions of a file of blocks: question, answer and article, a line each, an empty line between."""
    block: list[str] = []
    begins = number = 0
    for number, line in _with_end(_lines(file)):
        if line:
            begins = begins if block else number
            block.append(line)
        elif block:
            if len(block) != 3:
                raise DataError(
                    f"{file.name}, line {begins}: a block must have three lines (question, answer, article) and an "
                    f"empty line after it, found {len(block)}. Mend or remove the block."
                )
            question, answer, passage = block
            yield _made(
                f"{file.name}, line {begins}",
                f"cnn/{split}/{begins:07d}",
                question=question,
                answer=answer,
                passage=passage,
            )
            block = []


def _with_end(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The lines and an empty one after the last, which ends the last block."""
    number = 0
    for number, line in lines:
        yield number, line
    yield number + 1, ""


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line, white space around it taken off."""
    try:
        with file.open("rb") as raw:
            for number, line in enumerate(raw, start=1):
                try:
                    yield number, line.decode("utf-8").strip()
                except UnicodeDecodeError as error:
                    raise DataError(
                        f"{file.name}, line {number}, byte {error.start + 1}: not UTF-8. Save the file as UTF-8."
                    ) from None
    except FileNotFoundError:
        raise DataError(f"{file}: there is no such file") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror or error}") from error
