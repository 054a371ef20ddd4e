"""Cells → a folder: the page, and the same rows as Markdown, CSV and Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attnaudit.reproduce import documents
from attnaudit.reproduce.cell import Cell
from attnaudit.reproduce.compare import compare
from attnaudit.reproduce.findings import findings
from attnaudit.reproduce.page import page
from attnaudit.reproduce.study import gather
from attnaudit.store import write_atomically

NAMES = ("reproduction.html", "reproduction.md", "reproduction.csv", "reproduction.parquet")


def write_reproduction(cells: Sequence[Cell], folder: str | Path, *, command: str = "") -> list[Path]:
    """Write `NAMES` into a folder, which is made if it is not there, and give their places.

    Args:
        cells: everything that was planned, run or not, in the order in which it is to be shown.
        folder: where the files go.
        command: the command that made the runs, shown as it is given on the page and in the Markdown.

    Raises:
        StoreError: a run folder is missing, unfinished or altered, or a file cannot be written.
    """
    study = gather(cells)
    table, found = compare(study), findings(study)
    contents = (
        page(study, table, found, command=command).encode(),
        documents.markdown(study, table, found, command=command).encode(),
        documents.csv_bytes(table),
        documents.parquet_bytes(table),
    )
    paths = [Path(folder) / name for name in NAMES]
    for path, content in zip(paths, contents, strict=True):
        write_atomically(path, content)
    return paths
