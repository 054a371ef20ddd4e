import hashlib
import time
from collections import Counter

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from attnaudit import spec
from attnaudit.tasks import planted_clinical
from attnaudit.tasks import planted_clinical_language as language
from attnaudit.text import clinical

SMALL = {"train": 40, "dev": 10, "test": 20}
SPECS = {
    "default": spec.PlantedClinical(),
    "exactly 150": spec.PlantedClinical(**SMALL, shortest=150, longest=150, evidence=8),
    "exactly 777": spec.PlantedClinical(**SMALL, shortest=777, longest=777, evidence=1),
    "noisy": spec.PlantedClinical(**SMALL, shortest=200, longest=400, noise=0.2, prevalence=0.7),
    "rare": spec.PlantedClinical(**SMALL, shortest=200, longest=400, prevalence=0.05),
}
MARKS = {word for phrases in language.EVIDENCE.values() for phrase in phrases for word in phrase.split()}


@pytest.fixture(scope="module", params=SPECS)
def made(request):
    return SPECS[request.param], planted_clinical.planted_clinical(SPECS[request.param], 3)


def all_of(corpus):
    return [instance for split in corpus.splits.values() for instance in split]


def test_sizes_ids_and_recipe(made):
    asked, corpus = made
    sizes = {name: len(split) for name, split in corpus.splits.items()}
    assert sizes == {"train": asked.train, "dev": asked.dev, "test": asked.test}
    assert corpus.classes == ("absent", "present")
    assert corpus.splits["test"][7].id == "planted-clinical/test/000007"
    assert (corpus.recipe.tokeniser, corpus.recipe.min_df, corpus.recipe.hidden) == ("clinical-1", 5, 128)
    assert "stand-in for MIMIC-III" in corpus.notes[0]


def test_lengths_are_kept(made):
    asked, corpus = made
    lengths = [len(clinical(instance.fields["text"])) for instance in all_of(corpus)]
    assert min(lengths) >= asked.shortest
    assert max(lengths) <= asked.longest


def test_marks_are_the_rationale_and_stand_in_positive_notes_only(made):
    asked, corpus = made
    phrases = {phrase for choices in language.EVIDENCE.values() for phrase in choices}
    for split in corpus.splits.values():
        wrong = positive = 0
        for instance in split:
            text = instance.fields["text"]
            spans = instance.rationales[0] if instance.rationales else ()
            pieces = [text[span.start : span.end] for span in spans]
            assert set(pieces) <= phrases
            assert len(pieces) <= asked.evidence
            inside = Counter(word for piece in pieces for word in piece.split())
            assert Counter(token.text for token in clinical(text) if token.text in MARKS) == inside
            wrong += instance.target != bool(pieces)
            positive += bool(pieces)
        assert wrong == round(asked.noise * len(split))
        assert positive == max(1, round(asked.prevalence * len(split)))


def test_spans_are_whole_tokens_in_order(made):
    _, corpus = made
    for instance in all_of(corpus):
        tokens = clinical(instance.fields["text"])
        starts, ends = {token.start for token in tokens}, {token.end for token in tokens}
        for spans in instance.rationales:
            assert [span.start for span in spans] == sorted({span.start for span in spans})
            assert all(span.start in starts and span.end in ends for span in spans)


def test_marks_stand_everywhere_in_the_text():
    places = [
        span.start / len(instance.fields["text"])
        for instance in all_of(planted_clinical.planted_clinical(spec.PlantedClinical(), 0))
        for spans in instance.rationales
        for span in spans
    ]
    for third in range(3):
        assert sum(third / 3 <= place < (third + 1) / 3 for place in places) / len(places) > 0.15


def test_all_else_is_drawn_alike_for_both_classes():
    """A bag of words without the marks cannot tell the classes: as if the labels were drawn."""
    corpus = planted_clinical.planted_clinical(
        spec.PlantedClinical(train=1000, test=600, shortest=300, longest=600), 0
    )
    assert abs(accuracy(corpus, without=MARKS) - 0.5) < 0.1


def test_a_bag_of_words_learns_it():
    for seed in range(2):
        corpus = planted_clinical.planted_clinical(spec.PlantedClinical(), seed)
        assert accuracy(corpus) >= 0.98


def accuracy(corpus, without=frozenset()):
    def cut(text):
        return [token.text for token in clinical(text) if token.text not in without]

    train, test = (
        ([i.fields["text"] for i in corpus.splits[split]], [i.target for i in corpus.splits[split]])
        for split in ("train", "test")
    )
    bag = CountVectorizer(tokenizer=cut, token_pattern=None, lowercase=False, binary=True, min_df=5)
    model = LogisticRegression(C=10, l1_ratio=1, solver="liblinear", max_iter=2000)  # few words matter
    model.fit(bag.fit_transform(train[0]), train[1])
    return model.score(bag.transform(test[0]), test[1])


def test_the_grammar_holds_its_promises():
    for slot, options in language.SLOTS.items():
        assert len({len(clinical(option)) for option in options}) == 1, slot
        assert len(set(options)) == len(options), slot
        assert not MARKS & {token.text for option in options for token in clinical(option)}, slot
    for kind, options in language.EVIDENCE.items():
        assert {len(clinical(option)) for option in options} == {len(clinical(language.SLOTS[kind][0]))}
    for form in planted_clinical._FORMS:
        assert {2, 3, 4, 5} <= set(form.last.lengths)  # so that there is a template for every rest
        for section in (*form.sections, form.last):
            for template in section.templates:
                literals = "".join(part for part in template.parts if isinstance(part, str))
                assert not MARKS & {token.text for token in clinical(literals)}


def test_no_text_twice_and_none_in_two_splits(made):
    _, corpus = made
    texts = [instance.fields["text"] for instance in all_of(corpus)]
    assert len(set(texts)) == len(texts)
    assert not any("{" in text or "}" in text for text in texts)


def test_the_seed_decides_and_a_split_does_not_depend_on_another():
    small = spec.PlantedClinical(**SMALL)
    larger = spec.PlantedClinical(**{**SMALL, "train": 60})
    first = planted_clinical.planted_clinical(small, 0)
    assert first == planted_clinical.planted_clinical(small, 0)
    assert first.splits != planted_clinical.planted_clinical(small, 1).splits
    assert first.splits["test"] == planted_clinical.planted_clinical(larger, 0).splits["test"]


def test_the_corpus_is_the_same_on_every_machine():
    """A golden digest; when the grammar changes on purpose, its stream needs a new name."""
    corpus = planted_clinical.planted_clinical(spec.PlantedClinical(**SMALL), 0)
    texts = "\n".join(f"{i.id} {i.target} {i.fields['text']} {i.rationales}" for i in all_of(corpus))
    assert hashlib.sha256(texts.encode()).hexdigest()[:16] == "296e9d8226b35332"


def test_noise_is_said_in_the_notes(made):
    asked, corpus = made
    assert any("Flipped after generation (noise): 8 of 40 train" in note for note in corpus.notes) == (
        asked.noise > 0
    )


def test_it_is_made_quickly():
    began = time.process_time()
    planted_clinical.planted_clinical(spec.PlantedClinical(), 0)
    assert time.process_time() - began < 2
