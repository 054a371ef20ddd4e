"""Runs held against the published figures of Jain & Wallace 2019. Reading side: no torch, no models.

`reproduction(cells)` gives the table; `write_reproduction(cells, folder)` the page and the table in three formats.
"""

from attnaudit.reproduce.cell import Cell
from attnaudit.reproduce.compare import reproduction
from attnaudit.reproduce.write import write_reproduction

__all__ = ["Cell", "reproduction", "write_reproduction"]
