"""What a spec may say of its corpus: one class a task, its fields are the task's parameters."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field, model_validator

from attnaudit.spec.strict import Strict

_Columns = TypeVar("_Columns", "File", "Hub", "Adr")
_Paired = TypeVar("_Paired", "File", "Hub")


class Planted(Strict):
    """The generated corpus: reviews in which known evidence tokens decide the label."""

    name: Literal["planted"] = "planted"
    train: int = Field(1600, ge=20, description="number of training reviews")
    dev: int = Field(200, ge=10, description="number of development reviews")
    test: int = Field(400, ge=10, description="number of test reviews")
    evidence: int = Field(2, ge=1, le=8, description="most evidence words in a review")
    distractors: int = Field(
        2, ge=0, le=20, description="most opinion words about something else in a review"
    )
    negation: float = Field(0.15, ge=0, le=1, description="share of evidence that stands under a negation")
    noise: float = Field(0.02, ge=0, lt=0.5, description="share of labels that are flipped")
    shortest: int = Field(12, ge=8, description="fewest words in a review")
    longest: int = Field(40, ge=8, le=5000, description="most words in a review")

    @model_validator(mode="after")
    def _lengths(self) -> Planted:
        if self.shortest > self.longest:
            raise ValueError(f"`shortest` ({self.shortest}) must not exceed `longest` ({self.longest})")
        return self


class PlantedClinical(Strict):
    """Generated discharge notes in which a few planted marks make the positive class; a stand-in for MIMIC-III."""

    name: Literal["planted-clinical"] = "planted-clinical"
    train: int = Field(400, ge=20, description="number of training notes")
    dev: int = Field(60, ge=10, description="number of development notes")
    test: int = Field(100, ge=10, description="number of test notes")
    shortest: int = Field(1000, ge=150, description="fewest words in a note")
    longest: int = Field(3000, ge=150, le=10_000, description="most words in a note")
    evidence: int = Field(3, ge=1, le=8, description="most planted marks in a positive note")
    prevalence: float = Field(0.4, ge=0.05, le=0.95, description="share of positive notes, before noise")
    noise: float = Field(0.0, ge=0, lt=0.5, description="share of labels that are flipped")

    @model_validator(mode="after")
    def _lengths(self) -> PlantedClinical:
        if self.shortest > self.longest:
            raise ValueError(f"`shortest` ({self.shortest}) must not exceed `longest` ({self.longest})")
        return self


class PlantedCloze(Strict):
    """Generated passages and questions about anonymised entities; a stand-in for the CNN and Daily Mail corpus."""

    name: Literal["planted-cloze"] = "planted-cloze"
    train: int = Field(10_000, ge=20, description="number of training passages")
    dev: int = Field(200, ge=10, description="number of development passages")
    test: int = Field(300, ge=10, description="number of test passages")
    shortest: int = Field(80, ge=20, description="fewest words in a passage")
    longest: int = Field(200, ge=20, le=5000, description="most words in a passage")
    entities: int = Field(12, ge=2, le=20, description="entities in a passage, of a pool of 60")

    @model_validator(mode="after")
    def _lengths(self) -> PlantedCloze:
        if self.shortest > self.longest:
            raise ValueError(f"`shortest` ({self.shortest}) must not exceed `longest` ({self.longest})")
        if self.shortest < 6 * self.entities:
            raise ValueError(
                f"`shortest` must be at least {6 * self.entities}, so that each of {self.entities} entities has a "
                f"sentence, found {self.shortest}"
            )
        return self


class _Published(Strict):
    """What all corpora of the paper share: how they are prepared."""

    preparation: Literal["paper-1", "plain-1"] = Field(
        "paper-1",
        description="as the published code does, or the official split as it stands (`plain-1`)",
    )


class _OnHub(_Published):
    """A corpus of the paper that also lies on the Hugging Face hub."""

    source: Literal["local", "hub"] = Field(
        "local", description="the folder that `ATTNAUDIT_DATA` names, or the hub (needs the extra `hub`)"
    )


class Sst(_OnHub):
    """Stanford Sentiment Treebank, sentences, neutral ones left out; words with a sentiment are evidence."""

    name: Literal["sst"] = "sst"


class Imdb(_OnHub):
    """IMDB reviews of fewer than `below` words; a seeded fifth of them is audited, as in the paper."""

    name: Literal["imdb"] = "imdb"
    below: int = Field(400, ge=2, description="reviews with fewer words than this are kept")
    audited: float = Field(0.2, gt=0, le=1, description="share of the kept test reviews that is audited")


class Newsgroups(_Published):
    """20 Newsgroups: baseball or hockey."""

    name: Literal["newsgroups"] = "newsgroups"


class AgNews(_OnHub):
    """AG News: world or business."""

    name: Literal["agnews"] = "agnews"


class Ade(_OnHub):
    """Adverse drug effects in medical sentences, with evidence; the stand-in for the paper's ADR tweets."""

    name: Literal["ade"] = "ade"


class Adr(_Published):
    """The paper's tweets about adverse drug reactions: your own licensed file of texts and labels."""

    name: Literal["adr"] = "adr"
    path: str = Field(description="CSV, TSV, JSON lines or Parquet file with all tweets")
    text_column: str = Field("text", description="column that holds the tweet")
    label_column: str = Field("label", description="column that holds the class")

    @model_validator(mode="after")
    def _two_columns(self) -> Adr:
        return _two_columns(self)


