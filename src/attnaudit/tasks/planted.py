"""A corpus that writes itself: reviews in which known words, and no others, decide the label.

An opinion word is evidence when it is said of the reviewed thing; the same word said of the weather or of a
rival is a distraction. A negation turns an opinion word round and is evidence with it. Hence a reader can be
right always, a bag of words cannot, and the evidence of every review is known. It claims nothing about real
language.
"""

from __future__ import annotations

import hashlib
import random
import re
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from attnaudit.instance import Instance, Span
from attnaudit.spec import corpora as specs
from attnaudit.tasks import planted_language as language
from attnaudit.tasks.chance import often_early, pick, shuffled
from attnaudit.tasks.corpus import Corpus
from attnaudit.tasks.on_disk import OnDisk
from attnaudit.text import words

_EVIDENCE = frozenset({"ADJ", "NOUN", "VERB", "PAST", "NOT", "NEVER", "not", "N'T"})
_SLOT = re.compile(r"\{([^}]+)\}")
_SOUNDS_OTHERWISE = ("use", "uni", "one", "eu")  # begin with a vowel letter, but not with its sound


@dataclass(frozen=True, slots=True)
class _Template:
    """Literal texts and slots in turn (slots at odd places), and the number of tokens that come of it."""

    parts: tuple[str, ...]
    tokens: int

    @property
    def is_sentence(self) -> bool:
        """Whether it needs no frame to become a sentence."""
        return self.parts[-1].endswith((".", "!", "?"))


@dataclass(frozen=True, slots=True)
class _Templates:
    """Templates in order of their length, so that those which fit are a prefix."""

    entries: tuple[_Template, ...]
    lengths: tuple[int, ...]

    def pick(self, rng: random.Random, limit: int) -> _Template | None:
        """One with at most `limit` tokens; None when all are longer."""
        fitting = bisect_right(self.lengths, limit)
        return self.entries[int(rng.random() * fitting)] if fitting else None


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    spans: tuple[tuple[int, int], ...]
    tokens: int


def _compiled(block: str) -> _Templates:
    """The templates of a block, a line each."""
    entries = []
    for line in block.strip().splitlines():
        parts = tuple(_SLOT.split(line))
        # A slot that is no fixed list holds one token, but for the name of two; the clause counts for itself.
        sample = "".join(part if i % 2 == 0 else _sample(part) for i, part in enumerate(parts))
        entries.append(_Template(parts, len(words(sample)) - parts[1::2].count("C")))
    entries.sort(key=lambda template: template.tokens)
    return _Templates(tuple(entries), tuple(template.tokens for template in entries))


def _sample(slot: str) -> str:
    return "Bell House" if slot == "name" else language.SLOTS.get(slot, ("x",))[0]


_STATED = {False: _compiled(language.PLAIN), True: _compiled(language.DENIED)}  # by whether it is negated
_ASTRAY = {False: _compiled(language.ELSEWHERE), True: _compiled(language.ELSEWHERE_DENIED)}
_NAMED, _FILLERS, _FRAMED = _compiled(language.NAMING), _compiled(language.FILLER), _compiled(language.FRAMES)
_BRIEFEST = _compiled(language.BRIEF)
_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    kind: {**language.SLOTS, "kind": (kind,), "part": tuple(part.split()), "parts": tuple(parts.split())}
    for kind, (part, parts) in language.KINDS.items()
}
_DISTRACTING = 1 / 4  # chance that a place for a distractor is taken
_TITLE, _FULL_STOP = _NAMED.lengths[0], 1  # tokens that must be left for the name, and for the barest frame


def planted(spec: specs.Planted, seed: int) -> Corpus:
    """Generated reviews in which known evidence decides the label; nothing is read or downloaded.

    Each instance has one rationale: a span for each opinion word said of the reviewed thing and for each
    negation of it. With `noise` the label of some instances is the other one; their spans stay as they are.
    A split depends on the seed and its own size only, and no review stands in two splits: each names what it
    is about, and every name belongs to one split.
    """
    sizes = {"train": spec.train, "dev": spec.dev, "test": spec.test}
    splits, flipped = {}, []
    for split, size in sizes.items():
        # a string as seed: the same numbers on every platform and whatever PYTHONHASHSEED is
        rng = random.Random(f"planted-1/{seed}/{split}")
        labels = shuffled([number % 2 for number in range(size)], rng)
        wrong = frozenset(shuffled(list(range(size)), rng)[: round(spec.noise * size)])
        splits[split] = OnDisk(_reviews(spec, split, labels, wrong, rng))
        flipped.append(f"{len(wrong)} of {size} {split} labels")
    notes = ["The reviews are generated: their evidence is known by construction."]
    if spec.noise:
        notes.append(f"Flipped after generation (noise): {', '.join(flipped)}.")
    return Corpus("planted", language.CLASSES, splits, notes=tuple(notes))


def _reviews(
    spec: specs.Planted, split: str, labels: Sequence[int], wrong: Collection[int], rng: random.Random
) -> Iterator[Instance]:
    """The instances of one split, one a label; of those numbered in `wrong` the target is the other class."""
    names = _names(split)
    seen: set[bytes] = set()
    for number, label in enumerate(labels):
        text, spans = _review(spec, label, pick(names, rng), rng)
        while (known := _digest(text)) in seen:
            text, spans = _review(spec, label, pick(names, rng), rng)
        seen.add(known)
        target = 1 - label if number in wrong else label
        yield Instance(f"planted/{split}/{number:06d}", {"text": text}, target, (spans,))


