"""How is text from data kept from being read as anything but text, in a terminal and in Markdown?

HTML needs nothing here: templates escape by themselves, and a notebook's cell is escaped where it is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from rich.markup import escape

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&!$]|(?<=:)/|(?<=www)\.)", re.IGNORECASE)
"""What Markdown, with the tables, links and formulas of GitHub, reads as more than text inside a line."""


def printable(text: str) -> str:
    """For a terminal: no control characters reach it, no markup of rich is read in it."""
    return escape(_visible(text))


def in_markdown(text: str) -> str:
    """For the inside of a line of Markdown or a cell of a table: one line, and no mark in it means anything."""
    return _MARKS.sub(r"\\\1", _visible(" ".join(text.split())))


def markdown_table(
    cell: Callable[[str], str], head: Sequence[str], rows: Iterable[Sequence[str]]
) -> list[str]:
    """The lines of a table in Markdown; `cell` makes each text harmless."""
    lines = [[cell(text) for text in row] for row in (head, *rows)]
    return ["| " + " | ".join(line) + " |" for line in [lines[0], ["---"] * len(head), *lines[1:]]]


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
