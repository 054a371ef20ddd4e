"""A corpus that writes itself: reviews in which known words, and no others, decide the label.

An opinion word is evidence when it is said of the reviewed thing; the same word said of the weather or of a
rival is a distraction. A negation turns an opinion word round and is evidence with it. Hence a reader can be
right always, a bag of words cannot, and the evidence of every review is known. It claims nothing about real
language.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from attnaudit import spec as specs
from attnaudit.instance import Instance, Span
from attnaudit.tasks.corpus import Corpus
from attnaudit.text import words

T = TypeVar("T")


CLASSES = ("negative", "positive")
NEGATORS = ("not", "n't", "never", "hardly")


def _words(block: str) -> tuple[str, ...]:
    return tuple(block.split())


# --- opinion words: (negative, positive), so that a class is an index; the frequent ones first -------------

ADJECTIVES = (
    _words(
        """bad terrible awful boring poor dull disappointing horrible weak dreadful annoying bland
        mediocre clumsy messy tedious sloppy lousy unpleasant forgettable shabby useless dismal
        irritating careless dreary tiresome hopeless frustrating flimsy nasty miserable pathetic
        stale inferior grim shoddy appalling laughable ghastly wretched atrocious abysmal"""
    ),
    _words(
        """good great wonderful excellent lovely brilliant charming superb beautiful enjoyable
        impressive perfect delightful fantastic clever elegant pleasant memorable outstanding
        amazing terrific refreshing splendid thoughtful remarkable polished magnificent appealing
        marvellous captivating rewarding graceful admirable gorgeous inspired flawless likeable
        stellar exquisite sublime commendable faultless"""
    ),
)
NOUNS = (
    _words(
        """disaster mess failure letdown nightmare bore disgrace flop embarrassment ordeal fiasco
        calamity"""
    ),
    _words("delight joy success masterpiece triumph treat gem pleasure marvel revelation jewel wonder"),
)
_VERBS = (  # (base, past), each with somebody as its object
    {
        "annoy": "annoyed", "bore": "bored", "disappoint": "disappointed", "disgust": "disgusted",
        "dismay": "dismayed", "exasperate": "exasperated", "frustrate": "frustrated", "irritate": "irritated",
        "offend": "offended", "repel": "repelled",
    },
    {
        "amaze": "amazed", "captivate": "captivated", "charm": "charmed", "dazzle": "dazzled",
        "delight": "delighted", "enchant": "enchanted", "impress": "impressed", "please": "pleased",
        "satisfy": "satisfied", "thrill": "thrilled",
    },
)  # fmt: skip


def _opinions(label: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*ADJECTIVES[label], *NOUNS[label], *_VERBS[label], *_VERBS[label].values())))


NEGATIVE, POSITIVE = _opinions(0), _opinions(1)
"""Every opinion word in every form in which it can stand in a review; no word is in both."""

# --- slots ------------------------------------------------------------------------------------------------
# Every choice of a slot has as many tokens as its neighbours. So the length of a sentence follows from its
# template, and a review can be made to measure without being cut into tokens.

_KINDS: Mapping[str, tuple[str, str]] = {  # what is reviewed: its parts in the singular, in the plural
    "film": (
        "plot script ending acting soundtrack pacing dialogue casting editing story lighting sound decor",
        "scenes songs costumes jokes effects stunts actors sets landscapes characters",
    ),
    "restaurant": (
        "food soup service bread coffee dessert menu wine fish salad cheese sauce curry cooking",
        "dishes starters desserts portions waiters vegetables noodles sauces cakes pies",
    ),
    "hotel": (
        "room bed breakfast view pool lobby shower bar garden balcony reception bathroom gym",
        "rooms beds towels corridors pillows cleaners lifts sofas porters curtains",
    ),
    "phone": (
        "screen camera battery speaker keyboard software charger display microphone finish case signal",
        "buttons photos menus calls speakers icons settings videos lenses updates",
    ),
    "book": (
        "plot prose story ending opening language narrator translation cover dialogue style middle",
        "chapters characters pictures descriptions maps poems sentences twists footnotes heroes",
    ),
    "concert": (
        "singing playing opening finale sound lighting stage band choir drumming orchestra programme",
        "songs singers violins drummers soloists melodies guitars trumpets dancers encores",
    ),
}

_FIRST = _words(
    """Amber Autumn Birch Cedar Copper Coral Eastern Elder Harbour Indigo Ivory Juniper Lantern
    Linden Maple Marble Northern Olive Orchard Paper Rowan Silver Stone Willow"""
)
_SECOND = _words(
    """Anchor Arch Avenue Bell Bridge Castle Compass Court Ferry Field Fountain Gate House Ladder
    Lake Lane Letter Mirror Ridge Road Signal Tower Wheel Window"""
)

_SLOTS: Mapping[str, tuple[str, ...]] = {
    slot: tuple(" ".join(choices.split()).split(", "))
    for slot, choices in {
        "day": "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday",
        "month": """January, February, March, April, May, June, July, August, September, October,
            November, December""",
        "daytime": "morning, afternoon, evening, night",
        "season": "week, month, day, spring, summer, autumn, winter, weekend",
        "number": """two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, fifteen,
            twenty, thirty, forty, fifty""",
        "colour": "red, blue, green, white, black, grey, brown, yellow, orange, purple, pink",
        "we": "we, I, they",
        "me": "us, me, everyone, everybody",
        "person": """my brother, my sister, my uncle, my aunt, my cousin, my mother, my father, our
            neighbour, our guide, our teacher, a friend, a colleague, an engineer, an actor, her nephew,
            his niece, the driver, the editor, the owner, the gardener, another guest, our daughter, our
            son, the doctor, an electrician""",
        "place": """station, harbour, market, library, museum, airport, theatre, bridge, park, square,
            school, office, church, river, town, village, crossroads, bakery, garage, warehouse""",
        "object": """ticket, bag, coat, map, letter, umbrella, scarf, key, card, bottle, box, newspaper,
            receipt, notebook, folder, envelope, apple, hat, basket, suitcase""",
        "vehicle": "bus, train, tram, taxi, ferry, car, van",
        "medium": "radio, train, bus, tram, ferry, street, stairs",
        "activity": """gardening, cycling, swimming, reading, painting, sailing, fishing, chess, tennis,
            knitting""",
        "other": """weather, traffic, rain, wind, match, lecture, neighbourhood, parking, train, radio,
            sermon, wedding, meeting, exam, flight, ferry, queue, election, landlord, dentist,
            motorway""",
        "event": """journey, week, holiday, meeting, wedding, match, flight, exam, lecture, interview,
            walk, summer, party, race, evening, afternoon, autumn, election, argument, excursion""",
        "adverb": "really, simply, truly, plainly, frankly, quite, rather, honestly, certainly, clearly",
        "soon": """today, tonight, yesterday, again, early, late, together, alone, outside, upstairs,
            downstairs""",
        "once": "overall, meanwhile, later, afterwards, eventually, besides, finally, altogether",
        "aside": """in the end, on the whole, to my mind, as I said, for my part, to our surprise, from
            the start, in my view, to be clear, by the way, after a while""",
        "tell": "I think, I believe, we thought, I felt, we felt, I suppose, we agreed, they wrote",
        "time": """an hour, a week, a month, a year, a day, a fortnight, a minute, an evening, an
            afternoon""",
        "made": "made, sold, finished, released, announced, planned, shown, opened, moved, measured",
        "city": """London, Dublin, Oslo, Vienna, Lisbon, Madrid, Prague, Ghent, Turin, Basel, Leeds,
            Cardiff, Toronto, Chicago, Boston, Sydney, Nairobi, Lima, Delhi, Osaka""",
        "not": "not",
        "N'T": "n't",
        "NEVER": "never, hardly",
        "NOT": "not, never, hardly",
    }.items()
}

# --- templates --------------------------------------------------------------------------------------------
# {ADJ}, {NOUN}, {VERB}, {PAST} are opinion words; {NOT}, {NEVER}, {not} and {N'T} deny them. {a} becomes a or
# an by the word behind it. {name} stands in exactly one sentence of each review.

_PLAIN = """
the {part} was {ADJ}
the {part} was {adverb} {ADJ}
the {parts} were {ADJ}
this {kind} was {ADJ}
this {kind} is {adverb} {ADJ}
we found the {part} {ADJ}
{we} thought the {parts} {adverb} {ADJ}
its {ADJ} {part} stayed with us
I remember its {adverb} {ADJ} {part}
the {part} turned out to be {ADJ}
everything about the {part} was {ADJ}
I would call the {part} {ADJ}
the {part} of this {kind} is {ADJ}
for {a} {kind} like this one, the {parts} were {ADJ}
what {a} {ADJ} {kind} this is!
{ADJ} {parts} are what this {kind} has
they gave us {ADJ} {parts}, {number} in all
the {part} was {a} {NOUN}
this {kind} was {a} {NOUN}
the {part} turned out to be {a} {NOUN}
I would call this {kind} {a} {NOUN}
what {a} {NOUN} the {part} was!
the {part} {PAST} {me}
this {kind} {PAST} {me}
the {parts} {PAST} {me} from the first {daytime}
all its {parts} {PAST} {me}
"""
_DENIED = """
the {part} was {NOT} {ADJ}
the {part} was{N'T} {ADJ}
the {parts} were {NOT} {ADJ}
the {parts} were{N'T} {ADJ}
this {kind} was {NOT} {ADJ}
this {kind} is{N'T} {ADJ}
we did {not} find the {part} {ADJ}
we did{N'T} find the {part} {ADJ}
{we} {NEVER} found the {parts} {ADJ}
I would {NOT} call the {part} {ADJ}
the {part} of this {kind} is {NOT} {ADJ}
for {a} {kind} like this one, the {parts} were {NOT} {ADJ}
it does{N'T} have {ADJ} {parts}
the {part} was {NOT} {a} {NOUN}
the {part} was{N'T} {a} {NOUN}
this {kind} was {NOT} {a} {NOUN}
I would {NOT} call this {kind} {a} {NOUN}
the {part} did {not} {VERB} {me}
the {part} did{N'T} {VERB} {me}
the {parts} did{N'T} {VERB} {me}
this {kind} {NEVER} {PAST} {me}
"""
_BRIEF = "it was{N'T} {ADJ}."  # for reviews of eight tokens

_ELSEWHERE = """
the {other} was {ADJ} that {daytime}
the {other} had been {ADJ} all {season}
{person} had come from {a} {ADJ} {event}
{person} told us about {a} {ADJ} {event}
{person}'s {event} had been {ADJ}
we read of {a} {ADJ} {event} on the way
the {other} next door looked {ADJ}
after {a} {ADJ} {event} we drove to the {place}
another {kind} in the same {place} was {ADJ}, {person} says
the {other} on {day} was {a} {NOUN}
{person} called the {other} {a} {NOUN}
the {other} that {daytime} had {PAST} {person}
the {other} {PAST} {person}
"""
_ELSEWHERE_DENIED = """
the {other} was {NOT} {ADJ} that {daytime}
the {other} was{N'T} {ADJ} all {season}
{person} did{N'T} have {a} {ADJ} {event}
{person}'s {event} had {NOT} been {ADJ}
the {other} on {day} was {NOT} {a} {NOUN}
the {other} did{N'T} {VERB} {person}
another {kind} in the same {place} was {NOT} {ADJ}, {person} says
"""

_NAMING = """
{name}.
about {name}.
notes on {name}.
{day}, {name}.
my notes on {name}.
{name}, in {month}.
this is about {name}.
{name} was {made} in {month}.
{we} chose {name} on {day}.
{person} had told us of {name}.
{name} was {made} by {person}.
this is about {name} in {city}.
{person} heard of {name} on the {medium}.
{we} went for {name} with {person} on {day}.
it is {number} years since {name} was {made} in {city}.
{we} had {name} in mind when {person} rang on {day} {daytime}.
"""

_FILLER = """
anyway.
well.
it rained.
{we} waited.
{we} sat down.
more on {day}.
so much for that.
that was in {month}.
we came by {vehicle}.
{person} came {soon}.
{person} drove {me}.
it was {day} {daytime}.
it rained in {month}.
{we} stayed for {time}.
{person} carried {a} {object}.
{person} lives in {city}.
{we} arrived on {day} {daytime}.
{we} paid {number} for {number}.
{person} had {number} of them.
it was {made} in {city}.
the {place} is in {city}.
there were {number} of us there.
{we} did not take the {vehicle}.
{person} never takes the {vehicle} {soon}.
{we} went with {person} in {month}.
it comes in {colour} and in {colour}.
the {object} is {colour}, not {colour}.
{person} didn't bring {a} {object}.
{we} have been there {number} times.
{we} left after {time}, I think.
{person} talks of {activity}.
{we} hardly ever go by {vehicle} in {month}.
the {vehicle} to the {place} takes {number} minutes.
{person} and {person} came by {vehicle}.
on {day}, {person} left {a} {object} behind.
{we} had booked {time} before, on {day}.
there is {a} {colour} {object} beside the door.
{number} of the {parts} are new since {month}.
the {part} comes after the {part}, in {number} steps.
{person} asked about the {part} and the {parts}.
a few of the {parts} were {made} in {city}.
the {part} dates from {month}, according to {person}.
{person}, who works in {city}, knows the {place}.
{we} walked from the {place} to the {place} {soon}.
it costs {number} or {number}, depending on the day.
in {month} {we} will be in {city} for {time}.
did {person} bring the {object}, or was it {person}?
{person} said that the {place} closes at {number}.
{person} talked about {activity}, {activity} and {activity} all {daytime}.
{we} waited near the {place} for {time} with {a} {object}.
there are {number} {parts}, and {number} of them are {colour}.
the {part} was {made} by {person} in {month}, it says.
when {person} comes to {city}, they meet at the {place}.
{person} never reads reviews; {person} reads {number} of them {time}.
{a} {colour} {vehicle} stood by the {place} on {day} {daytime}.
{we} sat next to {person}, who had {a} {colour} {object}.
I write this on {day} {daytime}, with {a} {object} beside me.
{person} does not live near the {place}, so {we} took the {vehicle}.
between {month} and {month} the {kind} costs {number} per person.
"""

# How a clause becomes a sentence. The clause is {C}; the bare full stop is listed twice, to be more frequent.
_FRAMES = """
{C}.
{C}.
{once}, {C}.
{aside}, {C}.
{tell} {C}.
{C}, {tell}.
{C}, as {person} would say.
on {day}, {C}.
{we} came on {day}, and {C}.
it was {made} in {city}, and {C}.
when {person} asked, {we} said that {C}.
"""


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
    return "Bell House" if slot == "name" else _SLOTS.get(slot, ("x",))[0]


_STATED = {False: _compiled(_PLAIN), True: _compiled(_DENIED)}  # by whether it is negated
_ASTRAY = {False: _compiled(_ELSEWHERE), True: _compiled(_ELSEWHERE_DENIED)}
_NAMED, _FILLERS, _FRAMED = _compiled(_NAMING), _compiled(_FILLER), _compiled(_FRAMES)
_BRIEFEST = _compiled(_BRIEF)
_CHOICES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    kind: {**_SLOTS, "kind": (kind,), "part": tuple(part.split()), "parts": tuple(parts.split())}
    for kind, (part, parts) in _KINDS.items()
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
        splits[split], count = _reviews(spec, split, size, rng)
        flipped.append(f"{count} of {size} {split} labels")
    notes = ["The reviews are generated: their evidence is known by construction."]
    if spec.noise:
        notes.append(f"Flipped after generation (noise): {', '.join(flipped)}.")
    return Corpus("planted", CLASSES, splits, notes=tuple(notes))


def _reviews(
    spec: specs.Planted, split: str, size: int, rng: random.Random
) -> tuple[tuple[Instance, ...], int]:
    """The instances of one split, both classes equally often before noise, and how many were flipped."""
    labels = _shuffled([number % 2 for number in range(size)], rng)
    flipped = frozenset(_shuffled(list(range(size)), rng)[: round(spec.noise * size)])
    names = _names(split)
    seen: set[str] = set()
    instances = []
    for number, label in enumerate(labels):
        text, spans = _review(spec, label, _pick(names, rng), rng)
        while text in seen:
            text, spans = _review(spec, label, _pick(names, rng), rng)
        seen.add(text)
        target = 1 - label if number in flipped else label
        instances.append(Instance(f"planted/{split}/{number:06d}", {"text": text}, target, (spans,)))
    return tuple(instances), len(flipped)


def _names(split: str) -> list[str]:
    """The names that belong to the split: half of all to train, a quarter each to dev and test."""
    own = {"train": (0, 1), "dev": (2,), "test": (3,)}[split]
    return [
        f"{first} {second}"
        for i, first in enumerate(_FIRST)
        for j, second in enumerate(_SECOND)
        if (i + j) % 4 in own
    ]


def _review(spec: specs.Planted, label: int, name: str, rng: random.Random) -> tuple[str, tuple[Span, ...]]:
    """One review of a length drawn between `shortest` and `longest`, and the spans of its evidence."""
    choices = _CHOICES[_pick(tuple(_CHOICES), rng)]
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
    return _joined(_shuffled(sentences, rng))


def _opinion(polarity: int, rng: random.Random) -> Mapping[str, str]:
    """A word of the polarity for each slot that takes one."""
    base = _often_early(tuple(_VERBS[polarity]), rng)
    return {
        "ADJ": _often_early(ADJECTIVES[polarity], rng),
        "NOUN": _often_early(NOUNS[polarity], rng),
        "VERB": base,
        "PAST": _VERBS[polarity][base],
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
            texts[i] = fixed.get(slot) or _pick(choices[slot], rng)
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


# `random.Random.random` alone is promised to stay the same from one version of Python to the next.


def _pick(choices: Sequence[T], rng: random.Random) -> T:
    return choices[int(rng.random() * len(choices))]


def _often_early(choices: Sequence[T], rng: random.Random) -> T:
    """One of the choices, the earlier the likelier: in a language, too, few words are frequent, many rare."""
    return choices[int(rng.random() ** 3 * len(choices))]


def _shuffled(values: list[T], rng: random.Random) -> list[T]:
    values = list(values)
    for i in range(len(values) - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        values[i], values[j] = values[j], values[i]
    return values
