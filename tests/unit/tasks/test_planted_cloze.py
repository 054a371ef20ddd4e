import hashlib
from collections import Counter

import pytest

from attnaudit import spec
from attnaudit.errors import SpecError
from attnaudit.tasks import planted_cloze
from attnaudit.tasks import planted_cloze_language as language
from attnaudit.text import chunks

SMALL = {"train": 40, "dev": 10, "test": 30}
SPECS = {
    "default": spec.PlantedCloze(),
    "as short as can be": spec.PlantedCloze(**SMALL, shortest=72, longest=72),
    "two entities": spec.PlantedCloze(**SMALL, shortest=20, longest=30, entities=2),
    "twenty entities": spec.PlantedCloze(**SMALL, shortest=120, longest=150, entities=20),
    "long": spec.PlantedCloze(**SMALL, shortest=999, longest=1000),
}


@pytest.fixture(scope="module", params=SPECS)
def made(request):
    return SPECS[request.param], planted_cloze.planted_cloze(SPECS[request.param], 3)


@pytest.fixture(scope="module")
def large():
    return planted_cloze.planted_cloze(spec.PlantedCloze(), 0)


def all_of(corpus):
    return [instance for split in corpus.splits.values() for instance in split]


def test_sizes_fields_and_recipe(made):
    asked, corpus = made
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": asked.train, "dev": asked.dev, "test": asked.test}
    assert (corpus.attended, corpus.query, corpus.cloze) == ("passage", "question", True)
    assert corpus.recipe.tokeniser == "spaces-1"
    assert corpus.classes == tuple(f"@entity{number}" for number in range(60))
    assert corpus.splits["test"][7].id == "planted-cloze/test/000007"
    assert "stand-in for the CNN and Daily Mail corpus" in corpus.notes[0]
    assert all(list(i.fields) == ["passage", "question"] for i in all_of(corpus))


def test_lengths_are_kept_and_tokens_stand_between_single_spaces(made):
    asked, corpus = made
    for instance in all_of(corpus):
        for text in instance.fields.values():
            assert text == " ".join(token.text for token in chunks(text))
            assert not set("{}?EFG") & set(text.split()), text
        assert asked.shortest <= len(chunks(instance.fields["passage"])) <= asked.longest


def test_each_entity_of_a_passage_can_be_the_answer(made):
    asked, corpus = made
    for instance in all_of(corpus):
        tokens = set(instance.fields["passage"].split())
        assert len(tokens & set(corpus.classes)) == asked.entities
        assert corpus.classes[instance.target] in tokens
        question = instance.fields["question"].split()
        assert question.count("@placeholder") == 1
        assert corpus.classes[instance.target] not in question
        assert {word for word in question if word.startswith("@entity")} <= tokens


def test_the_rationale_is_the_sentence_that_states_the_answer(made):
    _, corpus = made
    for instance in all_of(corpus):
        ((span,),) = instance.rationales
        passage = instance.fields["passage"]
        sentence = passage[span.start : span.end]
        assert span.field == "passage"
        assert sentence.endswith(" .")
        assert passage[: span.start].endswith(" . ") or span.start == 0
        assert " . " not in sentence
        assert corpus.classes[instance.target] in sentence.split()


def readings(sentence):
    """What a sentence says: relation, who does it, and to what; by the templates alone."""
    words = sentence.split()
    for number, relation in enumerate(planted_cloze._RELATIONS):
        for template in (*relation.told, *relation.asked):
            pattern = template.removesuffix(" .").split()
            for begin in range(len(words) - len(pattern) + 1):
                found = {}
                for slot, word in zip(pattern, words[begin:], strict=False):
                    word = language.THINGS.get(word, word)
                    fits = {
                        "E": word.startswith("@entity"),
                        "?": word == "@placeholder",
                        "F": word.startswith("@entity"),
                        "{thing}": word in language.THINGS.values(),
                    }.get(slot, slot == word)
                    if not fits:
                        break
                    if slot in ("E", "?", "F", "{thing}"):
                        found["E" if slot == "?" else "O" if slot in ("F", "{thing}") else slot] = word
                else:
                    yield number, found["E"], found["O"]


