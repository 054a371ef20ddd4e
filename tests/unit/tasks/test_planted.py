import hashlib
import os
import random
import re
import subprocess
import sys
import time

import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from attnaudit import spec
from attnaudit.tasks import corpus as corpora
from attnaudit.tasks import planted, planted_language
from attnaudit.text import words

DEFAULT = spec.Planted()


def evidence(instance):
    (annotator,) = instance.rationales
    return [instance.fields["text"][span.start : span.end].lower() for span in annotator]


def labels_read_off(pieces):
    """A reader with a dictionary: the polarity of each opinion word, turned round by a negator before it."""
    polarities = []
    negated = False
    for piece in pieces:
        if piece in planted_language.NEGATORS:
            assert not negated, pieces
            negated = True
            continue
        polarity = 1 if piece in planted_language.POSITIVE else 0
        assert polarity == 1 or piece in planted_language.NEGATIVE, piece
        polarities.append(1 - polarity if negated else polarity)
        negated = False
    assert not negated, pieces
    return polarities


def all_of(corpus):
    return [instance for split in corpus.splits.values() for instance in split]


SPECS = {
    "default": DEFAULT,
    "eight words": spec.Planted(train=60, dev=20, test=20, shortest=8, longest=8, negation=0.5),
    "nine words": spec.Planted(train=60, dev=20, test=20, shortest=9, longest=9, evidence=8, distractors=20),
    "exactly thirty": spec.Planted(train=60, dev=20, test=20, shortest=30, longest=30),
    "always negated": spec.Planted(train=60, dev=20, test=20, negation=1),
    "crowded": spec.Planted(train=60, dev=20, test=20, evidence=8, distractors=20, shortest=150, longest=300),
    "plain": spec.Planted(train=60, dev=20, test=20, evidence=1, distractors=0, negation=0, noise=0),
}


@pytest.fixture(scope="module", params=SPECS)
def made(request):
    return SPECS[request.param], planted.planted(SPECS[request.param], 3)


def test_sizes_ids_and_classes(made):
    asked, corpus = made
    assert {name: len(split) for name, split in corpus.splits.items()} == {
        "train": asked.train,
        "dev": asked.dev,
        "test": asked.test,
    }
    assert corpus.classes == ("negative", "positive")
    assert corpus.splits["test"][7].id == "planted/test/000007"
    assert len({instance.id for instance in all_of(corpus)}) == asked.train + asked.dev + asked.test
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df) == ("words-1", 1)


def test_lengths_are_kept_exactly(made):
    asked, corpus = made
    lengths = [len(words(instance.fields["text"])) for instance in all_of(corpus)]
    assert min(lengths) >= asked.shortest
    assert max(lengths) <= asked.longest


def test_both_ends_of_the_range_are_used():
    lengths = {len(words(i.fields["text"])) for i in all_of(planted.planted(DEFAULT, 0))}
    assert lengths == set(range(DEFAULT.shortest, DEFAULT.longest + 1))


def test_spans_are_tokens(made):
    _, corpus = made
    for instance in all_of(corpus):
        places = {(token.start, token.end) for token in words(instance.fields["text"])}
        assert {(span.start, span.end) for span in instance.rationales[0]} <= places
        assert {span.field for span in instance.rationales[0]} == {"text"}


def test_evidence_alone_gives_the_clean_label(made):
    asked, corpus = made
    for split in corpus.splits.values():
        wrong = 0
        for instance in split:
            polarities = labels_read_off(evidence(instance))
            assert 1 <= len(polarities) <= asked.evidence
            assert len(set(polarities)) == 1, instance
            wrong += polarities[0] != instance.target
        assert wrong == round(asked.noise * len(split))


def test_no_text_twice_and_none_in_two_splits(made):
    _, corpus = made
    texts = [instance.fields["text"] for instance in all_of(corpus)]
    assert len(set(texts)) == len(texts)


