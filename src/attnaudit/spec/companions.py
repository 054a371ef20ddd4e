"""What is to be trained beside an audited model, so that the card can answer all of its questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from attnaudit.errors import SpecError, unknown_name
from attnaudit.spec import faults
from attnaudit.spec.strict import Strict

KINDS = ("uniform", "guide", "imitation", "deception", "controls")
"""What can be asked for besides seeds and the generated controls, in the order of a reader."""

WEIGHTS = (0.0, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
"""λ of the imitations when none are given: from no pull away from the attention to one that costs the predictions."""


def _known(kinds: tuple[str, ...]) -> tuple[str, ...]:
    for name in kinds:
        if name not in KINDS:
            raise ValueError(unknown_name("companion", name, KINDS))
    return tuple(kind for kind in KINDS if kind in kinds)


def _once(weights: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sorted(set(weights)))


_Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Companions(Strict):
    """Models trained beside the audited one, by the same recipe but for one thing."""

    seeds: int = Field(1, ge=1, le=100, description="trainings in all, the audited model among them")
    kinds: Annotated[tuple[str, ...], AfterValidator(_known)] = Field(
        (),
        description="uniform (attention that stays uniform, from each seed), guide (token-wise models with given "
        "attention, from each seed), imitation, deception, controls (in real text as well: `sst_wiki` and `pronoun`)",
    )
    imitation: Annotated[tuple[_Weight, ...], AfterValidator(_once)] = Field(
        WEIGHTS, description="λ of each imitation"
    )
    hide: tuple[str, ...] = Field(
        (), description="words that the deception hides; where none, the evidence of the corpus"
    )
    controls: bool = Field(True, description="whether the controls with known truth stand beside the card")

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Companions:
        """From plain values.

        Raises:
            SpecError: one or more faults, all of them listed.
        """
        try:
            found = cls.model_validate(dict(data))
        except ValidationError as error:
            raise SpecError(*faults(error, "companions", list(cls.model_fields))) from None
        if found.hide and "deception" not in found.kinds:
            raise SpecError("words to hide are given but nobody is to hide them; also ask for `deception`")
        return found

    def with_earlier(self, earlier: Companions) -> Companions:
        """Also what was asked before, so that nothing is lost when more is asked."""
        kinds = tuple(kind for kind in KINDS if kind in self.kinds or kind in earlier.kinds)
        weights = [one.imitation for one in (self, earlier) if "imitation" in one.kinds] or [
            earlier.imitation
        ]
        return self.model_copy(
            update={
                "seeds": max(self.seeds, earlier.seeds),
                "kinds": kinds,
                "imitation": tuple(sorted(set().union(*weights))),
                "hide": self.hide or earlier.hide,
                "controls": self.controls or earlier.controls,
            }
        )
