"""Words taken out of the text itself, which is then encoded anew: deleted, or a mask in their place.

Beside the words that only lose their attention (`by_rank`): there the states of what stays still hold the words that
went. Here nothing of them is left, but the model reads a text of a kind that it was not trained on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int

from attnaudit.batches import by_length
from attnaudit.core import Batch, Trace
from attnaudit.erasure.orders import FRACTIONS, Erased, Orders, answered, count_at, ranked, undefined
from attnaudit.models.interface import TextModel
from attnaudit.models.removal import deleted, masked
from attnaudit.models.words import word_numbers

OPERATORS = ("delete", "mask")

GRID = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the words at which the decision is looked at again. Our choice: tenths, and `FRACTIONS`, which are read
anyway; every number of words would cost a forward pass each."""


@dataclass(frozen=True, slots=True)
class ReEncoded:
    """Decision flip, comprehensiveness and sufficiency on texts without their top words, for a sample of the texts.

    decision_flip: the share of the words that is gone at the first of `GRID` at which the predicted class is another,
    in (0, 1); `censored` where none is. Comprehensiveness and sufficiency as in `by_rank`, at each of `FRACTIONS`;
    for sufficiency the kept words alone are encoded. The words of the attended text go, a query stays. The orders are
    those of `by_rank`, of the random ones the first `draws`, so that the same words go.

    Source: DeYoung et al. 2020, section 4.2 (deletion). Oracle: a literal loop over texts without the words.
    """

    draws: int = 5
    sample: int | None = 300

    def __call__(
        self, model: TextModel, batch: Batch, trace: Trace, orders: Mapping[str, Orders], *, seed: int
    ) -> dict[str, list[Erased]]:
        """At most 32 forward passes a text and order: two operators, ten to read and six more until it flips.

        With the four orders of the default measures and five draws 288 a text. Words that are the same ones in two
        orders, or at two shares of a short text, are taken out once.
        """
        own = _distribution(trace)
        words = word_numbers(batch).cpu().numpy()
        ranks = [
            ranked(name, int(most) + 1, orders.get(name, {}), draws=self.draws, seed=seed)
            for name, most in zip(batch.instance_ids, words.max(axis=1), strict=True)
        ]
        operators = OPERATORS if model.mask_id is not None else OPERATORS[:1]
        removals = [
            _Removal(row, operator, ordering, draw, order, words[row])
            for row, of_text in enumerate(ranks)
            for operator, (ordering, drawn) in product(operators, of_text.items())
            if not isinstance(drawn, str)
            for draw, order in enumerate(drawn)
        ]
        outputs = _Outputs(model, batch)
        outputs.ask(
            removal.cut(fraction, alone=alone)
            for removal, fraction, alone in product(removals, FRACTIONS, (False, True))
        )
        flips = _flips(removals, outputs, own.argmax(axis=1))
        changes = _changes(removals, outputs, own)
        found: dict[str, list[Erased]] = {}
        for row, (name, of_text) in enumerate(zip(batch.instance_ids, ranks, strict=True)):
            found[name] = []
            for operator, (ordering, drawn) in product(OPERATORS, of_text.items()):
                if isinstance(drawn, str) or operator not in operators:
                    found[name] += undefined(
                        ordering, operator, drawn if isinstance(drawn, str) else "unsupported"
                    )
                    continue
                key = row, operator, ordering
                means = {at: float(np.mean(values)) for at, values in changes[key].items()}
                found[name] += answered(ordering, operator, flips[key], means)
        return found


_Key = tuple[int, str, str]
"""Row of the batch, operator, ordering."""


class _Cut(NamedTuple):
    """Some words of one text, taken out in one way; `gone` is a byte a token."""

    row: int
    operator: str
    gone: bytes