def test_a_reader_of_passage_and_question_finds_the_one_answer():
    corpus = planted_cloze.planted_cloze(spec.PlantedCloze(**SMALL), 0)
    for instance in all_of(corpus):
        ((relation, gap, thing),) = set(readings(instance.fields["question"]))
        assert gap == "@placeholder"
        facts = [fact for s in instance.fields["passage"].split(" . ") for fact in set(readings(s))]
        assert len(facts) == 4
        assert len({entity for _, entity, _ in facts}) == 4  # so that the passage alone gives no answer
        answers = [entity for other, entity, done_to in facts if (other, done_to) == (relation, thing)]
        assert answers == [corpus.classes[instance.target]]


def test_the_question_says_it_in_other_words():
    """No word of a question stands in what is told of the same relation, but for the commonest and names."""
    common = {
        "the",
        "is",
        "to",
        "was",
        "a",
        "of",
        "E",
        "F",
        "?",
        "{thing}",
        ".",
        "by",
        "on",
        "in",
        "for",
        "at",
    }
    for relation in planted_cloze._RELATIONS:
        told, asked = ({w for s in side for w in s.split()} for side in (relation.told, relation.asked))
        assert not (told & asked) - common, relation
    assert not set(language.THINGS) & set(language.THINGS.values())
    verbs = [template for relation in planted_cloze._RELATIONS for template in relation.told]
    assert len(set(verbs)) == len(verbs) == 24
    assert all(len(relation.told) == len(relation.asked) == 2 for relation in planted_cloze._RELATIONS)


def guessed(corpus, guess):
    hits = [guess(i) == corpus.classes[i.target] for split in ("train", "test") for i in corpus.splits[split]]
    return sum(hits) / len(hits)


def entities_of(instance):
    return [word for word in instance.fields["passage"].split() if word.startswith("@entity")]


def test_guessing_without_reading_is_poor(large):
    """Twelve entities, of which four do something: chance is 1/12, and 1/4 for who is named most."""
    answers = Counter(large.classes[i.target] for i in large.splits["train"])
    assert max(answers.values()) / len(large.splits["train"]) < 0.04  # the majority, of sixty
    assert guessed(large, lambda i: Counter(entities_of(i)).most_common(1)[0][0]) < 0.3
    for guess in (
        lambda i: Counter(entities_of(i)).most_common()[-1][0],
        lambda i: entities_of(i)[0],
        lambda i: entities_of(i)[-1],
    ):
        assert guessed(large, guess) < 0.25


def test_numbers_of_entities_mean_nothing(large):
    assert len({i.target for i in large.splits["train"]}) == 60
    named = Counter(name for i in large.splits["train"] for name in set(entities_of(i)))
    assert max(named.values()) / min(named.values()) < 1.5


def test_the_seed_decides_and_a_split_does_not_depend_on_another():
    small = spec.PlantedCloze(**SMALL)
    larger = spec.PlantedCloze(**{**SMALL, "train": 60})
    first = planted_cloze.planted_cloze(small, 0)
    assert first == planted_cloze.planted_cloze(small, 0)
    assert first.splits != planted_cloze.planted_cloze(small, 1).splits
    assert first.splits["test"] == planted_cloze.planted_cloze(larger, 0).splits["test"]


def test_the_corpus_is_the_same_on_every_machine():
    """A golden digest; when the grammar changes on purpose, its stream needs a new name."""
    corpus = planted_cloze.planted_cloze(spec.PlantedCloze(**SMALL, longest=400), 0)
    texts = "\n".join(f"{i.id} {i.target} {dict(i.fields)} {i.rationales}" for i in all_of(corpus))
    assert hashlib.sha256(texts.encode()).hexdigest()[:16] == "8b976fa4d424363d"


def test_no_passage_twice(large):
    passages = [instance.fields["passage"] for instance in all_of(large)]
    assert len(set(passages)) == len(passages)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ({"shortest": 60}, "`shortest` must be at least 72, so that each of 12 entities has a sentence"),
        ({"shortest": 300, "longest": 200}, "must not exceed"),
        ({"entities": 21}, "entities"),
    ],
)
def test_what_cannot_be_asked(task, said):
    with pytest.raises(SpecError, match=said):
        spec.Spec.parse({"task": {"name": "planted-cloze", **task}})
