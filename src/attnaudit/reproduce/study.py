"""Cells that are looked at together: what was planned, and the numbers of what was run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attnaudit.reproduce.cell import Cell
from attnaudit.reproduce.reading import Reading, read


@dataclass(frozen=True, slots=True)
class Study:
    """Cells in their order, and the reading of each that has a run."""

    cells: tuple[Cell, ...]
    readings: tuple[Reading, ...]

    @property
    def models(self) -> tuple[tuple[str, str, str, str], ...]:
        """Corpus, encoder, attention and vectors of each model, in the order of the cells; seeds together."""
        return tuple(dict.fromkeys(cell.model for cell in self.cells))

    @property
    def corpora(self) -> tuple[str, ...]:
        """The corpora, in the order of the cells."""
        return tuple(dict.fromkeys(cell.corpus for cell in self.cells))

    def of(self, model: tuple[str, str, str, str]) -> list[Reading]:
        """The runs of a model, by seed."""
        return sorted((r for r in self.readings if r.cell.model == model), key=lambda r: r.cell.seed)


def gather(cells: Sequence[Cell]) -> Study:
    """Read every run once; a cell that is given twice counts once. This takes most of the time of a comparison.

    Raises:
        StoreError: a run folder is missing, unfinished or altered.
    """
    unique: dict[object, Cell] = {}
    for cell in cells:
        run = None if cell.result is None else cell.result.manifest["run_id"]
        unique.setdefault((cell.model, cell.seed, run), cell)
    readings = [reading for reading in map(read, unique.values()) if reading is not None]
    return Study(tuple(unique.values()), tuple(readings))
