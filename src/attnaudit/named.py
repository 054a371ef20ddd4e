"""Names that stand in stored tables and mean something there; whoever writes or reads one takes it from here."""

from __future__ import annotations

from collections.abc import Iterable

AUDITED = "base"
"""The audited model, beside the names of those that are trained beside it."""

OTHER_SEEDS = "other seeds"
"""Trainings that differ from the audited one in their seed alone, taken together."""

HIDING = "hiding"
"""The model that was trained to hide words."""

RANDOM = "random"
"""The ordering of words that nothing ranks; there are several draws of it."""

SOONER = "sooner_than_random"
"""How often an ordering changes the decision sooner than a random one."""


def gradient_of(names: Iterable[str]) -> str | None:
    """The measure that stands for gradients among some names: the first of them; None where there is none."""
    return next((name for name in names if name.startswith("gradient")), None)
