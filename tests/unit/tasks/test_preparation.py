import pytest

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.tasks.preparation import Lengths, cut, of_length, with_dev


def part(*lengths, name="a"):
    return tuple(Instance(f"{name}/{i}", {"text": "x " * n}, i % 2) for i, n in enumerate(lengths))


def lengths(instances):
    return [len(i.fields["text"].split()) for i in instances]


@pytest.mark.parametrize(
    ("above", "below", "kept"),
    [
        (2, 5, [3, 4]),  # strict on both ends
        (2, None, [3, 4, 5]),  # the longest vanish, all of them
        (None, 5, [3, 4, 2]),  # and so the shortest
        (None, None, [3, 4, 2, 5]),
        (0, 100, [1, 3, 4, 2, 7, 7, 5]),
    ],
)
@pytest.mark.parametrize("bounds", [None, lambda text: (0, 99), lambda text: (len(text.split()),) * 2])
def test_limits_are_strict_and_the_extremes_vanish(above, below, kept, bounds):
    counted = Lengths("spaces-1", bounds=bounds)
    found, notes = of_length("toy", {"dev": part(1, 3, 4, 2, 7, 7, 5)}, counted, above=above, below=below)
    assert lengths(found["dev"]) == kept
    assert f"Of 7 dev texts, {len(kept)} with more than" in notes[0]
    assert f"{7 - len(kept)} left out" in notes[0]
    assert ("the shortest of the split" in notes[0]) == (above is None)
    assert ("the longest of the split" in notes[0]) == (below is None)


def test_each_split_has_its_own_extremes():
    found, _ = of_length(
        "toy", {"train": part(1, 2, 9), "test": part(1, 2, 3, name="b")}, Lengths("spaces-1"), above=0
    )
    assert [lengths(found[split]) for split in ("train", "test")] == [[1, 2], [1, 2]]


def test_nothing_is_left():
    with pytest.raises(
        DataError, match=r'`toy`, split `dev`: none of 2 texts has more than 4 and fewer than 4 .*"plain-1"'
    ):
        of_length("toy", {"dev": part(4, 4)}, Lengths("spaces-1"))


def test_a_text_is_cut_only_where_its_bounds_do_not_decide():
    asked = []

    def bounds(text):
        asked.append(text)
        return (len(text.split()) - 1, len(text.split()) + 1)

    counted = Lengths("spaces-1", bounds=bounds)
    counted._tokenise = lambda text: pytest.fail("cut") if text.split() != ["x"] * 4 else text.split()
    instances = part(1, 4, 9)
    assert [counted.below(i, 4) for i in instances] == [True, False, False]
    assert [counted.below(i, 5) for i in instances] == [True, True, False]
    assert len(asked) == 3


def test_a_cut_keeps_the_order_and_repeats_itself():
    instances = part(*range(1, 41))
    rest, drawn = cut("toy", instances, 0.2, state=7, stratified=True)
    assert (len(rest), len(drawn)) == (32, 8)
    assert lengths(rest) == sorted(lengths(rest))
    assert sorted(lengths(rest) + lengths(drawn)) == list(range(1, 41))
    assert sum(i.target for i in drawn) == 4
    assert cut("toy", instances, 0.2, state=7, stratified=True) == (rest, drawn)
    assert cut("toy", instances, 0.2, state=8, stratified=True) != (rest, drawn)
    assert len(cut("toy", instances, 10, state=7, stratified=True)[1]) == 10


def test_too_few_to_be_cut():
    with pytest.raises(DataError, match="`toy`: 1 instances are too few to be split"):
        cut("toy", part(1), 0.2, state=7, stratified=False)


def test_a_development_part():
    splits, note = with_dev("toy", {"train": part(*range(1, 21)), "test": part(1, name="b")}, state=3)
    assert {name: len(found) for name, found in splits.items()} == {"train": 17, "dev": 3, "test": 1}
    assert note == "15% of the training texts are the development part, drawn with random state 3."
    _, note = with_dev("toy", {"train": part(*range(1, 21)), "test": ()}, state=3, stratified=True)
    assert ", stratified by class, drawn" in note
