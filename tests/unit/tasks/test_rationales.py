"""Corpora in which people, or their makers, said which words are evidence."""

import pytest

from attnaudit import spec, tasks
from attnaudit.errors import DataError
from attnaudit.instance import Instance, Span
from attnaudit.tasks import known_words, marks, nli, rationales, sentiment
from attnaudit.tasks.corpus import divided
from tests.unit.tasks.stand_ins import Table, evidence, real, serve, sizes, well_formed, write


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ATTNAUDIT_DATA", str(tmp_path))
    return tmp_path


def row(identity, text, label=0, **more):
    return {"id": identity, "text": text, "label": label, **more}


# --- marks on words -------------------------------------------------------------------------------------


def test_words_that_white_space_or_spaces_cut_off():
    text = "a  b\u00a0c\nd "
    assert [text[i:j] for i, j in marks.between_white_space(text)] == text.split()
    assert [text[i:j] for i, j in marks.between_spaces(text)] == text.split(" ")


def test_a_run_of_marked_words_is_a_span():
    words = marks.between_white_space("one two three four")
    assert marks.spans_of("text", words, [1, 1, 0, 1]) == (Span("text", 0, 7), Span("text", 14, 18))
    assert marks.spans_of("text", words, [0, 0, 0, 0]) == ()
    assert marks.spans_of("text", words, [1, 1, 0]) is None


# --- movie reviews --------------------------------------------------------------------------------------


def movies(folder, **more):
    reviews = [
        row(f"{part}_{i}", "a fine film .\nnot bad", i % 2, evidence=[[1, 3], [4, 6], [1, 3], [2, 2]])
        for part in ("train", "dev", "test")
        for i in range(2)
    ]
    reviews[0].update(more)
    write(folder, "movie_rationales", train=reviews[:2], dev=reviews[2:4], test=reviews[4:])
    return rationales.movie_rationales(spec.MovieRationales(), 0)


def test_movie_reviews(folder):
    corpus = movies(folder)
    assert sizes(corpus) == {"train": 2, "dev": 2, "test": 2}
    assert well_formed(corpus)
    first = corpus.splits["train"][0]
    assert (first.id, corpus.classes[first.target]) == ("movie_rationales/train_0", "negative")
    assert evidence(first) == [["fine film", "not bad"]]  # once each, and no passage of no word
    assert "Only the test part was marked throughout" in corpus.notes[0]


def test_a_review_that_nobody_marked(folder):
    assert movies(folder, evidence=[]).splits["train"][0].rationales == ()


@pytest.mark.parametrize("pair", [[3, 2], [0, 7], ["a", 2], 3])
def test_a_passage_out_of_its_text(folder, pair):
    with pytest.raises(
        DataError, match=r"line 1: a row must have in `evidence` pairs of words.*within the 6"
    ):
        movies(folder, evidence=[pair])


# --- attention maps -------------------------------------------------------------------------------------


def yelp(folder, **more):
    first = row(
        "yelphat-len100-0", "so  good. Yes", 1, maps=[[0, 1, 1], [0, 0, 0]], annotator_labels=[1, None]
    )
    write(
        folder,
        "yelp_hat",
        len100=[first | more],
        len200=[row("yelphat-len200-0", "bad", 0, maps=[[1]], annotator_labels=[0])],
        mixed=[row("yelphat-mixed-0", "bad bad", 0, maps=[[1, 0]], annotator_labels=[1])],
    )


def test_attention_maps(folder):
    yelp(folder)
    corpus = rationales.yelp_hat(spec.YelpHat(), 0)
    assert sizes(corpus) == {"test": 3}
    assert well_formed(corpus)
    assert evidence(corpus.splits["test"][0]) == [["good. Yes"], []]
    assert "4 maps of 3 reviews" in corpus.notes[0]
    assert corpus.notes[1].startswith("2 of the maps are of annotators who read another class")
    assert sizes(rationales.yelp_hat(spec.YelpHat(part="mixed"), 0)) == {"test": 1}


def test_nothing_can_be_trained_on_attention_maps(folder):
    yelp(folder)
    with pytest.raises(DataError, match=r"corpus `yelp_hat` has no `train` split.*`--from RUN`"):
        divided(tasks.read(spec.YelpHat(), seed=0), seed=0)


@pytest.mark.parametrize("maps", [None, [], [[0, 1]], [[0, 1, 2]], ["011"]])
def test_a_map_that_does_not_go_with_its_words(folder, maps):
    yelp(folder, maps=maps)
    with pytest.raises(DataError, match=r"len100.*line 1: a row must have in `maps`"):
        rationales.yelp_hat(spec.YelpHat(), 0)


# --- pairs ----------------------------------------------------------------------------------------------


def pair(identity, label, *annotators):
    return {
        "id": identity,
        "premise": "A man sleeps.",
        "hypothesis": "He is awake.",
        "label": label,
        "annotators": [{"premise_spans": p, "hypothesis_spans": h} for p, h in annotators],
    }


def pairs(folder, *audited):
    write(folder, "esnli", train_sample=[pair("t", "neutral", ([], [[0, 2]]))], dev_sample=list(audited))
    return nli.esnli(spec.Esnli(), 0)