class Snli(_OnHub):
    """Stanford Natural Language Inference: neutral, contradiction or entailment."""

    name: Literal["snli"] = "snli"
    dev_in_training: bool = Field(
        False, description="train on the development pairs as well, but for 1,000 that are drawn"
    )


class Babi1(_Published):
    """bAbI task 1: questions about a story that one sentence answers."""

    name: Literal["babi_1"] = "babi_1"


class Babi2(_Published):
    """bAbI task 2: questions about a story that two sentences answer."""

    name: Literal["babi_2"] = "babi_2"


class Babi3(_Published):
    """bAbI task 3 in its older version 1.0: questions about a story that three sentences answer."""

    name: Literal["babi_3"] = "babi_3"


class Cnn(Strict):
    """CNN and Daily Mail: which entity stands in the gap of a sentence about the article?"""

    name: Literal["cnn"] = "cnn"
    path: str | None = Field(
        None,
        description="folder with the published `questions`, or a file of question blocks with the training "
        "part; where not given, five questions that show the format",
    )
    dev_path: str | None = Field(None, description="file of question blocks with the development part")
    test_path: str | None = Field(None, description="file of question blocks with the test part")

    @model_validator(mode="after")
    def _parts_of_what(self) -> Cnn:
        if self.path is None and (self.dev_path or self.test_path):
            raise ValueError("`dev_path` and `test_path` need a `path` with the training part")
        return self


class MovieRationales(Strict):
    """Movie reviews with the passages that people marked as evidence (ERASER)."""

    name: Literal["movie_rationales"] = "movie_rationales"


class YelpHat(Strict):
    """Yelp reviews with the words that people marked; nothing to train on."""

    name: Literal["yelp_hat"] = "yelp_hat"
    part: Literal["all", "len100", "len200", "mixed"] = Field(
        "all", description="which reviews: of 100 words, of 200 words, of mixed lengths, or all"
    )


class Esnli(Strict):
    """Pairs of SNLI with the words that people marked as the reason (e-SNLI), a sample."""

    name: Literal["esnli"] = "esnli"


class SstWiki(Strict):
    """SST sentences with an unrelated sentence behind each; the evidence is known."""

    name: Literal["sst_wiki"] = "sst_wiki"


class Pronoun(Strict):
    """Sentences of biographies, a man's or a woman's; the pronouns are the evidence."""

    name: Literal["pronoun"] = "pronoun"


class _Mimic(Strict):
    """What the two cohorts of MIMIC-III share: your own licensed files."""

    notes: str = Field(description="your NOTEEVENTS.csv or NOTEEVENTS.csv.gz of MIMIC-III")
    diagnoses: str = Field(description="your DIAGNOSES_ICD.csv or DIAGNOSES_ICD.csv.gz of MIMIC-III")
    below: int = Field(4000, ge=2, description="notes with fewer words than this are kept")


class Diabetes(_Mimic):
    """MIMIC-III discharge summaries: was diabetes (250.00) diagnosed? Needs your own licensed files."""

    name: Literal["diabetes"] = "diabetes"
    above: int = Field(6, ge=0, description="notes with more words than this are kept")
    split_ids: str | None = Field(
        None,
        description="folder with train_50_hadm_ids.csv, dev_50_hadm_ids.csv and test_50_hadm_ids.csv, the published "
        "split; where not given, all admissions are split by the seed",
    )


class Anemia(_Mimic):
    """MIMIC-III discharge summaries: acute or chronic anemia? Needs your own licensed files."""

    name: Literal["anemia"] = "anemia"
    above: int | None = Field(
        None,
        ge=0,
        description="notes with more words than this are kept; where not given, than the shortest of their split",
    )


class File(Strict):
    """The user's own CSV, TSV, JSON lines or Parquet file with columns of texts and labels."""

    name: Literal["file"] = "file"
    path: str = Field(description="the file with all instances, or with the training part")
    dev_path: str | None = Field(None, description="a file with the development part")
    test_path: str | None = Field(None, description="a file with the test part")
    text_column: str = Field("text", description="column that holds the text")
    label_column: str = Field("label", description="column that holds the class")
    query_column: str | None = Field(
        None, description="column with a second text, read beside the first (a question, a hypothesis)"
    )
    split_column: str | None = Field(None, description="column that says train, dev or test")
    drop_empty: bool = Field(False, description="leave rows with an empty text, query or label out")

    @model_validator(mode="after")
    def _own_columns(self) -> File:
        return _own_columns(self)


class Hub(Strict):
    """A data set of the Hugging Face hub (needs the extra `hub`)."""

    name: Literal["hub"] = "hub"
    dataset: str = Field(description="name on the hub, or a folder that the `datasets` library can load")
    subset: str | None = Field(None, description="configuration of the data set")
    text_column: str = Field("text", description="column that holds the text")
    label_column: str = Field("label", description="column that holds the class")
    query_column: str | None = Field(
        None, description="column with a second text, read beside the first (a question, a hypothesis)"
    )
    drop_empty: bool = Field(False, description="leave rows with an empty text, query or label out")

    @model_validator(mode="after")
    def _own_columns(self) -> Hub:
        return _own_columns(self)


def _two_columns(task: _Columns) -> _Columns:
    if task.text_column == task.label_column:
        raise ValueError(f"text and label must be two columns, found `{task.text_column}` for both")
    return task


def _own_columns(task: _Paired) -> _Paired:
    """The same, and a query is a column of its own."""
    _two_columns(task)
    if task.query_column in (task.text_column, task.label_column):
        raise ValueError(
            f"text, query and label must be three columns, found `{task.query_column}` for the query as well"
        )
    return task
