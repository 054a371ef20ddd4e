"""From texts to the pieces that a transformer reads, and to the words that a person reads: by offsets alone.

A word is what the tokeniser itself takes for one before it cuts it into pieces; markers such as [CLS] belong to none.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from attnaudit.errors import DataError, UnsupportedModelError
from attnaudit.instance import Instance

REFUSE, TRUNCATE = "refuse", "truncate"
"""What is done with a text that is longer than the model can read: the two choices."""


class Pieces(NamedTuple):
    """One instance as a transformer reads it.

    `words` has the number of each piece's word, −1 for markers and for pieces of the field that is not audited;
    `spans` are the characters of each word in the attended field. `segments` tell the fields apart, where the model
    does. `cut` is the number of pieces that were left out at the end.
    """

    ids: list[int]
    segments: list[int]
    words: list[int]
    spans: list[tuple[int, int]]
    texts: list[str]
    cut: int = 0


def pieces(
    tokenizer: Any,
    instance: Instance,
    *,
    attended: str,
    query: str | None = None,
    longest: int,
    too_long: str = REFUSE,
) -> Pieces:
    """An instance in pieces, the attended field first unless there is a query that the model reads before it.

    Args:
        tokenizer: a fast tokeniser of `transformers`.
        instance: the texts.
        attended: the field whose words are audited.
        query: the field that is read behind it, if any.
        longest: most pieces that the model reads.
        too_long: `refuse`, or `truncate`: leave out what does not fit, at the end of the attended field.

    Raises:
        DataError: a field is missing, the attended one has no word, or the text is too long and is not to be cut.
        UnsupportedModelError: the tokeniser does not say where its pieces stand in the text.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UnsupportedModelError(
            f"the tokeniser {type(tokenizer).__name__} does not say where its pieces stand in the text; save a fast "
            "one (`tokenizer.json`) with the model"
        )
    missing = [field for field in (attended, query) if field is not None and field not in instance.fields]
    if missing:
        raise DataError(
            f"instance `{instance.id}` must have a field `{missing[0]}`, found {sorted(instance.fields)}"
        )
    text = instance.fields[attended]
    # verbose: a text beyond the limit is dealt with here, in words.
    whole = tokenizer(
        text, None if query is None else instance.fields[query], truncation=False, verbose=False
    )
    cut = max(0, len(whole["input_ids"]) - longest)
    if cut and too_long == REFUSE:
        raise DataError(
            f"instance `{instance.id}` has {len(whole['input_ids'])} pieces, and the model reads {longest}; give "
            'shorter texts, or choose to audit what fits (`too_long = "truncate"`)'
        )
    if cut:
        pair = () if query is None else (instance.fields[query],)
        whole = tokenizer(text, *pair, truncation="only_first", max_length=longest, verbose=False)
    encoding = whole.encodings[0]
    words, spans = _words(encoding, text)
    if not spans:
        raise DataError(f"instance `{instance.id}` has no word in its {attended} {text!r:.60}")
    return Pieces(
        list(encoding.ids),
        list(encoding.type_ids),
        words,
        spans,
        [text[start:end] for start, end in spans],
        cut,
    )


def _words(encoding: Any, text: str) -> tuple[list[int], list[tuple[int, int]]]:
    """The number of each piece's word, and from its first letter to its last where each word stands."""
    letters: dict[int, tuple[int, int]] = {}
    own = [
        word if sequence == 0 else None
        for word, sequence in zip(encoding.word_ids, encoding.sequence_ids, strict=True)
    ]
    for word, (start, end) in zip(own, encoding.offsets, strict=True):
        if word is None:
            continue
        # A space that a byte-level piece begins with is no part of the word.
        while start < end and text[start].isspace():
            start += 1
        if start < end:
            first, last = letters.get(word, (start, end))
            letters[word] = (min(first, start), max(last, end))
    number = {word: place for place, word in enumerate(letters)}
    return [-1 if word is None else number.get(word, -1) for word in own], list(letters.values())
