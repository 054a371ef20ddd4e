"""What should be known about a divided corpus before numbers are taken from it: repeats, balance, lengths.

Nothing is refused or repaired here. Facts are for the manifest, warnings are sentences for a person.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Int

from attnaudit.errors import DataError
from attnaudit.instance import Instance
from attnaudit.tasks.corpus import Corpus

RARE = 0.1
"""A class with a smaller share than this is worth a warning."""

MANY = 10
"""With more classes than this, how often each occurs is not worth a warning."""

SHORT, LONG = 2, 1000
"""Texts with fewer tokens than `SHORT` have nothing to rank; from `LONG` on an audit takes long."""


@dataclass(frozen=True, slots=True)
class SplitFacts:
    """One split in numbers. Lengths are in tokens, before padding and start or end tokens."""

    n: int
    n_by_class: Mapping[str, int]
    mean_length: float
    longest: int
    n_short: int  # fewer than SHORT tokens
    n_long: int  # LONG tokens or more
    n_repeated: int  # instances whose texts already stood in the same split


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """A divided corpus in numbers: one entry a split, one entry a pair of splits."""

    splits: Mapping[str, SplitFacts]
    n_shared: Mapping[tuple[str, str], int]  # distinct texts that stand in both splits

    def plain(self) -> dict[str, Any]:
        """Nested plain values for a manifest; a pair of splits becomes `train/test`."""
        return {
            "splits": {name: asdict(split) for name, split in self.splits.items()},
            "n_shared": {"/".join(pair): count for pair, count in self.n_shared.items()},
        }


def facts(corpus: Corpus, lengths: Mapping[str, Sequence[int] | Int[np.ndarray, " instance"]]) -> CorpusFacts:
    """The corpus in numbers.

    Args:
        corpus: divided or not.
        lengths: for each split the number of tokens of each instance, in order.

    Raises:
        DataError: the lengths are not those of the corpus, or a split is empty.
    """
    texts: dict[str, np.ndarray] = {}  # different texts of each split, as digests
    splits: dict[str, SplitFacts] = {}
    for name, instances in corpus.splits.items():
        numbers = np.asarray(lengths.get(name, ()), dtype=np.int64)
        if not instances or len(numbers) != len(instances):
            raise DataError(
                f"corpus `{corpus.name}`, split `{name}`: {len(instances)} instances and {len(numbers)} "
                "lengths; there must be one length an instance, and at least one instance"
            )
        found: Counter[int | None] = Counter()
        digests = np.empty(len(instances), dtype=np.uint64)
        for place, instance in enumerate(instances):
            found[instance.target] += 1
            digests[place] = _digest(instance)
        texts[name] = np.unique(digests)
        splits[name] = SplitFacts(
            n=len(instances),
            n_by_class={label: found[index] for index, label in enumerate(corpus.classes)},
            mean_length=int(numbers.sum()) / len(numbers),
            longest=int(numbers.max()),
            n_short=int((numbers < SHORT).sum()),
            n_long=int((numbers >= LONG).sum()),
            n_repeated=len(instances) - len(texts[name]),
        )
    shared = {
        (a, b): len(np.intersect1d(texts[a], texts[b], assume_unique=True)) for a, b in combinations(texts, 2)
    }
    return CorpusFacts(splits, shared)


def warnings(facts: CorpusFacts) -> tuple[str, ...]:
    """What a careful reader would want to be told, in sentences; empty when nothing is amiss."""
    sentences = [
        f"{_count(count, 'text stands', 'texts stand')} in both `{first}` and `{second}`: "
        "what is measured on them is not measured on unseen data."
        for (first, second), count in facts.n_shared.items()
        if count
    ]
    for name, split in facts.splits.items():
        if split.n_repeated and name in ("train", "all"):
            sentences.append(
                f"{_count(split.n_repeated, 'instance', 'instances')} of `{name}` "
                f"{'repeats' if split.n_repeated == 1 else 'repeat'} the text of an earlier one."
            )
        sentences += _balance(name, split)
        if split.n_short:
            sentences.append(
                f"{_count(split.n_short, 'text', 'texts')} of `{name}` "
                f"{'has' if split.n_short == 1 else 'have'} fewer than {SHORT} tokens: "
                "there is nothing to rank."
            )
        if split.n_long:
            sentences.append(
                f"{_count(split.n_long, 'text', 'texts')} of `{name}` "
                f"{'has' if split.n_long == 1 else 'have'} {LONG} tokens or more (longest: {split.longest}): "
                "expect the audit to take long and to need memory."
            )
    return tuple(sentences)


def _balance(name: str, split: SplitFacts) -> list[str]:
    if (
        len(split.n_by_class) > MANY
    ):  # answers of questions rather than classes: most are rare, and that is no fault
        return []
    absent = [label for label, count in split.n_by_class.items() if not count]
    if absent:
        listed = ", ".join(f"`{label}`" for label in absent)
        return [f"No instance of `{name}` has the class {listed}, so no number can be given for it there."]
    rarest = min(split.n_by_class, key=lambda label: split.n_by_class[label])
    share = split.n_by_class[rarest] / split.n
    if share >= RARE:
        return []
    return [
        f"Only {split.n_by_class[rarest]} of {split.n} instances of `{name}` ({100 * share:.1f}%) "
        f"have the class `{rarest}`: a model that never names it would be right in {100 * (1 - share):.1f}% "
        "of all cases."
    ]


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _digest(instance: Instance) -> int:
    """Stands for the texts of an instance: of a million two have the same by chance with probability 3e-8."""
    texts = json.dumps([text for _, text in sorted(instance.fields.items())])
    return int.from_bytes(hashlib.blake2b(texts.encode(), digest_size=8).digest())
