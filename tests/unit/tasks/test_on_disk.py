"""Instances on disk are the instances that were given, whichever way they are asked for."""

import random
import time
import tracemalloc

import pytest

from attnaudit.errors import DataError
from attnaudit.instance import Instance, Span
from attnaudit.tasks import on_disk
from attnaudit.tasks.corpus import Corpus, digest, divided, drawn, read_as
from attnaudit.tasks.on_disk import OnDisk

STRANGE = (
    Instance("a/1", {"text": "Grüße, “Welt” 🙂\u2028next\r\nline\n\x00\x1b"}, 1, ((Span("text", 0, 5),), ())),
    Instance("a/2", {"b": "two", "a": "one"}, None),
    Instance("ü/3", {"text": "\ud800 half a pair, \ud83d\ude42 two halves"}, 0, ((),)),
    Instance("a/4", {"text": ' "quoted" \\n ', "query": ""}, 7, ((Span("query", 1, 2), Span("text", 3, 9)),)),
)


def many(count, classes=2):
    return [Instance(f"toy/{i}", {"text": f"text number {i}"}, i % classes) for i in range(count)]


def test_every_field_comes_back():
    kept = OnDisk(STRANGE)
    assert tuple(kept) == STRANGE
    assert [list(one.fields) for one in kept] == [list(one.fields) for one in STRANGE]
    assert digest(kept) == digest(STRANGE)


def test_it_is_a_sequence():
    given = many(50)
    kept = OnDisk(iter(given))
    assert len(kept) == 50
    assert (kept[0], kept[-1], kept[49]) == (given[0], given[-1], given[49])
    assert kept[3:40:7] == tuple(given[3:40:7])
    assert kept[45:99] == tuple(given[45:])
    assert given[7] in kept
    assert kept.index(given[7]) == 7
    assert kept == tuple(given)
    assert tuple(given) == kept
    assert kept == OnDisk(given)
    assert kept != OnDisk(given[1:])
    assert kept != given[0]
    with pytest.raises(IndexError):
        kept[50]
    assert not OnDisk(())


def test_two_readers_do_not_disturb_each_other():
    kept = OnDisk(many(20))
    pairs = list(zip(kept, reversed(kept), strict=True))
    assert [(a.id, b.id) for a, b in pairs[:2]] == [("toy/0", "toy/19"), ("toy/1", "toy/18")]


def test_a_pick_of_a_pick():
    given = many(20)
    some = OnDisk(given).picked([3, 5, 7, 11]).picked([1, 3])
    assert list(some) == [given[5], given[11]]
    assert some.targets() == [1, 1]


def test_targets_are_changed_where_they_are_known():
    kept = OnDisk([Instance("a", {}, 0), Instance("b", {}, None), Instance("c", {}, 1)])
    assert kept.targets() == [0, None, 1]
    changed = kept.retargeted([5, 4])
    assert [one.target for one in changed] == changed.targets() == [5, None, 4]
    assert kept.targets() == [0, None, 1]


@pytest.mark.parametrize("count", [40, 200])
def test_what_a_corpus_does_is_the_same_on_disk(count):
    given = many(count, classes=4)
    whole = Corpus("toy", tuple("abcd"), {"all": tuple(given)})
    kept = Corpus("toy", tuple("abcd"), {"all": OnDisk(given)})
    assert divided(kept, seed=3) == divided(whole, seed=3)
    assert read_as(kept, "passage", None) == read_as(whole, "passage", None)
    assert drawn(kept.splits["all"], 9, seed=1) == drawn(whole.splits["all"], 9, seed=1)


def test_memory_does_not_grow_with_the_texts():
    word = random.Random(0).randbytes(500).hex()

    def held(count):
        tracemalloc.start()
        kept = OnDisk(Instance(f"toy/{i}", {"text": f"{word} {i}"}, i % 2) for i in range(count))
        assert sum(len(one.fields["text"]) > 1000 for one in kept) == count
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    few, more = held(1_000), held(11_000)
    assert (more - few) / 10_000 < 100  # bytes a text, of which there are more than a thousand on disk


def test_a_hundred_thousand_are_written_and_read_quickly():
    began = time.perf_counter()
    kept = OnDisk(many(100_000))
    assert sum(1 for _ in kept) == 100_000
    assert time.perf_counter() - began < 60


def test_a_full_device_is_said_plainly(monkeypatch, tmp_path):
    monkeypatch.setattr(on_disk.tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"cannot be kept in a temporary file in .*absent.*TMPDIR"):
        OnDisk(many(1))