def test_what_is_no_evidence_says_nothing_about_the_label():
    """Opinion words outside the evidence agree with the label half of the time."""
    agree = total = 0
    for instance in all_of(planted.planted(spec.Planted(distractors=6, noise=0, longest=80), 0)):
        inside = {(span.start, span.end) for span in instance.rationales[0]}
        for token in words(instance.fields["text"]):
            if (token.start, token.end) not in inside and token.text in {
                *planted_language.POSITIVE,
                *planted_language.NEGATIVE,
            }:
                total += 1
                agree += (token.text in planted_language.POSITIVE) == instance.target
    assert total > 1500
    assert abs(agree / total - 0.5) < 0.04


def test_negators_stand_outside_the_evidence_too():
    outside = 0
    for instance in all_of(planted.planted(DEFAULT, 0)):
        inside = {span.start for span in instance.rationales[0]}
        outside += sum(
            t.text in planted_language.NEGATORS and t.start not in inside
            for t in words(instance.fields["text"])
        )
    assert outside > 100


def test_share_of_negated_evidence():
    pieces = [evidence(i) for i in all_of(planted.planted(spec.Planted(negation=0.3), 0))]
    negators = sum(piece in planted_language.NEGATORS for review in pieces for piece in review)
    opinions = sum(len(review) for review in pieces) - negators
    assert abs(negators / opinions - 0.3) < 0.03
    assert {piece for review in pieces for piece in review} >= set(planted_language.NEGATORS)


def test_evidence_stands_at_the_beginning_in_the_middle_and_at_the_end():
    places = []
    for instance in planted.planted(DEFAULT, 0).splits["train"]:
        places += [span.start / len(instance.fields["text"]) for span in instance.rationales[0]]
    for third in range(3):
        assert sum(third / 3 <= place < (third + 1) / 3 for place in places) / len(places) > 0.2


def test_both_classes_are_equally_frequent():
    for split in planted.planted(spec.Planted(noise=0), 0).splits.values():
        assert sum(instance.target for instance in split) == len(split) // 2


def test_the_vocabulary_of_opinions():
    assert not set(planted_language.POSITIVE) & set(planted_language.NEGATIVE)
    for label in (0, 1):
        assert len(planted_language.ADJECTIVES[label]) >= 40
        assert len(set(planted_language.ADJECTIVES[label])) == len(planted_language.ADJECTIVES[label])
    assert all(len(words(word)) == 1 for word in (*planted_language.POSITIVE, *planted_language.NEGATIVE))


def test_the_grammar_holds_its_promises():
    """Equal token counts within a slot; no opinion word in neutral text; a filler for every rest."""
    opinions = {*planted_language.POSITIVE, *planted_language.NEGATIVE}
    assert all(
        len(words(part)) == 1 for names in (planted_language.FIRST, planted_language.SECOND) for part in names
    )
    for choices in planted._CHOICES.values():
        for slot, options in choices.items():
            assert len({len(words(option)) for option in options}) == 1, slot
            assert len(set(options)) == len(options), slot
            assert not opinions & {token.text for option in options for token in words(option)}, slot
        assert not {*choices["part"], *choices["parts"]} & {*choices["other"], *choices["event"]}
    for templates in (planted._FILLERS, planted._NAMED):
        for template in templates.entries:
            literals = {token.text for part in template.parts[::2] for token in words(part)}
            assert not literals & opinions, template
    assert {2, 3, 4, 5} <= set(planted._FILLERS.lengths)
    assert {3, 4, 5} <= set(planted._NAMED.lengths)


@pytest.mark.parametrize("kind", list(planted._CHOICES))
def test_every_template_has_the_length_it_claims(kind):
    rng = random.Random("lengths")
    opinion = {**planted._opinion(1, rng), "name": "Amber Lane", "C": "X"}
    tables = (
        *planted._STATED.values(),
        *planted._ASTRAY.values(),
        planted._NAMED,
        planted._FILLERS,
        planted._FRAMED,
    )
    for templates in tables:
        for template in templates.entries:
            for _ in range(5):
                text, _ = planted._filled(template, planted._CHOICES[kind], opinion, rng)
                clauses = template.parts[1::2].count("C")
                assert len(words(text)) - clauses == template.tokens, text


