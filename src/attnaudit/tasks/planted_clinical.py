"""A corpus that writes itself: long discharge notes in which a few planted marks, and nothing else, make a class.

Every note is written without regard to its class. In a positive one a drug or a diagnosis is then replaced, in one
to three places anywhere, by one that stands in no negative note; a negative one stays as it is. So the task is that
of the paper's clinical corpora (few precise words in a long text, and no evidence for the negative class), and the
evidence is known. It stands in for MIMIC-III where that is not at hand, and claims nothing about real notes.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

from attnaudit.instance import Instance, Span
from attnaudit.spec import corpora as specs
from attnaudit.tasks import planted_clinical_language as language
from attnaudit.tasks.chance import between, pick, shuffled
from attnaudit.tasks.corpus import Corpus, Recipe
from attnaudit.text import TOKENISERS

RECIPE = Recipe(
    "clinical-1", min_df=5, epochs=16, batch=4
)  # the paper's sizes; more steps, for far fewer notes
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class _Template:
    """Literal texts and slots in turn, the number of tokens that come of it, and where evidence may be planted.

    A part is a text, or the choices of a slot; `plantable` holds position and kind of the parts of the latter sort.
    """

    parts: tuple[str | tuple[str, ...], ...]
    tokens: int
    plantable: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class _Section:
    """A heading, its share of a note, and its templates in order of their length."""

    heading: _Template
    share: float
    templates: tuple[_Template, ...]
    lengths: tuple[int, ...]


def _template(text: str, pronouns: Mapping[str, str]) -> _Template:
    parts: list[str | tuple[str, ...]] = []
    plantable = []
    for i, part in enumerate(_SLOT.split(text)):
        if i % 2 == 0:
            parts.append(part)
        elif part in pronouns:
            parts.append(pronouns[part])
        else:
            plantable += [(i, part)] if part in language.EVIDENCE else []
            parts.append(language.SLOTS[part])
    sample = "".join(part if isinstance(part, str) else part[0] for part in parts)
    return _Template(tuple(parts), len(TOKENISERS[RECIPE.tokeniser](sample)), tuple(plantable))


def _section(heading: str, share: float, block: str, pronouns: Mapping[str, str]) -> _Section:
    lines = [line.strip() for line in block.strip().splitlines()]
    templates = sorted((_template(f"{line}\n", pronouns) for line in lines), key=lambda t: t.tokens)
    return _Section(
        _template(f"\n{heading}\n", pronouns), share, tuple(templates), tuple(t.tokens for t in templates)
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """The templates of a whole note."""

    head: _Template
    sections: tuple[_Section, ...]
    last: _Section


_FORMS = tuple(
    _Form(
        _template(language.HEAD, pronouns),
        tuple(_section(*section, pronouns) for section in language.SECTIONS),
        _section(language.LAST[0], 0, language.LAST[1], pronouns),
    )
    for pronouns in language.PRONOUNS
)


def planted_clinical(spec: specs.PlantedClinical, seed: int) -> Corpus:
    """Generated discharge notes in which a few planted marks make the positive class, a stand-in for MIMIC-III.

    A positive instance has one rationale: a span for each planted drug or diagnosis. A negative one has none, since
    nothing makes it negative. With `noise` the label of some instances is the other one; their spans stay as they
    are. A split depends on the seed and its own size only; nothing is read or downloaded.
    """
    splits, flipped = {}, []
    for split, size in (("train", spec.train), ("dev", spec.dev), ("test", spec.test)):
        rng = random.Random(f"planted-clinical-1/{seed}/{split}")
        positive = min(max(1, round(spec.prevalence * size)), size - 1)
        labels = shuffled([int(number < positive) for number in range(size)], rng)
        noisy = frozenset(shuffled(range(size), rng)[: round(spec.noise * size)])
        instances = []
        for number, label in enumerate(labels):
            text, spans = _note(spec, label, rng)
            target = 1 - label if number in noisy else label
            identity = f"planted-clinical/{split}/{number:06d}"
            instances.append(Instance(identity, {"text": text}, target, (spans,) if spans else ()))
        splits[split] = tuple(instances)
        flipped.append(f"{len(noisy)} of {size} {split} labels")
    notes = [
        "The notes are generated (a stand-in for MIMIC-III discharge summaries): which words make the class "
        f"`{language.CLASSES[1]}` is known by construction, and nothing makes the class `{language.CLASSES[0]}`."
    ]
    if spec.noise:
        notes.append(f"Flipped after generation (noise): {', '.join(flipped)}.")
    return Corpus("planted-clinical", language.CLASSES, splits, recipe=RECIPE, notes=tuple(notes))


def _note(spec: specs.PlantedClinical, label: int, rng: random.Random) -> tuple[str, tuple[Span, ...]]:
    """One note of a length drawn between `shortest` and `longest`, and the spans of what was planted in it."""
    pieces, places = _written(between(spec.shortest, spec.longest, rng), rng)
    if not label:
        return "".join(pieces), ()
    count = min(between(1, spec.evidence, rng), len(places))
    chosen = sorted(shuffled(places, rng)[:count])
    for place, kind in chosen:
        pieces[place] = pick(language.EVIDENCE[kind], rng)
    spans = []
    start = before = 0
    for place, _ in chosen:
        start += sum(map(len, pieces[before:place]))
        before = place
        spans.append(Span("text", start, start + len(pieces[place])))
    return "".join(pieces), tuple(spans)


def _written(length: int, rng: random.Random) -> tuple[list[str], list[tuple[int, str]]]:
    """The pieces of a note of so many tokens, and where among them evidence may be planted."""
    form = pick(_FORMS, rng)
    pieces: list[str] = []
    places: list[tuple[int, str]] = []
    left = length - form.head.tokens - form.last.heading.tokens
    left -= sum(section.heading.tokens for section in form.sections)
    room = left
    _write(form.head, pieces, places, rng)
    for section in form.sections:
        _write(section.heading, pieces, places, rng)
        quota = int(section.share * room)
        while fitting := bisect_right(section.lengths, quota):
            template = section.templates[int(rng.random() * fitting)]
            _write(template, pieces, places, rng)
            quota -= template.tokens
            left -= template.tokens
    _write(form.last.heading, pieces, places, rng)
    while left:
        template = form.last.templates[int(rng.random() * bisect_right(form.last.lengths, left))]
        if left - template.tokens != 1:  # no sentence has a single token
            _write(template, pieces, places, rng)
            left -= template.tokens
    return pieces, places


def _write(template: _Template, pieces: list[str], places: list[tuple[int, str]], rng: random.Random) -> None:
    """Put the template behind the pieces, with a choice in each slot."""
    offset = len(pieces)
    draw = rng.random
    for part in template.parts:
        pieces.append(part if isinstance(part, str) else part[int(draw() * len(part))])
    for place, kind in template.plantable:
        places.append((offset + place, kind))
