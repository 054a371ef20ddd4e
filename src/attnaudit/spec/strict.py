"""The one way in which every part of a spec is strict: no unknown settings, and frozen."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """Values that refuse what they do not know and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