def test_marked_pairs(folder):
    corpus = pairs(
        folder,
        pair("a", "contradiction", ([[6, 13]], [[6, 12]]), ([], [[6, 12]])),
        pair("b", "neutral", ([], [[0, 2]])),
    )
    assert well_formed(corpus)
    assert (corpus.attended, corpus.query) == ("premise", "hypothesis")
    assert evidence(corpus.splits["test"][0]) == [["sleeps.", "awake."], ["awake."]]
    assert corpus.splits["test"][1].rationales == ((Span("hypothesis", 0, 2),),)
    assert "In 1 of them words of the hypothesis alone are marked" in corpus.notes[1]


@pytest.mark.parametrize(
    "changed",
    [
        {"annotators": []},
        {"annotators": ["x"]},
        {"annotators": [{"premise_spans": [[0, 99]]}]},
        {"label": "?"},
    ],
)
def test_a_broken_pair(folder, changed):
    with pytest.raises(DataError, match=r"dev_sample.*line 1: a row must have"):
        pairs(folder, pair("a", "neutral", ([], [[0, 2]])) | changed)


# --- evidence by construction ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "task", "asked"),
    [
        ("sst_wiki", known_words.sst_wiki, spec.SstWiki()),
        ("pronoun", known_words.pronoun, spec.Pronoun()),
    ],
)
def test_evidence_by_construction(folder, name, task, asked):
    rows = [row(f"{name}-test-0", "she is bad .", 1, evidence_mask=[1, 0, 0, 0])]
    write(folder, name, train=rows, dev=rows, test=rows)
    corpus = task(asked, 0)
    found = corpus.splits["test"][0]
    assert found == Instance(f"{name}/test/0", {"text": "she is bad ."}, 1, ((Span("text", 0, 3),),))
    assert "by construction" in corpus.notes[0]
    write(folder, name, test=[rows[0] | {"evidence_mask": [1]}])
    with pytest.raises(DataError, match=r"in `evidence_mask` a 0 or 1 for each of the 4 words"):
        task(asked, 0)


# --- words of the treebank ------------------------------------------------------------------------------


def treebank(folder, *rows):
    write(folder, "sst", train=list(rows), dev=list(rows), test=list(rows))
    return sentiment.sst(spec.Sst(preparation="plain-1"), 0)


def test_words_with_a_sentiment_are_evidence(folder):
    # The no-break space belongs to its word; the model cuts there, and both halves are evidence.
    corpus = treebank(
        folder,
        row("sst-a-0", "not\u00a0bad , really good", token_labels=[3, 2, 2, 4]),
        row("b", "so", token_labels=[2]),
    )
    first, second = corpus.splits["test"]
    assert evidence(first) == [["not\u00a0bad", "good"]]
    assert second.rationales == ((),)  # labelled, and nothing marked
    assert corpus.notes[1] == "Evidence: the words whose own label, given out of context, is not neutral."


def test_labels_that_do_not_go_with_the_words_are_counted(folder):
    corpus = treebank(folder, row("a", "good film", token_labels=[4]), row("b", "good", token_labels=[4]))
    assert [len(instance.rationales) for instance in corpus.splits["test"]] == [0, 1]
    assert corpus.notes[1].endswith("For 3 of 6 sentences the labels do not go with the words.")


def test_the_copy_on_the_hub_has_no_evidence(monkeypatch):
    table = Table(text=["fine", "bad"], label=[1, 0])
    serve(monkeypatch, {"train": table, "validation": table, "test": table})
    corpus = sentiment.sst(spec.Sst(preparation="plain-1", source="hub"), 0)
    assert not any(instance.rationales for instance in corpus.splits["train"])
    assert "no evidence is known" in corpus.notes[1]


# --- the real ones --------------------------------------------------------------------------------------

REAL = {
    "movie_rationales": (rationales.MOVIE_RATIONALES, {"train": 1600, "dev": 200, "test": 199}, 1),
    "yelp_hat": (rationales.YELP_HAT, {"test": 1245}, 4),
    "esnli": (nli.ESNLI, {"train": 988, "test": 1000}, 3),
    "sst_wiki": (known_words.SST_WIKI, {"train": 6920, "dev": 872, "test": 1821}, 1),
    "pronoun": (known_words.PRONOUN, {"train": 9017, "dev": 1127, "test": 1127}, 1),
    "sst": (sentiment.SST, {"train": 6355, "dev": 821, "test": 1725}, 1),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=real(found[0])) for name, found in REAL.items()])
def test_the_real_corpus(name):
    _, n, most = REAL[name]
    corpus = tasks.read(spec.Spec.parse({"task": name}).task, seed=0)
    assert sizes(corpus) == n
    assert well_formed(corpus)
    audited = corpus.splits["test"]
    assert all(instance.rationales for instance in audited)
    assert max(len(instance.rationales) for instance in audited) == most
    for instance in audited:
        for spans in instance.rationales:
            assert all(span.end <= len(instance.fields[span.field]) for span in spans)


@pytest.mark.parametrize("_", [pytest.param(0, marks=real(sentiment.SST))])
def test_real_words_with_a_sentiment(_):
    corpus = tasks.read(spec.Spec.parse({"task": "sst"}).task, seed=0)
    words = [word for instance in corpus.splits["test"] for word in evidence(instance)[0]]
    assert words.count("best") > 10
    assert "the" not in words
