import pytest

from attnaudit.errors import DataError
from attnaudit.instance import Instance, Span
from attnaudit.tasks.corpus import Corpus, digest, divided, drawn, read_as


def instances(count, start=0):
    return tuple(
        Instance(f"toy/{i}", {"text": f"text number {i}"}, i % 2) for i in range(start, start + count)
    )


def corpus(**splits):
    return Corpus("toy", ("no", "yes"), splits)


def test_an_undivided_corpus_is_split_80_10_10_by_class():
    parts = divided(corpus(all=instances(200)), seed=4)
    assert {name: len(split) for name, split in parts.splits.items()} == {"train": 160, "dev": 20, "test": 20}
    assert all(sum(i.target for i in split) == len(split) // 2 for split in parts.splits.values())
    assert sorted(i.id for split in parts.splits.values() for i in split) == sorted(
        i.id for i in instances(200)
    )
    assert "seed 4" in parts.notes[-1]


def test_development_is_a_fifth_of_train_where_it_is_not_given():
    given = corpus(train=instances(100), test=instances(30, 1000))
    parts = divided(given, seed=0)
    assert list(parts.splits) == ["train", "dev", "test"]
    assert [len(split) for split in parts.splits.values()] == [80, 20, 30]
    assert parts.splits["test"] == given.splits["test"]


def test_given_splits_are_left_alone():
    given = corpus(test=instances(10), train=instances(10, 20), dev=instances(10, 40))
    parts = divided(given, seed=0)
    assert dict(parts.splits) == dict(given.splits)
    assert parts.notes == ()


def test_the_split_follows_from_the_seed():
    whole = corpus(all=instances(100))
    assert divided(whole, seed=1) == divided(whole, seed=1)
    assert divided(whole, seed=1).splits != divided(whole, seed=2).splits


def test_the_greatest_seed_works():
    assert divided(corpus(all=instances(100)), seed=2**32 - 1)


def of_classes(*targets):
    return tuple(Instance(f"toy/{i}", {"text": f"text {i}"}, target) for i, target in enumerate(targets))


def test_a_class_too_rare_to_be_stratified_is_drawn_all_the_same():
    whole = Corpus("toy", ("a", "b", "rare"), {"all": of_classes(*([0, 1] * 50), 2)})
    parts = divided(whole, seed=0)
    assert [len(split) for split in parts.splits.values()] == [80, 10, 11]
    assert {i.id for split in parts.splits.values() for i in split} == {i.id for i in whole.splits["all"]}
    assert parts.notes == (
        "No split was given: 80/10/10, not by class (too rare for that: `rare`, 1 of 101), drawn with seed 0.",
    )
    assert parts == divided(whole, seed=0)


def test_a_development_part_of_many_classes_is_drawn_all_the_same():
    names = tuple(f"class {i}" for i in range(30))
    given = Corpus("toy", names, {"train": of_classes(*range(30), *range(30)), "test": instances(10)})
    parts = divided(given, seed=0)
    assert [len(split) for split in parts.splits.values()] == [48, 12, 10]
    assert "20% of train, not by class (too rare for that: `class 0`, 2 of 60), drawn with" in parts.notes[0]


@pytest.mark.parametrize("classes", [3, 5, 10])
def test_several_classes_are_stratified_where_that_is_possible(classes):
    whole = Corpus("toy", tuple("abcdefghij"[:classes]), {"all": of_classes(*(list(range(classes)) * 20))})
    parts = divided(whole, seed=0)
    assert "stratified by class" in parts.notes[0]
    for split in parts.splits.values():
        assert {i.target for i in split} == set(range(classes))


@pytest.mark.parametrize(
    ("splits", "said"),
    [
        ({"all": instances(4)}, "too few"),
        ({"train": instances(10)}, "no `test` split"),
        ({"test": instances(10)}, "no `train` split"),
        ({"dev": instances(10), "test": instances(10, 20)}, "no `train` split"),
    ],
)
def test_what_cannot_be_divided_is_refused(splits, said):
    with pytest.raises(DataError, match=said):
        divided(corpus(**splits), seed=0)


def test_drawn():
    pool = instances(50)
    some = drawn(pool, 10, seed=0)
    assert len(some) == 10
    assert [pool.index(i) for i in some] == sorted(pool.index(i) for i in some)
    assert drawn(pool, 10, seed=0) == some != drawn(pool, 10, seed=1)
    assert drawn(pool, 50, seed=0) == drawn(pool, 99, seed=0) == pool


GOLDEN = (
    Instance("a/1", {"text": "Grüße, “Welt” 🙂"}, 1, ((Span("text", 0, 5),), ())),
    Instance("a/2", {"b": "two", "a": "one"}, None),
)


def test_the_digest_never_changes():
    assert digest(GOLDEN) == "6d6fa24665db4b59e0c5b7b3def1c17d9c8bb83ceb6cd32b970c4c2efdd601a3"
    assert digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize(
    "other",
    [
        Instance("a/3", {"b": "two", "a": "one"}, None),
        Instance("a/2", {"b": "two", "a": "One"}, None),
        Instance("a/2", {"b": "two", "a": "one"}, 0),
        Instance("a/2", {"b": "two", "a": "one"}, None, ((Span("a", 0, 1),),)),
    ],
)
def test_the_digest_sees_every_part(other):
    assert digest(GOLDEN) != digest((GOLDEN[0], other))


def test_the_digest_does_not_depend_on_the_order_of_fields():
    assert digest([Instance("x", {"a": "1", "b": "2"}, 0)]) == digest(
        [Instance("x", {"b": "2", "a": "1"}, 0)]
    )


def test_the_digest_depends_on_the_order_of_instances():
    assert digest(GOLDEN) != digest(GOLDEN[::-1])


def test_fields_are_named_as_an_earlier_model_knows_them():
    span = Span("query", 0, 3)
    pair = Instance("a", {"text": "It rains.", "query": "Is it dry?"}, 0, ((span,),))
    corpus = Corpus("mine", ("no", "yes"), {"all": (pair,)}, attended="text", query="query")
    read = read_as(corpus, "premise", "hypothesis")
    assert read.splits["all"][0].fields == {"premise": "It rains.", "hypothesis": "Is it dry?"}
    assert read.splits["all"][0].rationales == ((Span("hypothesis", 0, 3),),)
    assert (read.attended, read.query) == ("premise", "hypothesis")
    assert read_as(corpus, "text", "query") is corpus
    with pytest.raises(DataError, match="model reads none"):
        read_as(corpus, "text", None)
    single = Corpus("mine", ("no", "yes"), {"all": (pair,)})
    with pytest.raises(DataError, match="--query-column"):
        read_as(single, "premise", "hypothesis")
