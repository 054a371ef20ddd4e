"""A corpus that writes itself: passages about anonymised entities, and questions with a gap for one of them.

Some entities of a passage do one thing each, told in a sentence of its own; the others are merely named. The
question tells one of these things in other words. So the passage alone does not say which entity is asked for, the
question alone names none, and the sentence that answers it is known. It stands in for the CNN and Daily Mail corpus
where that is not at hand, and claims nothing about real news.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attnaudit.instance import Instance, Span
from attnaudit.spec import corpora as specs
from attnaudit.tasks import planted_cloze_language as language
from attnaudit.tasks.chance import between, pick, shuffled
from attnaudit.tasks.corpus import Corpus, Recipe

POOL = 60
CLASSES = tuple(f"@entity{number}" for number in range(POOL))
GAP = "@placeholder"
RECIPE = Recipe("spaces-1", epochs=8)  # learned after 4
_SLOT = re.compile(r"\{(\w+)\}")
_ACTIVE = 1 / 3  # share of the entities of a passage that do something which may be asked for
_BUSY = 0.9  # share of fillers that name such entities only: as in news, who does something is named often
_BRIEFEST, _REST = (
    5,
    2,
)  # tokens that the briefest sentence about any entity takes, and the least a filler takes


@dataclass(frozen=True, slots=True)
class _Relation:
    """One thing that an entity can do: told, in either of two ways, and asked, in either of two other ways."""

    told: tuple[str, ...]
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Fact:
    """What one entity does: the relation, and the thing or the other entity that it is done to."""

    relation: _Relation
    entity: str
    thing: str
    other: str


def _lines(block: str) -> tuple[str, ...]:
    """The lines of a block in order of their number of tokens, so that those which fit are a prefix."""
    return tuple(sorted(block.strip().splitlines(), key=_tokens))


def _tokens(text: str) -> int:
    """Tokens of a template: its choices are of one token each, but for a source, which has two."""
    return len(text.split()) + text.count("{source}")


def _relations(block: str) -> tuple[_Relation, ...]:
    lines = [tuple(part.strip() for part in line.split("|")) for line in block.strip().splitlines()]
    return tuple(_Relation(told, asked) for told, asked in zip(lines[::2], lines[1::2], strict=True))


_RELATIONS = _relations(language.RELATIONS)
_FRAMES, _FILLER = _lines(language.FRAMES), _lines(language.FILLER)
_PRESENCE = _lines(language.PRESENCE)
_FRAME_TOKENS = tuple(_tokens(frame) - 2 for frame in _FRAMES)  # beyond those of the fact and its full stop
_PRESENCE_TOKENS = tuple(_tokens(sentence) for sentence in _PRESENCE)
_FILLER_TOKENS = tuple(_tokens(filler) for filler in _FILLER)


def planted_cloze(spec: specs.PlantedCloze, seed: int) -> Corpus:
    """Generated passages and questions about anonymised entities, a stand-in for CNN and Daily Mail.

    Fields are `passage`, which is attended to, and `question`, in which `@placeholder` stands for the answer. Each
    instance has one rationale: the sentence of the passage that states the answer. Which entities a passage is
    about is drawn anew for each, so that their numbers mean nothing. A split depends on the seed and its own size
    only; nothing is read or downloaded.
    """
    splits = {}
    seen: set[str] = set()
    for split, size in (("train", spec.train), ("dev", spec.dev), ("test", spec.test)):
        rng = random.Random(f"planted-cloze-1/{seed}/{split}")
        instances: list[Instance] = []
        while len(instances) < size:
            identity = f"planted-cloze/{split}/{len(instances):06d}"
            instance = _instance(spec, identity, rng)
            if instance.fields["passage"] not in seen:
                seen.add(instance.fields["passage"])
                instances.append(instance)
        splits[split] = tuple(instances)
    note = (
        "The passages are generated (a stand-in for the CNN and Daily Mail corpus): which sentence states the "
        "answer is known by construction."
    )
    return Corpus(
        "planted-cloze",
        CLASSES,
        splits,
        attended="passage",
        query="question",
        cloze=True,
        recipe=RECIPE,
        notes=(note,),
    )


def _instance(spec: specs.PlantedCloze, identity: str, rng: random.Random) -> Instance:
    """One passage of a length drawn between `shortest` and `longest`, and a question about one of its facts."""
    entities = shuffled(CLASSES, rng)[: spec.entities]
    facts = _facts(entities, rng)
    answer = pick(facts, rng)
    left = between(spec.shortest, spec.longest, rng)
    sentences: list[tuple[str, bool]] = []
    for number, entity in enumerate(entities):
        limit = left - _BRIEFEST * (len(entities) - number - 1) - _REST
        if number < len(facts):
            sentence = _told(facts[number], limit, rng)
        else:
            template = _PRESENCE[int(rng.random() * bisect_right(_PRESENCE_TOKENS, limit))]
            sentence = _filled(template, [entity], rng)
        sentences.append((sentence, number < len(facts) and facts[number] is answer))
        left -= sentence.count(" ") + 1
    while left:
        fitting = bisect_right(_FILLER_TOKENS, left)
        filler = int(rng.random() * fitting)
        if left - _FILLER_TOKENS[filler] != 1:  # no sentence has a single token
            busy = rng.random() < _BUSY
            sentences.append(
                (_filled(_FILLER[filler], entities[: len(facts)] if busy else entities, rng), False)
            )
            left -= _FILLER_TOKENS[filler]
    ordered = shuffled(sentences, rng)
    position = next(i for i, (_, states_it) in enumerate(ordered) if states_it)
    start = sum(len(sentence) + 1 for sentence, _ in ordered[:position])
    question = pick(answer.relation.asked, rng).replace("{thing}", language.THINGS[answer.thing])
    return Instance(
        identity,
        {
            "passage": " ".join(sentence for sentence, _ in ordered),
            "question": _named(question, {"?": GAP, "F": answer.other}),
        },
        CLASSES.index(answer.entity),
        ((Span("passage", start, start + len(ordered[position][0])),),),
    )


def _facts(entities: Sequence[str], rng: random.Random) -> list[_Fact]:
    """A fact for each of the first entities; no two of the same relation, so that a question has one answer."""
    relations = shuffled(_RELATIONS, rng)
    facts = []
    for number in range(max(2, round(_ACTIVE * len(entities)))):
        other = pick([name for name in entities if name != entities[number]], rng)
        facts.append(_Fact(relations[number], entities[number], pick(tuple(language.THINGS), rng), other))
    return facts


def _told(fact: _Fact, limit: int, rng: random.Random) -> str:
    """The fact as a sentence of the passage, framed, of at most `limit` tokens."""
    sentence = pick([told for told in fact.relation.told if _tokens(told) <= limit], rng)
    fitting = bisect_right(_FRAME_TOKENS, limit - _tokens(sentence))
    frame = _FRAMES[int(rng.random() * fitting)]
    clause = _named(sentence.replace("{thing}", fact.thing), {"E": fact.entity, "F": fact.other})
    return _SLOT.sub(
        lambda slot: clause[:-2] if slot[1] == "C" else pick(language.SLOTS[slot[1]], rng), frame
    )


def _filled(template: str, entities: Sequence[str], rng: random.Random) -> str:
    """The sentence with a choice in each slot; an entity is not named twice in it."""
    filled = _SLOT.sub(lambda slot: pick(language.SLOTS[slot[1]], rng), template)
    named = iter(shuffled(entities, rng)) if " G" in f" {filled}" else iter(())
    return " ".join(next(named) if word == "G" else word for word in filled.split(" "))


def _named(template: str, names: Mapping[str, str]) -> str:
    return " ".join(names.get(word, word) for word in template.split(" "))
