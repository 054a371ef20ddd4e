"""One example as text, before any model has seen it.

Values only: no reading, no tokenising, no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` (inclusive) to `end` (exclusive) of one text field of an instance."""

    field: str
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"a span must have 0 <= start < end, found {self.start}..{self.end}")

    def covers(self, start: int, end: int) -> bool:
        """Whether any of the characters `start` (inclusive) to `end` (exclusive) of the same field lie in it."""
        return self.start < end and start < self.end


@dataclass(frozen=True, slots=True)
class Instance:
    """One example: its texts, its gold class, and the evidence for it where that is known.

    `id` is stable and unique in its corpus (`sst/test/000042`). `fields` holds one or more named texts
    (`{"text": …}`). `target` is the index of the gold class, or None where it is not known. `rationales`
    holds one tuple of spans an annotator.
    """

    id: str
    fields: Mapping[str, str]
    target: int | None
    rationales: tuple[tuple[Span, ...], ...] = ()
