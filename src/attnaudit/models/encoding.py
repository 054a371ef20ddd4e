"""From instances to a batch of ids: the vocabulary and the tokeniser of a model, and which fields it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from attnaudit import text
from attnaudit.core import Batch
from attnaudit.errors import DataError
from attnaudit.instance import Instance


class Ids(NamedTuple):
    """One instance as numbers, markers included; `candidates` are the classes that can be the answer."""

    tokens: list[int]
    query: list[int] | None = None
    candidates: list[int] | None = None


@dataclass(frozen=True)
class Encoding:
    """How a model cuts texts and numbers their words.

    `attended` names the field whose tokens are attended to, `query` the one that is read beside it, if any. With
    `cloze`, only those of `classes` can be the answer that stand as a token in the attended text.
    """

    vocabulary: text.Vocabulary
    classes: tuple[str, ...]
    tokeniser: str = "words-1"
    attended: str = "text"
    query: str | None = None
    cloze: bool = False

    @cached_property
    def _index(self) -> dict[str, int]:
        return self.vocabulary.index()

    @cached_property
    def _answers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    def batch(self, instances: Sequence[Instance]) -> Batch:
        """Start marker, tokens, end marker, padding; unknown words share one id.

        Raises:
            DataError: an instance without the fields that are read, or with no token in the attended one.
        """
        rows = [self._attended(instance) for instance in instances]
        start, end = self.vocabulary.words[text.START], self.vocabulary.words[text.END]
        return replace(
            self.pad([self._ids(i, row) for i, row in zip(instances, rows, strict=True)]),
            instance_ids=tuple(instance.id for instance in instances),
            tokens=tuple((start, *(token.text for token in row), end) for row in rows),
            offsets=tuple((None, *((token.start, token.end) for token in row), None) for row in rows),
        )

    def ids(self, instance: Instance) -> Ids:
        """One instance as numbers, as `pad` takes them."""
        return self._ids(instance, self._attended(instance))

    def pad(self, rows: Sequence[Ids]) -> Batch:
        """A batch of ids alone, without the tokens' texts; what training needs."""
        ids, real = _padded([row.tokens for row in rows])
        places = torch.arange(ids.shape[1])
        audited = real & (places > 0) & (places < real.sum(dim=1, keepdim=True) - 1)
        query_ids = query_mask = candidates = None
        if self.query is not None:
            query_ids, query_mask = _padded([row.query or [] for row in rows])
        if self.cloze:
            candidates = torch.zeros(len(rows), len(self.classes), dtype=torch.bool)
            for number, row in enumerate(rows):
                candidates[number, row.candidates] = True
        return Batch((), (), (), ids, real, audited, query_ids, query_mask, candidates)

    def _ids(self, instance: Instance, tokens: Sequence[text.Token]) -> Ids:
        query = candidates = None
        if self.query is not None:
            query = self._numbered(self._tokens(instance, self.query))
        if self.cloze:
            found = {self._answers[token.text] for token in tokens if token.text in self._answers}
            candidates = sorted(found)
            if not candidates:
                raise DataError(
                    f"instance `{instance.id}`: none of the possible answers stands in its {self.attended}"
                )
        return Ids(self._numbered(tokens), query, candidates)

    def _numbered(self, tokens: Sequence[text.Token]) -> list[int]:
        index = self._index
        return [text.START, *(index.get(token.text, text.UNKNOWN) for token in tokens), text.END]

    def _attended(self, instance: Instance) -> list[text.Token]:
        tokens = self._tokens(instance, self.attended)
        if not tokens:
            raise DataError(
                f"instance `{instance.id}` has no token in its {self.attended} {instance.fields[self.attended]!r:.60}"
            )
        return tokens

    def _tokens(self, instance: Instance, field: str) -> list[text.Token]:
        if field not in instance.fields:
            raise DataError(
                f"instance `{instance.id}` must have a field `{field}`, found {sorted(instance.fields)}"
            )
        return text.TOKENISERS[self.tokeniser](instance.fields[field])


def _padded(rows: Sequence[Sequence[int]]) -> tuple[Int[Tensor, "batch token"], Bool[Tensor, "batch token"]]:
    lengths = torch.tensor([len(row) for row in rows])
    ids = pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=text.PAD)
    return ids, torch.arange(ids.shape[1]) < lengths[:, None]
