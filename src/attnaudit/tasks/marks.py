"""Marks on the words of a text to spans of its characters.

Corpora say which words are evidence by their number, each for words of its own cutting; models cut texts in other
ways. Characters are what both have: a token is evidence when it shares a character with a span.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise

from attnaudit.instance import Span
from attnaudit.tasks.published import Record
from attnaudit.text import chunks


def between_white_space(text: str) -> list[tuple[int, int]]:
    """Where each word stands that white space cuts off."""
    return [(token.start, token.end) for token in chunks(text)]


def between_spaces(text: str) -> list[tuple[int, int]]:
    """Where each word stands that a space cuts off; other white space belongs to its word."""
    ends = [-1, *(place for place, character in enumerate(text) if character == " "), len(text)]
    return [(before + 1, end) for before, end in pairwise(ends)]


def spans_of(
    field: str, words: Sequence[tuple[int, int]], marks: Sequence[object]
) -> tuple[Span, ...] | None:
    """A span a run of marked words; None where there is not one mark a word."""
    if len(marks) != len(words):
        return None
    runs = groupby(zip(words, marks, strict=True), key=lambda pair: bool(pair[1]))
    marked = [[word for word, _ in run] for is_marked, run in runs if is_marked]
    return tuple(Span(field, run[0][0], run[-1][1]) for run in marked)


def masked(record: Record, column: str, text: str, mask: object) -> tuple[Span, ...]:
    """The spans that a list of one 0 or 1 a word gives.

    Raises:
        DataError: it is no such list.
    """
    words = between_white_space(text)
    found = None
    if isinstance(mask, list) and all(mark in (0, 1) for mark in mask):
        found = spans_of("text", words, mask)
    if found is None:
        raise record.broken(f"in `{column}` a 0 or 1 for each of the {len(words)} words of its text")
    return found