def test_articles_and_capitals():
    vowels = re.compile(r"\b(?:a [aeiou]|an [^aeiou\W])", re.IGNORECASE)
    allowed = ("a use", "an hour", "a one")
    for instance in planted.planted(spec.Planted(train=3000), 1).splits["train"]:
        text = instance.fields["text"]
        for match in vowels.finditer(text):
            assert text[match.start() :].lower().startswith(allowed), text
        for sentence in re.split(r"(?<=[.!?]) ", text):
            assert sentence[0].isupper(), text
            assert sentence[-1] in ".!?", text
        assert "  " not in text
        assert "{" not in text
        assert "\n" not in text


def test_the_same_seed_gives_the_same_corpus_and_another_seed_another():
    first, again, other = (planted.planted(DEFAULT, seed) for seed in (5, 5, 6))
    assert corpora.digest(all_of(first)) == corpora.digest(all_of(again))
    assert not {i.fields["text"] for i in all_of(first)} & {i.fields["text"] for i in all_of(other)}


def test_a_split_does_not_depend_on_the_size_of_another():
    small = planted.planted(spec.Planted(train=20), 0)
    large = planted.planted(spec.Planted(train=500, dev=10), 0)
    assert small.splits["test"] == large.splits["test"]


def test_the_corpus_is_the_same_on_every_machine():
    """A golden digest; when the grammar changes on purpose, its stream needs a new name."""
    assert digest_of_a_small_corpus() == GOLDEN


def test_texts_on_disk_are_those_that_were_once_in_memory():
    """Digests from the generator that kept every text: remembering less of what was said changes nothing."""
    corpus = planted.planted(spec.Planted(train=3000, dev=100, test=500, noise=0.1), 3)
    assert {name: corpora.digest(split)[:16] for name, split in corpus.splits.items()} == {
        "train": "d16c1d1c46a58bbf",
        "dev": "94bf121473cd10d3",
        "test": "f23abd2fa149aeee",
    }


def test_hash_randomisation_does_not_matter():
    program = "import test_planted as t; print(t.digest_of_a_small_corpus())"
    for hash_seed in ("1", "2"):
        finished = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join([*sys.path, HERE])},
            capture_output=True,
            text=True,
            check=True,
        )
        assert finished.stdout.strip() == GOLDEN


def digest_of_a_small_corpus():
    corpus = planted.planted(spec.Planted(train=50, dev=10, test=20), 0)
    texts = "\n".join(f"{i.id} {i.target} {i.fields['text']} {i.rationales}" for i in all_of(corpus))
    return hashlib.sha256(texts.encode()).hexdigest()[:16]


HERE = os.path.dirname(__file__)
GOLDEN = "b7c153f8c803ac62"


def test_there_are_tens_of_thousands_of_reviews():
    corpus = planted.planted(spec.Planted(train=30_000), 0)
    assert len({instance.fields["text"] for instance in corpus.splits["train"]}) == 30_000


def test_long_reviews_are_made_quickly():
    began = time.perf_counter()
    corpus = planted.planted(spec.Planted(train=20, dev=10, test=30, longest=5000, shortest=4990), 0)
    assert time.perf_counter() - began < 10
    assert all(4990 <= len(words(i.fields["text"])) <= 5000 for i in all_of(corpus))


def test_a_bag_of_words_does_well_but_not_perfectly():
    accuracies = []
    for seed in range(3):
        corpus = planted.planted(DEFAULT, seed)
        train, test = (
            ([i.fields["text"] for i in corpus.splits[split]], [i.target for i in corpus.splits[split]])
            for split in ("train", "test")
        )
        bag = TfidfVectorizer(tokenizer=lambda text: [t.text for t in words(text)], token_pattern=None)
        model = LogisticRegression(C=5, max_iter=1000).fit(bag.fit_transform(train[0]), train[1])
        accuracies.append(model.score(bag.transform(test[0]), test[1]))
    assert 0.75 < sum(accuracies) / 3 < 0.93


def test_noise_is_said_in_the_notes():
    corpus = planted.planted(spec.Planted(noise=0.1), 0)
    assert any("160 of 1600 train labels" in note for note in corpus.notes)
    assert not any("Flipped" in note for note in planted.planted(spec.Planted(noise=0), 0).notes)
