"""bAbI question answering, tasks 1 to 3: generated stories, a question, and the sentences that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnaudit.instance import Instance, Span
from attnaudit.spec import corpora as specs
from attnaudit.tasks import preparation, published
from attnaudit.tasks.corpus import Corpus, Recipe
from attnaudit.tasks.published import Published

SOURCES = {
    1: Published("qa1", "babi", {"train": "qa1_train10k", "test": "qa1_test"}),
    2: Published("qa2", "babi", {"train": "qa2_train10k", "test": "qa2_test"}),
    3: Published("qa3v10", "babi", {"train": "qa3v10_train10k", "test": "qa3v10_test"}),
}
_SEPARATOR = " . "
_OLDER = (
    "Task 3 in version 1.0 of bAbI, whose stories are shorter than those of version 1.2, which the paper reads; "
    "its 10,000 training questions are not here. The published figures are not comparable."
)


def babi_1(spec: specs.Babi1, seed: int) -> Corpus:
    """bAbI task 1: 10,000 training questions that one sentence of the story answers, with that sentence.

    See `babi_3` on the preparation.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # what is drawn is drawn with the paper's random state
    return _read(1, spec.preparation)


def babi_2(spec: specs.Babi2, seed: int) -> Corpus:
    """bAbI task 2: 10,000 training questions that two sentences of the story answer, with those sentences.

    See `babi_3` on the preparation.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # what is drawn is drawn with the paper's random state
    return _read(2, spec.preparation)


def babi_3(spec: specs.Babi3, seed: int) -> Corpus:
    """bAbI task 3, version 1.0: questions that three sentences of the story answer, with those sentences.

    Prepared as in the paper: the sentences are joined by ` . ` and the question loses its mark, so that tokens stand
    between spaces; each word of the training texts is a possible answer; 15% of the training questions are for
    development. `plain-1` leaves story and question as they are, and only answers of the training part are possible.

    Raises:
        DataError: the corpus is not where `ATTNAUDIT_DATA` says, or is damaged.
    """
    del seed  # what is drawn is drawn with the paper's random state
    return _read(3, spec.preparation)


@dataclass(frozen=True, slots=True)
class _Question:
    """A row as a model reads it, before answers have numbers."""

    record: published.Record
    fields: dict[str, str]
    answer: str
    evidence: tuple[Span, ...]


def _read(number: int, preparation_name: str) -> Corpus:
    paper = preparation_name == "paper-1"
    questions = {
        split: [_question(record, paper=paper) for record in rows]
        for split, rows in published.records(SOURCES[number]).items()
    }
    classes = _answers(questions["train"], paper=paper)
    splits = {split: _instances(SOURCES[number], found, classes) for split, found in questions.items()}
    notes = [_OLDER] if number == 3 else []
    if paper:
        splits, said = preparation.with_dev(f"babi_{number}", splits, state=16377)
        notes += [
            f"Each of the {len(classes)} words of the training texts is a possible answer, as in the published code, "
            "where however the three tasks share their words (36).",
            said,
        ]
    recipe = Recipe("spaces-1" if paper else "words-1", embedding=50, hidden=32, epochs=100, batch=50)
    return Corpus(
        f"babi_{number}{'_v10' if number == 3 else ''}",
        classes,
        splits,
        attended="passage",
        query="question",
        recipe=recipe,
        notes=tuple(notes),
    )


def _question(record: published.Record, *, paper: bool) -> _Question:
    match record.values:
        case {
            "question": str(question),
            "answer": str(answer),
            "sentences": [_, *_] as sentences,
            "supporting": list(supporting),
        } if (
            all(isinstance(sentence, str) and sentence.strip(" .") for sentence in sentences)
            and all(isinstance(i, int) and 0 <= i < len(sentences) for i in supporting)
            and question.strip(" ?")
            and answer
        ):
            pass
        case _:
            raise record.broken(
                "a string `question`, a string `answer`, a list `sentences` of strings and a list `supporting` of "
                "positions in it"
            )
    if paper:
        sentences = [sentence.removesuffix(".") for sentence in sentences]
        question = question.removesuffix("?")
    between = _SEPARATOR if paper else " "
    starts = [0]
    for sentence in sentences:
        starts.append(starts[-1] + len(sentence) + len(between))
    evidence = tuple(
        Span("passage", starts[i], starts[i] + len(sentences[i])) for i in sorted(set(supporting))
    )
    return _Question(record, {"passage": between.join(sentences), "question": question}, answer, evidence)


def _answers(training: Sequence[_Question], *, paper: bool) -> tuple[str, ...]:
    """The possible answers, sorted: every word of the training texts, or every answer to them."""
    if not paper:
        return tuple(sorted({question.answer for question in training}))
    texts = {text for question in training for text in question.fields.values()}
    return tuple(sorted({word for text in texts for word in text.split()}))


def _instances(
    source: Published, questions: Sequence[_Question], classes: Sequence[str]
) -> tuple[Instance, ...]:
    index = {word: number for number, word in enumerate(classes)}
    made = []
    for question in questions:
        if question.answer not in index:
            raise question.record.broken(
                f"an `answer` that the training part knows, found `{question.answer}`"
            )
        made.append(
            Instance(
                published.identity(source, question.record),
                question.fields,
                index[question.answer],
                (question.evidence,) if question.evidence else (),
            )
        )
    return tuple(made)
