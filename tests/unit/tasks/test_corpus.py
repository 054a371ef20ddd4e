import pytest

from attnaudit.errors import DataError
from attnaudit.instance import Instance, Span
from attnaudit.tasks.corpus import Corpus, digest, divided, drawn


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
