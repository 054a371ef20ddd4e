"""How is text from data kept from being read as anything but text, in a terminal and in Markdown?

HTML needs nothing here: its templates escape by themselves.
"""

from __future__ import annotations

import re

from rich.markup import escape

_MARKS = re.compile(r"([\\`*_{}\[\]<>#|~&!$]|(?<=:)/|(?<=www)\.)", re.IGNORECASE)
"""What Markdown, with the tables, links and formulas of GitHub, reads as more than text inside a line."""


def printable(text: str) -> str:
    """For a terminal: no control characters reach it, no markup of rich is read in it."""
    return escape(_visible(text))


def in_markdown(text: str) -> str:
    """For the inside of a line of Markdown or a cell of a table: one line, and no mark in it means anything."""
    return _MARKS.sub(r"\\\1", _visible(" ".join(text.split())))


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
