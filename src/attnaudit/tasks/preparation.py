"""What the paper leaves out and draws: texts by their length, and parts of a split with a fixed random state.

Source: the code published with Jain & Wallace 2019. Limits of length are strict on both ends, in tokens. Where
one is not given, the shortest or the longest text of the split is the limit, so that the texts of exactly that
length are left out.
"""

from __future__ import annotations

from collections.abc import Callable

from sklearn.model_selection import train_test_split

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.text import TOKENISERS

Part = tuple[Instance, ...]
Bounds = Callable[[str], tuple[int, int]]
"""From a text two numbers between which its number of tokens lies, cheaply."""


class Lengths:
    """How many tokens the texts of one field have; each is cut only where bounds do not decide, and once."""

    def __init__(self, tokeniser: str, field: str = "text", bounds: Bounds | None = None) -> None:
        self._tokenise = TOKENISERS[tokeniser]
        self._field = field
        self._bounds = bounds
        self._known: dict[str, tuple[int, int]] = {}  # by id; both numbers the same once it is exact

    def below(self, instance: Instance, limit: int) -> bool:
        """Whether it has fewer than `limit` tokens."""
        low, high = self._between(instance)
        if low < limit <= high:
            low, high = self._exact(instance)
        return high < limit

    def longest(self, instances: Part) -> int:
        """The number of tokens of the longest."""
        most = 0
        for instance in sorted(instances, key=lambda i: -self._between(i)[1]):
            if self._between(instance)[1] <= most:
                break  # all that follow are no longer
            most = max(most, self._exact(instance)[0])
        return most

    def shortest(self, instances: Part) -> int:
        """The number of tokens of the shortest."""
        return min(self._exact(instance)[0] for instance in instances)

    def _between(self, instance: Instance) -> tuple[int, int]:
        if instance.id not in self._known:
            if self._bounds is None:
                return self._exact(instance)
            self._known[instance.id] = self._bounds(instance.fields[self._field])
        return self._known[instance.id]

    def _exact(self, instance: Instance) -> tuple[int, int]:
        low, high = self._known.get(instance.id, (-1, 0))
        if low != high:
            low = high = len(self._tokenise(instance.fields[self._field]))
            self._known[instance.id] = (low, high)
        return low, high


def of_length(
    name: str,
    splits: dict[str, Part],
    lengths: Lengths,
    *,
    above: int | None = None,
    below: int | None = None,
) -> tuple[dict[str, Part], list[str]]:
    """The texts of each split between two numbers of tokens, and a sentence a split on what is left out.

    Args:
        name: of the corpus, for messages.
        splits: the texts before.
        lengths: what counts the tokens.
        above: a text must have more tokens than this; None: than the shortest of its split.
        below: a text must have fewer tokens than this; None: than the longest of its split.

    Raises:
        DataError: nothing is left of a split.
    """
    kept: dict[str, Part] = {}
    notes = []
    for split, instances in splits.items():
        low = lengths.shortest(instances) if above is None else above
        high = lengths.longest(instances) if below is None else below
        kept[split] = tuple(i for i in instances if not lengths.below(i, low + 1) and lengths.below(i, high))
        shortest = " (the shortest of the split)" if above is None else ""
        longest = " (the longest of the split)" if below is None else ""
        notes.append(
            f"Of {len(instances)} {split} texts, {len(kept[split])} with more than {low}{shortest} and fewer than "
            f"{high}{longest} tokens were kept and {len(instances) - len(kept[split])} left out, as in the "
            "published code."
        )
        if not kept[split]:
            raise DataError(
                f"corpus `{name}`, split `{split}`: none of {len(instances)} texts has more than {low} and fewer "
                f'than {high} tokens. Set `preparation = "plain-1"` to keep all.'
            )
    return kept, notes


def cut(name: str, instances: Part, share: float | int, *, state: int, stratified: bool) -> tuple[Part, Part]:
    """The instances in two parts, the second with `share` (or that many) of them, drawn with a random state.

    A part keeps the order of the source. The published code draws in the same way, but from an order of its own,
    so that its parts hold other texts.

    Raises:
        DataError: too few instances, or too few of a class.
    """
    try:
        first, second = train_test_split(
            range(len(instances)),
            test_size=share,
            random_state=state,
            stratify=[instance.target for instance in instances] if stratified else None,
        )
    except ValueError as error:
        raise DataError(
            f"corpus `{name}`: {len(instances)} instances are too few to be split ({error}). Give more of them."
        ) from error
    return tuple(instances[i] for i in sorted(first)), tuple(instances[i] for i in sorted(second))


def with_dev(
    name: str, splits: dict[str, Part], *, state: int, share: float = 0.15, stratified: bool = False
) -> tuple[dict[str, Part], str]:
    """The splits with `share` of `train` as `dev` where there is none, and the sentence that says so."""
    train, dev = cut(name, splits["train"], share, state=state, stratified=stratified)
    how = ", stratified by class" if stratified else ""
    note = (
        f"{share:.0%} of the training texts are the development part{how}, drawn with random state {state}."
    )
    return {"train": train, "dev": dev, "test": splits["test"]}, note
