"""What a model may be trained for besides its labels: to imitate another with other attention, or to hide words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field

from attnaudit.spec.strict import Strict


class Imitate(Strict):
    """Keep the predictions of an earlier run's model while attention moves away from its attention.

    Starts from that model and minimises, a text, TVD of the outputs − `weight` · KL(attention ‖ that of the model)
    (Wiegreffe & Pinter 2019, section 4). Labels are not used.
    """

    name: Literal["imitate"] = "imitate"
    run: str = Field(description="folder of the run whose model is imitated")
    weight: float = Field(1e-3, ge=0, description="λ: what a nat of distance is worth in output change")


class Hide(Strict):
    """Predict the labels while attention avoids some words (Pruthi et al. 2020, section 3).

    Adds − `weight` · ln(1 − their share of the attention) to the loss of a text.
    """

    name: Literal["hide"] = "hide"
    words: tuple[str, ...] = Field(
        (), description="the words, any case; where none: the evidence of the corpus"
    )
    weight: float = Field(1.0, ge=0, description="λ: how much hiding counts")


def _named(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


Goal = Annotated[Imitate | Hide, BeforeValidator(_named), Discriminator("name")]
