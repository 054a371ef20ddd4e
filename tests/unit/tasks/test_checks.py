import json

import pytest

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.tasks import checks
from attnaudit.tasks.corpus import Corpus


def corpus(**splits):
    """A corpus from lists of (text, target)."""
    return Corpus(
        "toy",
        ("no", "yes"),
        {
            name: tuple(Instance(f"{name}/{i}", {"text": t}, y) for i, (t, y) in enumerate(rows))
            for name, rows in splits.items()
        },
    )


def measured(given):
    return checks.facts(
        given, {name: [len(i.fields["text"].split()) for i in split] for name, split in given.splits.items()}
    )


CLEAN = corpus(
    train=[("one two", 0), ("three four five", 1)],
    dev=[("six seven", 0), ("eight nine", 1)],
    test=[("ten eleven", 0), ("twelve thirteen", 1)],
)


def test_nothing_is_said_of_a_clean_corpus():
    assert checks.warnings(measured(CLEAN)) == ()


def test_the_raw_numbers():
    train = measured(CLEAN).splits["train"]
    assert train == checks.SplitFacts(
        n=2, n_by_class={"no": 1, "yes": 1}, mean_length=2.5, longest=3, n_short=0, n_long=0, n_repeated=0
    )


def test_plain_is_json():
    plain = measured(CLEAN).plain()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["n_shared"] == {"train/dev": 0, "train/test": 0, "dev/test": 0}
    assert plain["splits"]["test"]["n_by_class"] == {"no": 1, "yes": 1}


def test_texts_that_stand_in_two_splits_and_twice_in_train():
    facts = measured(
        corpus(
            train=[("a b", 0), ("a b", 0), ("c d", 1), ("e f", 1), ("a b", 1)],
            dev=[("g h", 0), ("c d", 1)],
            test=[("a b", 0), ("a b", 0), ("c d", 1)],
        )
    )
    assert facts.n_shared == {("train", "dev"): 1, ("train", "test"): 2, ("dev", "test"): 1}
    assert facts.splits["train"].n_repeated == 2
    said = checks.warnings(facts)
    assert said[0].startswith("1 text stands in both `train` and `dev`")
    assert said[1].startswith("2 texts stand in both `train` and `test`")
    assert "2 instances of `train` repeat the text of an earlier one." in said


@pytest.mark.parametrize(("rare", "warned"), [(9, True), (10, False)])
def test_a_rare_class_is_warned_of_below_a_tenth(rare, warned):
    rows = [(f"text {i}", int(i < rare)) for i in range(100)]
    said = checks.warnings(measured(corpus(train=rows)))
    assert bool(said) is warned
    if warned:
        assert "Only 9 of 100 instances of `train` (9.0%) have the class `yes`" in said[0]
        assert "right in 91.0%" in said[0]


def test_a_class_that_is_absent():
    (said,) = checks.warnings(measured(corpus(test=[("a b", 1), ("c d", 1)])))
    assert said.startswith("No instance of `test` has the class `no`")


def test_short_and_long_texts():
    facts = measured(corpus(test=[("a", 0), ("b c", 1), ("d " * 999, 0), ("e " * 1000, 1), ("f " * 1200, 1)]))
    test = facts.splits["test"]
    assert (test.n_short, test.n_long, test.longest) == (1, 2, 1200)
    assert checks.warnings(facts) == (
        "1 text of `test` has fewer than 2 tokens: there is nothing to rank.",
        "2 texts of `test` have 1000 tokens or more (longest: 1200): "
        "expect the audit to take long and to need memory.",
    )


@pytest.mark.parametrize("lengths", [{}, {"test": [1]}, {"test": [1, 2, 3]}])
def test_lengths_must_be_those_of_the_corpus(lengths):
    with pytest.raises(DataError, match="2 instances and"):
        checks.facts(corpus(test=[("a", 0), ("b", 1)]), lengths)
