"""What a spec may say of its corpus: one class a task, its fields are the task's parameters."""

from __future__ import annotations

from typing import Literal, TypeVar

from pydantic import Field, model_validator

from attnaudit.spec.strict import Strict

_Columns = TypeVar("_Columns", "File", "Hub")


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


class Sst(Strict):
    """Stanford Sentiment Treebank, sentences, neutral ones left out."""

    name: Literal["sst"] = "sst"


class Imdb(Strict):
    """IMDB reviews of fewer than `below` words; a seeded fifth of them is audited, as in the paper."""

    name: Literal["imdb"] = "imdb"
    below: int = Field(400, ge=2, description="reviews with fewer words than this are kept")
    audited: float = Field(0.2, gt=0, le=1, description="share of the kept test reviews that is audited")


class File(Strict):
    """The user's own CSV, TSV, JSON lines or Parquet file with a text and a label column."""

    name: Literal["file"] = "file"
    path: str = Field(description="the file with all instances, or with the training part")
    dev_path: str | None = Field(None, description="a file with the development part")
    test_path: str | None = Field(None, description="a file with the test part")
    text_column: str = Field("text", description="column that holds the text")
    label_column: str = Field("label", description="column that holds the class")
    split_column: str | None = Field(None, description="column that says train, dev or test")
    drop_empty: bool = Field(False, description="leave rows with an empty text or label out")

    @model_validator(mode="after")
    def _two_columns(self) -> File:
        return _two_columns(self)


class Hub(Strict):
    """A data set of the Hugging Face hub (needs the extra `hub`)."""

    name: Literal["hub"] = "hub"
    dataset: str = Field(description="name on the hub, or a folder that the `datasets` library can load")
    subset: str | None = Field(None, description="configuration of the data set")
    text_column: str = Field("text", description="column that holds the text")
    label_column: str = Field("label", description="column that holds the class")
    drop_empty: bool = Field(False, description="leave rows with an empty text or label out")

    @model_validator(mode="after")
    def _two_columns(self) -> Hub:
        return _two_columns(self)


def _two_columns(task: _Columns) -> _Columns:
    if task.text_column == task.label_column:
        raise ValueError(f"text and label must be two columns, found `{task.text_column}` for both")
    return task