class _Removal(NamedTuple):
    """One order in which the words of one text go; `words` has the number of each token's word, −1 for markers."""

    row: int
    operator: str
    ordering: str
    draw: int
    order: Int[np.ndarray, " word"]
    words: Int[np.ndarray, " token"]

    @property
    def key(self) -> _Key:
        return self.row, self.operator, self.ordering

    def cut(self, fraction: float, *, alone: bool = False) -> _Cut:
        """The first words taken out, or all others."""
        count = count_at(fraction, len(self.order))
        # One more, that is never gone, for the number −1 of tokens that are no word's.
        going = np.zeros(len(self.order) + 1, dtype=bool)
        going[self.order[count:] if alone else self.order[:count]] = True
        gone = going[self.words]
        return _Cut(self.row, self.operator, gone.tobytes())


class _Outputs:
    """The outputs of a batch's texts without some of their words, each set of words encoded once."""

    def __init__(self, model: TextModel, batch: Batch) -> None:
        self._model, self._batch = model, batch
        self._lengths = batch.token_mask.sum(dim=1).cpu().numpy()
        self._known: dict[_Cut, np.ndarray] = {}

    def __getitem__(self, cut: _Cut) -> Float[np.ndarray, " output"]:
        return self._known[cut]

    def ask(self, cuts: Iterable[_Cut]) -> None:
        """Encode what is not known yet, texts of alike lengths together."""
        wanted = [cut for cut in dict.fromkeys(cuts) if cut not in self._known]
        for operator in OPERATORS:
            self._encode([cut for cut in wanted if cut.operator == operator], operator)

    def _encode(self, cuts: Sequence[_Cut], operator: str) -> None:
        if not cuts:
            return
        gone = np.frombuffer(b"".join(cut.gone for cut in cuts), dtype=bool).reshape(len(cuts), -1)
        rows = np.array([cut.row for cut in cuts])
        lengths = self._lengths[rows] - (gone.sum(axis=1) if operator == "delete" else 0)

        def encode(positions: Sequence[int]) -> None:
            chosen = list(positions)
            device = self._batch.token_ids.device
            which = torch.from_numpy(rows[chosen]).to(device), torch.from_numpy(gone[chosen]).to(device)
            if operator == "delete":
                changed = deleted(self._batch, *which, pad=self._model.pad_id)
            else:
                assert self._model.mask_id is not None
                changed = masked(self._batch, *which, self._model.mask_id)
            found = _distribution(self._model.trace(changed))
            self._known.update(zip((cuts[i] for i in chosen), found, strict=True))

        by_length(self._model, lengths.tolist(), encode, name=lambda i: self._batch.instance_ids[rows[i]])


def _flips(
    removals: Sequence[_Removal], outputs: _Outputs, predicted: Int[np.ndarray, " row"]
) -> dict[_Key, list[float | None]]:
    """For each order the share of words gone at the flip, an entry a draw; larger shares are then not asked."""
    flips: dict[_Key, list[float | None]] = {}
    for removal in removals:
        flips.setdefault(removal.key, []).append(None)
    staying = removals
    for fraction in GRID:
        cuts = [removal.cut(fraction) for removal in staying]
        outputs.ask(cuts)
        still = []
        for removal, cut in zip(staying, cuts, strict=True):
            if outputs[cut].argmax() == predicted[removal.row]:
                still.append(removal)
            else:
                n = len(removal.order)
                flips[removal.key][removal.draw] = count_at(fraction, n) / n
        staying = still
    return flips


def _changes(
    removals: Sequence[_Removal], outputs: _Outputs, own: Float[np.ndarray, "row output"]
) -> dict[_Key, dict[tuple[str, float], list[float]]]:
    """For each order how far the probability of the predicted class falls, an entry a draw."""
    changes: dict[_Key, dict[tuple[str, float], list[float]]] = {}
    for removal in removals:
        predicted = own[removal.row].argmax()
        of_order = changes.setdefault(removal.key, {})
        for quantity, fraction in product(("comprehensiveness", "sufficiency"), FRACTIONS):
            cut = removal.cut(fraction, alone=quantity == "sufficiency")
            moved = own[removal.row, predicted] - outputs[cut][predicted]
            of_order.setdefault((quantity, fraction), []).append(float(moved))
    return changes


def _distribution(trace: Trace) -> Float[np.ndarray, "row output"]:
    """Class probabilities in float64."""
    return torch.softmax(trace.logits[:, 0].double(), dim=-1).cpu().numpy()
