"""From which numbers on is an answer given, and what must be answered before attention is put to a use?

The papers give no such thresholds, so each says why it was chosen. Read from TOML or YAML and checked as a spec is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from attnaudit.errors import SpecError, unknown_name
from attnaudit.spec import faults, read_values
from attnaudit.spec.strict import Strict

QUESTIONS = ("agreement", "exclusiveness", "necessity", "consistency", "removal")
"""The five questions of the card, in its order."""

USES: Mapping[str, tuple[str, ...]] = {
    "ranking words": ("agreement", "removal"),
    "showing a heat map": ("agreement", "removal", "consistency"),
    "claiming what caused the decision": QUESTIONS,
}
"""The uses of attention that a policy knows unless it names its own."""

USE_REASONS: Mapping[str, str] = {
    "ranking words": "Our choice, because an order of words is of use where other measures give much the same order, "
    "and where its first words are those that decide.",
    "showing a heat map": "Our choice, because who sees shades takes them for what such a model looks at: another "
    "training must not give another picture. That it is the only picture is not asked (Wiegreffe & Pinter 2019).",
    "claiming what caused the decision": "Our choice, because what a model can do without was not the cause; so all "
    "five are asked, and even then they allow the claim and do not prove it.",
}


def _question(name: str) -> str:
    if name not in QUESTIONS:
        raise ValueError(unknown_name("question", name, QUESTIONS))
    return name


_Question = Annotated[str, AfterValidator(_question)]


class Policy(Strict):
    """The thresholds of the verdicts, the uses, and what `attnaudit check` asks."""

    model_config = ConfigDict(allow_inf_nan=False)

    share_of_ceiling: float = Field(
        0.8,
        ge=0,
        le=1,
        description="agreement: τ of attention with the gradient and with leave-one-out, as a share of the τ that "
        "these reach between themselves. Our choice, because a fifth less than two accepted measures agree is "
        "a difference that a reader of single texts would meet.",
    )
    least_ceiling: float = Field(
        0.4,
        ge=0,
        le=1,
        description="agreement: τ of gradient with leave-one-out below which `supported` is not given. Our choice, "
        "because agreeing with yardsticks that hardly agree with each other shows little; in the published models "
        "it lies between .24 and .68.",
    )
    permutation_tvd: float = Field(
        0.1,
        ge=0,
        le=1,
        description="exclusiveness: median over texts of the median output change under permuted attention. Our "
        "choice, because below it re-assigning the weights at random leaves the typical prediction where it was "
        "to within ten points of probability.",
    )
    same_weights_share: float = Field(
        0.5,
        gt=0,
        description="exclusiveness: how far a re-assignment of the same weights that keeps the output may go, as "
        "a share of how far random ones go; must be below. Our choice, because from half-way on the words that "
        "are pointed at are as much others as the same.",
    )
    score_difference: float = Field(
        0.01,
        ge=-1,
        le=1,
        description="necessity: least score (accuracy; by class, F1) that is lost where attention is uniform "
        "from training on. Our choice, because a point in a hundred is about what another seed alone changes.",
    )
    seed_distance: float = Field(
        0.5,
        gt=0,
        description="consistency: mean JSD to the attention of other seeds, as a share of that to the same "
        "attention in random order; must be below. Our choice, because from half-way on another training "
        "points at other words as much as at the same.",
    )
    guide_difference: float = Field(
        0.0,
        ge=-1,
        le=1,
        description="consistency: score of a word-by-word model given this attention, less that given uniform "
        "weights; must be above. Our choice, because any gain shows that the weights carry what another "
        "model can use, and none shows that they do not.",
    )
    sooner_than_random: float = Field(
        0.75,
        ge=0,
        le=1,
        description="removal: share of random orders that need more words removed than attention's order does "
        "until the decision flips (half of those that need as many). 0.5 is chance; 0.75 is our choice, because an "
        "order that loses against more than one random order in four can hardly be said to find the words that "
        "decide.",
    )
    least_texts: int = Field(
        30,
        ge=2,
        description="fewer texts than this get no verdict, where the interval is over texts. Our choice, because "
        "a percentile bootstrap of fewer covers less than it says.",
    )
    uses: dict[str, tuple[_Question, ...]] = Field(
        dict(USES), description="use of attention → the questions that must all be supported for it"
    )
    require: tuple[str, ...] = Field(
        QUESTIONS,
        min_length=1,
        description="what `attnaudit check` asks: questions or uses. All questions unless told, because a check "
        "that passes what nobody asked would assure of nothing.",
    )
    groups: Literal["overall", "each class"] = Field(
        "overall",
        description="whether `attnaudit check` asks it of all texts together, or of each predicted class as well",
    )

    @field_validator("uses")
    @classmethod
    def _named(cls, uses: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        if taken := [name for name in uses if name in QUESTIONS or not name.strip()]:
            raise ValueError(f"a use must have a name that is not a question's, found {taken[0]!r}")
        if empty := [name for name, questions in uses.items() if not questions]:
            raise ValueError(f"the use `{empty[0]}` must ask at least one question")
        return uses

    @field_validator("require")
    @classmethod
    def _known(cls, require: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if "uses" in info.data:  # else they have a fault of their own
            known = (*QUESTIONS, *info.data["uses"])
            if unknown := [name for name in require if name not in known]:
                said = (unknown_name("question or use", name, known) for name in unknown)
                raise ValueError(" ".join(said))
        return require

    @classmethod
    def parse(cls, data: Mapping[str, Any], *, source: str = "policy") -> Policy:
        """A policy from nested plain values; what is not given stays as it is by default.

        Raises:
            SpecError: one or more faults, all of them listed, each with its place.
        """
        try:
            return cls.model_validate(dict(data))
        except ValidationError as error:
            raise SpecError(*faults(error, source, list(cls.model_fields))) from None

    @classmethod
    def read(cls, path: str | Path) -> Policy:
        """A policy from a `.toml`, `.yaml` or `.yml` file."""
        return cls.parse(read_values(path, what="policy"), source=str(path))

    def plain(self) -> dict[str, Any]:
        """Nested plain values, as `parse` takes them."""
        return self.model_dump(mode="json")

    @property
    def reasons(self) -> list[tuple[str, str, str]]:
        """Each setting: its name, its value in words, and what it is and why."""
        return [
            (name, _shown(getattr(self, name)), field.description or "")
            for name, field in type(self).model_fields.items()
            if name != "uses"
        ]

    def why(self, use: str) -> str:
        """Why a use asks what it asks; nothing where it is the reader's own."""
        return USE_REASONS[use] if use in USES and self.uses.get(use) == USES[use] else ""


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