def _digest(text: str) -> bytes:
    """Stands for a text where many are remembered: of a million texts two have the same with a chance of 3e-8."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _names(split: str) -> list[str]:
    """The names that belong to the split: half of all to train, a quarter each to dev and test."""
    own = {"train": (0, 1), "dev": (2,), "test": (3,)}[split]
    return [
        f"{first} {second}"
        for i, first in enumerate(language.FIRST)
        for j, second in enumerate(language.SECOND)
        if (i + j) % 4 in own
    ]


def _review(spec: specs.Planted, label: int, name: str, rng: random.Random) -> tuple[str, tuple[Span, ...]]:
    """One review of a length drawn between `shortest` and `longest`, and the spans of its evidence."""
    choices = _CHOICES[pick(tuple(_CHOICES), rng)]
    left = spec.shortest + int(rng.random() * (spec.longest - spec.shortest + 1))
    sentences: list[_Sentence] = []
    for _ in range(1 + int(rng.random() ** 0.5 * spec.evidence)):  # the root: rather more pieces than few
        negated = rng.random() < spec.negation
        template = _STATED[negated].pick(rng, left - _TITLE - _FULL_STOP)
        if template is None and not sentences:
            template = _BRIEFEST.entries[0]
        if template is not None:
            opinion = _opinion(1 - label if negated else label, rng)
            sentences.append(_sentence(template, choices, opinion, left - _TITLE, rng))
            left -= sentences[-1].tokens
    for _ in range(spec.distractors):
        if rng.random() >= _DISTRACTING:
            continue
        template = _ASTRAY[rng.random() < spec.negation].pick(rng, left - _TITLE - _FULL_STOP)
        if template is not None:
            opinion = _opinion(int(rng.random() * 2), rng)
            sentence = _sentence(template, choices, opinion, left - _TITLE, rng)
            sentences.append(replace(sentence, spans=()))
            left -= sentence.tokens
    templates = _NAMED
    while left:
        template = templates.pick(rng, left)
        if template is not None and left - template.tokens != 1:  # no sentence has a single token
            sentences.append(_sentence(template, choices, {"name": name}, left, rng))
            left -= template.tokens
            templates = _FILLERS
    return _joined(shuffled(sentences, rng))


def _opinion(polarity: int, rng: random.Random) -> Mapping[str, str]:
    """A word of the polarity for each slot that takes one."""
    base = often_early(tuple(language.VERBS[polarity]), rng)
    return {
        "ADJ": often_early(language.ADJECTIVES[polarity], rng),
        "NOUN": often_early(language.NOUNS[polarity], rng),
        "VERB": base,
        "PAST": language.VERBS[polarity][base],
    }


def _sentence(
    template: _Template,
    choices: Mapping[str, Sequence[str]],
    fixed: Mapping[str, str],
    limit: int,
    rng: random.Random,
) -> _Sentence:
    """The template with its slots filled, in a frame if it needs one, of at most `limit` tokens."""
    text, places = _filled(template, choices, fixed, rng)
    spans = [(start, end) for slot, start, end in places if slot in _EVIDENCE]
    tokens = template.tokens
    if not template.is_sentence:
        frame = _FRAMED.pick(rng, limit - tokens)
        if frame is None:
            raise AssertionError("a template is picked only where the barest frame fits as well")
        text, places = _filled(frame, choices, {"C": text}, rng)
        offset = next(start for slot, start, _ in places if slot == "C")
        spans = [(start + offset, end + offset) for start, end in spans]
        tokens += frame.tokens
    return _Sentence(text[0].upper() + text[1:], tuple(spans), tokens)


def _filled(
    template: _Template, choices: Mapping[str, Sequence[str]], fixed: Mapping[str, str], rng: random.Random
) -> tuple[str, list[tuple[str, int, int]]]:
    """The text of the template, and where each slot of it stands."""
    texts = list(template.parts)
    for i in range(1, len(texts), 2):
        slot = texts[i]
        if slot != "a":
            texts[i] = fixed.get(slot) or pick(choices[slot], rng)
    places = []
    position = 0
    for i, slot in enumerate(template.parts):
        if i % 2:
            if slot == "a":
                texts[i] = _article(texts[i + 2])
            places.append((slot, position, position + len(texts[i])))
        position += len(texts[i])
    return "".join(texts), places


def _article(following: str) -> str:
    """`a` or `an`, by the sound that the following word begins with."""
    return "an" if following[0] in "aeiou" and not following.startswith(_SOUNDS_OTHERWISE) else "a"


def _joined(sentences: Sequence[_Sentence]) -> tuple[str, tuple[Span, ...]]:
    """The sentences as one text, and their spans in it."""
    spans = []
    position = 0
    for sentence in sentences:
        spans += [Span("text", position + start, position + end) for start, end in sentence.spans]
        position += len(sentence.text) + 1
    return " ".join(sentence.text for sentence in sentences), tuple(spans)
