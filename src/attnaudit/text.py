"""Text to tokens with offsets, tokens to ids, ids to batches of similar length. No torch.

A tokeniser is versioned by its name: what reaches the disk under a name never changes its meaning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Token(NamedTuple):
    """A token as the model knows it, and where it stands in the text (characters `start` to `end`)."""

    text: str
    start: int
    end: int


# Marks that belong to the letter before them; the standard library's `\w` leaves them out.
_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed"
    "\u0900-\u0963\u0966-\u0dff\u0e31-\u0e3a\u0e47-\u0e4e\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u20d0-\u20f0"
)
_ONE_EACH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # a character a token
_LETTER = rf"(?:(?![{_ONE_EACH}])[\w{_MARKS}])"
_MODIFIER = "\ufe0f\U0001f3fb-\U0001f3ff"  # variation selector and skin tones belong to the emoji before them
_PATTERN = re.compile(
    rf"""
      [{_ONE_EACH}]
    | \d+(?:[.,]\d+)*
    | n['’]t(?!\w)                              # does n't, and the second half of doesn't
    | {_LETTER}+?(?=n['’]t(?!\w))
    | ['’](?:s|re|ve|ll|d|m)(?!\w)
    | {_LETTER}+
    | [^\w\s](?:[{_MODIFIER}]|\u200d[^\w\s]?)*   # punctuation, symbols, emoji (joined ones are one token)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CLINICAL = re.compile(
    rf"""
      (?P<removed> \[\s*\*\s*\* [^\[\]]* \*\s*\*\s*\])   # [** what the de-identification took out **]
    | \d+(?:[.,]\d+)*
    | n['’]t(?!\w)
    | (?:(?!_){_LETTER})+?(?=n['’]t(?!\w))
    | ['’](?:s|re|ve|ll|d|m)(?!\w)
    | (?:(?!_){_LETTER})+
    | (?P<mark> [^\w\s]|_)(?:\s*(?P=mark))*      # ====, - - -, ____
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HAS_WORD = re.compile(r"\w")
_HAS_DIGIT = re.compile(r"\d")
_ALPHANUMERIC = re.compile(r"\w+")
_CHUNK = re.compile(r"\S+")

NUMBER = "qqq"
"""What the published preprocessing writes for every token with a digit in it."""

REMOVED = "<DE>"
"""What the published preprocessing writes for a span that the de-identification of a clinical note took out."""


def words(text: str) -> list[Token]:
    """Lower-cased words, numbers, clitics (`n't`, `'s`) and punctuation marks, in reading order."""
    return [Token(m.group().lower().replace("’", "'"), m.start(), m.end()) for m in _PATTERN.finditer(text)]


def words_without_punctuation(text: str) -> list[Token]:
    """`words`, less all that has no letter or digit; a text of nothing else keeps it."""
    tokens = words(text)
    return [token for token in tokens if _HAS_WORD.search(token.text)] or tokens


def chunks(text: str) -> list[Token]:
    """What stands between white space, unchanged; for texts that come cut into tokens (bAbI, CNN)."""
    return [Token(m.group(), m.start(), m.end()) for m in _CHUNK.finditer(text)]


def general(text: str) -> list[Token]:
    """`words`, with `qqq` for every token that holds a digit: the general cleaner of the published preprocessing."""
    return [
        Token(NUMBER, token.start, token.end) if _HAS_DIGIT.search(token.text) else token
        for token in words(text)
    ]


def general_without_punctuation(text: str) -> list[Token]:
    """`general`, less all that has no letter or digit; a text of nothing else keeps it (20 Newsgroups)."""
    tokens = general(text)
    return [token for token in tokens if _HAS_WORD.search(token.text)] or tokens


def alphanumeric(text: str) -> list[Token]:
    """Runs of letters, digits and `_`, lower-cased; all else only separates (the published SST)."""
    return [Token(m.group().lower(), m.start(), m.end()) for m in _ALPHANUMERIC.finditer(text)]


def clinical(text: str) -> list[Token]:
    """Words of a clinical note: `<DE>` for what de-identification took out, `qqq` for what holds a digit.

    A run of one mark (`====`, `- - -`, `____`) is one token, that mark. All else is lower-cased, as in `words`.
    """
    tokens = []
    for match in _CLINICAL.finditer(text):
        if match["removed"]:
            word = REMOVED
        elif match["mark"]:
            word = match["mark"]
        elif _HAS_DIGIT.search(match.group()):
            word = NUMBER
        else:
            word = match.group().lower().replace("’", "'")
        tokens.append(Token(word, match.start(), match.end()))
    return tokens


TOKENISERS: dict[str, Callable[[str], list[Token]]] = {
    "words-1": words,
    "words-nopunct-1": words_without_punctuation,
    "spaces-1": chunks,
    "general-1": general,
    "general-nopunct-1": general_without_punctuation,
    "alphanumeric-1": alphanumeric,
    "clinical-1": clinical,
}

PAD, UNKNOWN, START, END = 0, 1, 2, 3
_SPECIAL = ("<pad>", "<unknown>", "<start>", "<end>")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words with an id each; ids 0 to 3 are padding, unknown, start and end."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[: len(_SPECIAL)] != _SPECIAL:
            raise ValueError(f"a vocabulary must begin with {_SPECIAL}, found {self.words[:4]}")

    def __len__(self) -> int:
        return len(self.words)

    def index(self) -> dict[str, int]:
        """Word → id, made anew at each call (keep it where it is used often)."""
        return {word: number for number, word in enumerate(self.words)}


def vocabulary(
    texts: Iterable[Sequence[Token]], *, min_df: int = 1, always: Collection[str] = ()
) -> Vocabulary:
    """The words in at least `min_df` of the texts, or in one if `always` has them; in alphabetical order."""
    document_frequency: Counter[str] = Counter()
    for tokens in texts:
        document_frequency.update({token.text for token in tokens})
    kept = sorted(
        word
        for word, count in document_frequency.items()
        if (count >= min_df or word in always) and word not in _SPECIAL
    )
    return Vocabulary(_SPECIAL + tuple(kept))


_SMALL = 256
"""Padded tokens below which a batch is too small to be cut for the sake of its padding."""


def length_batches(lengths: Sequence[int], *, budget: int, alike: float = 0.0) -> list[list[int]]:
    """Positions of `lengths` in batches of similar length, longest first.

    A batch holds at most `budget` padded tokens; a text longer than the budget stands alone. With `alike`, a text
    shorter than this share of the longest in its batch begins another, unless the batch is still small: padding is
    computed like words. Longest first, so that what does not fit in memory fails at once and not after an hour.
    """
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    batches: list[list[int]] = []
    for i in order:
        head = batches[-1] if batches else None
        small = not head or len(head) * lengths[head[0]] < _SMALL
        if (
            head
            and (len(head) + 1) * lengths[head[0]] <= budget
            and (small or lengths[i] >= alike * lengths[head[0]])
        ):
            head.append(i)
        else:
            batches.append([i])
    return batches
