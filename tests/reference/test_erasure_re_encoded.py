"""Words deleted or masked and the text encoded anew, against a loop that writes each text without its words."""

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from jaxtyping import Float

from attnaudit import memory, stages, store
from attnaudit.erasure import ReEncoded, RemovedByRank
from attnaudit.erasure.orders import FRACTIONS, Erased
from attnaudit.erasure.re_encoded import GRID
from attnaudit.importance import MEASURES
from attnaudit.instance import Instance
from attnaudit.models.attentive import AttentiveModel
from attnaudit.models.removal import deleted, masked
from attnaudit.stats.draws import generator, sample
from tests import tiny

FORMS = {
    "bilstm": {},
    "cnn": {"encoder": "cnn"},
    "average": {"encoder": "average", "attention": "dot"},
    "multi-class": {"classes": ("a", "b", "c")},
    "nli": {"query": True, "classes": ("neutral", "contradiction", "entailment")},
    "qa": {"query": True, "classes": tiny.WORDS, "cloze": True},
}
UNKNOWN = "zzzz"
"""No word of the vocabulary."""


def scores_of(texts: Sequence[Instance]) -> dict[str, dict[str, np.ndarray | str]]:
    """Two rankings a text that have nothing to do with the model, with many ties in one of them."""
    orders: dict[str, dict[str, np.ndarray | str]] = {}
    for text in texts:
        draw = np.random.default_rng(len(text.fields["text"]))
        n = len(text.fields["text"].split())
        orders[text.id] = {"fine": draw.random(n), "coarse": draw.integers(3, size=n).astype(float)}
    return orders


@torch.no_grad()
def asked(
    model: AttentiveModel, texts: Sequence[Instance], seed: int = 0, **changes
) -> dict[str, list[Erased]]:
    batch = model.encode(texts)
    return ReEncoded(**changes)(model, batch, model.trace(batch), scores_of(texts), seed=seed)


@torch.no_grad()
def literally(
    model: AttentiveModel, text: Instance, gone: Iterable[int], operator: str
) -> Float[np.ndarray, " output"]:
    """The output of the text as it is written without these words."""
    words = text.fields["text"].split()
    if operator == "delete":
        left = [word for place, word in enumerate(words) if place not in gone]
    else:
        left = [UNKNOWN if place in gone else word for place, word in enumerate(words)]
    batch = model.encode([replace(text, fields={**text.fields, "text": " ".join(left)})])
    if model.encoding.cloze:  # the answers that may be given stay those of the whole text
        batch = replace(batch, candidate_mask=model.encode([text]).candidate_mask)
    return torch.softmax(model.trace(batch).logits[0, 0].double(), dim=-1).numpy()


@pytest.mark.parametrize("form", FORMS)
def test_every_row_is_that_of_a_literal_loop(form: str) -> None:
    model = tiny.model(sharp=1.0, **FORMS[form])
    texts = tiny.instances(2, 8, 25)
    draws = 2
    found = asked(model, texts, draws=draws)
    seen = {"ok": 0, "censored": 0}
    for text in texts:
        n = len(text.fields["text"].split())
        shuffled = generator(0, text.id, "erasure").random((draws, n)).argsort(axis=1)
        orders = {
            name: [sorted(range(n), key=lambda i, s=scores: (-s[i], int(shuffled[0][i])))]
            for name, scores in scores_of([text])[text.id].items()
        }
        orders["random"] = [order.tolist() for order in shuffled]
        without = cache(partial(literally, model, text))
        own = tiny.outputs(model, [text])[0].numpy()
        predicted = int(own.argmax())
        rows = {(r.quantity, r.ordering, r.operator, r.fraction, r.draw): r for r in found[text.id]}
        assert len(rows) == len(found[text.id]) == 2 * (2 + draws + 3 * 10)
        for operator in ("delete", "mask"):
            for name, drawn in orders.items():
                for draw, order in enumerate(drawn):
                    first = None
                    for fraction in GRID:
                        k = min(max(1, math.ceil(fraction * n)), n - 1)
                        if without(frozenset(order[:k]), operator).argmax() != predicted:
                            first = k / n
                            break
                    row = rows["decision_flip", name, operator, None, draw]
                    assert row.value == (None if first is None else pytest.approx(first, abs=1e-12))
                    assert row.status == ("censored" if first is None else "ok")
                    seen[row.status] += 1
                for fraction in FRACTIONS:
                    k = min(max(1, math.ceil(fraction * n)), n - 1)
                    rest = [without(frozenset(order[:k]), operator) for order in drawn]
                    alone = [without(frozenset(order[k:]), operator) for order in drawn]
                    for quantity, outputs in (("comprehensiveness", rest), ("sufficiency", alone)):
                        moved = np.mean([own[predicted] - output[predicted] for output in outputs])
                        row = rows[quantity, name, operator, fraction, 0]
                        assert row.value == pytest.approx(moved, abs=2e-6)
                        assert row.status == "ok"
    assert seen["ok"]
    assert seen["censored"]


def test_the_ids_are_those_of_the_written_text() -> None:
    model = tiny.model(query=True)
    texts = tiny.instances(1, 4, 9)
    batch = model.encode(texts)
    gone = torch.zeros_like(batch.token_mask)
    gone[1, 2] = gone[2, 1] = gone[2, 9] = True
    rows = torch.tensor([2, 1, 0])
    words = [text.fields["text"].split() for text in texts]
    short = [words[2][1:8], [words[1][0], *words[1][2:]], words[0]]
    written = model.encode(
        [
            replace(texts[row], fields={**texts[row].fields, "text": " ".join(left)})
            for row, left in zip(rows.tolist(), short, strict=True)
        ]
    )
    made = deleted(batch, rows, gone[rows])
    for name in ("token_ids", "token_mask", "audit_mask", "query_ids", "query_mask"):
        assert torch.equal(getattr(made, name), getattr(written, name)), name
    other = masked(batch, rows, gone[rows], model.mask_id)
    assert torch.equal(other.audit_mask, batch.audit_mask[rows])
    assert (other.token_ids[gone[rows]] == model.encode([replace(texts[0], fields={
        **texts[0].fields, "text": UNKNOWN})]).token_ids[0, 1]).all()  # fmt: skip
    assert torch.equal(other.token_ids[~gone[rows]], batch.token_ids[rows][~gone[rows]])


def test_a_class_whose_word_is_gone_can_still_be_the_answer() -> None:
    model = tiny.model(query=True, classes=tiny.WORDS, cloze=True)
    batch = model.encode(tiny.instances(6))
    gone = torch.zeros_like(batch.token_mask)
    gone[0, 1:6] = True
    made = deleted(batch, torch.tensor([0]), gone)
    assert made.token_ids.shape[1] == 3
    assert batch.candidate_mask is not None
    assert made.candidate_mask is not None
    assert torch.equal(made.candidate_mask, batch.candidate_mask)


@pytest.mark.parametrize("form", ["bilstm", "cnn", "nli", "qa"])
def test_company_order_and_size_of_batches_change_nothing(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny.model(sharp=1.0, **FORMS[form])
    texts = tiny.instances(1, 2, 7, 19, 33)
    together = asked(model, texts)
    monkeypatch.setattr("attnaudit.batches.TOKENS", 64)
    backwards = asked(model, texts[::-1])
    for text in texts:
        for other in (backwards[text.id], asked(model, [text])[text.id]):
            for a, b in zip(together[text.id], other, strict=True):
                assert a._replace(value=None) == b._replace(value=None)
                assert a.value == (None if b.value is None else pytest.approx(b.value, abs=2e-6))


def test_a_set_of_words_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two words one goes or the other, deleted or masked: four texts, whatever is asked."""
    model = tiny.model()
    encoded = 0
    own = AttentiveModel.trace

    def counted(self, batch, **parameters):
        nonlocal encoded
        encoded += len(batch)
        return own(self, batch, **parameters)

    monkeypatch.setattr(AttentiveModel, "trace", counted)
    asked(model, tiny.instances(2), draws=20)
    assert encoded == 1 + 4


def test_no_more_is_encoded_than_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    own = AttentiveModel.trace
    monkeypatch.setattr(
        AttentiveModel,
        "trace",
        lambda self, batch, **parameters: (
            encoded.append(batch.token_mask.sum(1)) or own(self, batch, **parameters)
        ),
    )
    texts = tiny.instances(40, 60)
    asked(tiny.model(sharp=0.5), texts, draws=5)
    assert sum(map(len, encoded)) <= len(texts) * (1 + 32 * 7)
    small = 2**24
    with memory.limited(small):
        asked(tiny.model(sharp=0.5), texts, draws=5)
    model = tiny.model()
    assert all(int(lengths.sum()) * model.bytes_per_token <= small for lengths in encoded)


def test_the_same_words_go_as_with_the_states_fixed() -> None:
    """The average encoder mixes no states, so that deleting a word is renormalising the attention without it."""
    model = tiny.model("average", sharp=1.0)
    texts = tiny.instances(5, 18, 30)
    batch = model.encode(texts)
    fixed = RemovedByRank(draws=5)(model, batch, model.trace(batch), scores_of(texts), seed=3)
    anew = asked(model, texts, seed=3)
    compared = 0
    for text in texts:
        of_fixed = {
            (r.quantity, r.ordering, r.fraction): r.value
            for r in fixed[text.id]
            if r.operator == "renormalise"
        }
        for row in anew[text.id]:
            if row.operator == "delete" and row.quantity != "decision_flip":
                expected = of_fixed[row.quantity, row.ordering, row.fraction]
                # Markers are attended to by no model, and a marker's state is not read: only the words count.
                assert row.value == pytest.approx(expected, abs=2e-6)
                compared += 1
    assert compared == 3 * 3 * 10


def test_what_cannot_be_ranked_says_why() -> None:
    model = tiny.model()
    texts = tiny.instances(1, 6)
    batch = model.encode(texts)
    orders = {texts[0].id: {"fine": np.ones(1)}, texts[1].id: {"fine": "constant"}}
    found = ReEncoded()(model, batch, model.trace(batch), orders, seed=0)
    assert {row.status for row in found[texts[0].id]} == {"too_short"}
    assert len(found[texts[0].id]) == 2 * 2 * 11
    assert {row.status for row in found[texts[1].id] if row.ordering == "fine"} == {"constant"}
    assert {row.status for row in found[texts[1].id] if row.ordering == "random"} <= {"ok", "censored"}


def test_a_decision_that_nothing_changes_is_censored() -> None:
    model = tiny.model()
    model.readout.weight.zero_()
    model.readout.bias.fill_(1.0)
    found = asked(model, tiny.instances(9))["tiny/0"]
    flips = [row for row in found if row.quantity == "decision_flip"]
    assert {(row.status, row.value) for row in flips} == {("censored", None)}
    assert {row.value for row in found if row.quantity != "decision_flip"} == {0.0}


# --- the sample, and the stage ---------------------------------------------------------------------------


def erased(
    folder: Path, texts: Sequence[Instance], *, seed: int = 0, stop_after: int | None = None, **changes
) -> pa.Table:
    """The table of a stage that is stopped after some of its parts and then goes on."""

    class Stopped(Exception):
        pass

    def stop(stage: str, done: int, _total: int) -> None:
        if stop_after is not None and stage.startswith("erasure") and done >= stop_after:
            raise Stopped

    model = tiny.model(sharp=1.0)
    with store.draft(folder, "run") as draft:
        work = stages.Work(model, texts, draft, stop)
        for name in ("attention", "gradient_detached"):
            stages.measure(work, name, MEASURES[name])
        with suppress(Stopped):
            stages.erase(work, [("re_encoded", ReEncoded(**changes))], seed=seed)
            return pa.concat_tables(draft.parts("erasure"))
    return erased(folder, texts, seed=seed, **changes)


def ids(rows: pa.Table) -> list[str]:
    return list(dict.fromkeys(rows["instance_id"].to_pylist()))


def test_a_sample_is_drawn_by_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = tiny.instances(*[4, 7, 2, 9] * 6)
    found = erased(tmp_path / "a", texts, sample=10, draws=2)
    chosen = ids(found)
    assert len(chosen) == 10
    assert set(chosen) == sample([text.id for text in texts], 10, seed=0, purpose="re_encoded")
    assert set(ids(erased(tmp_path / "b", texts[::-1], sample=10, draws=2))) == set(chosen)
    assert set(ids(erased(tmp_path / "c", texts, sample=10, draws=2, seed=1))) != set(chosen)
    assert len(ids(erased(tmp_path / "d", texts, sample=100, draws=2))) == 24
    assert len(ids(erased(tmp_path / "e", texts, sample=None, draws=2))) == 24
    # A larger sample holds the smaller one, and parts of another size give the same rows.
    assert set(chosen) < sample([text.id for text in texts], 15, seed=0, purpose="re_encoded")
    monkeypatch.setattr("attnaudit.stages.CHUNK", 5)
    parts = erased(tmp_path / "f", texts, sample=10, draws=2)
    assert parts.drop_columns("value").equals(found.drop_columns("value"))
    for a, b in zip(parts["value"].to_pylist(), found["value"].to_pylist(), strict=True):
        assert a == (None if b is None else pytest.approx(b, abs=2e-6))


def test_a_part_without_a_text_of_the_sample_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnaudit.stages.CHUNK", 2)
    assert len(ids(erased(tmp_path, tiny.instances(*[5] * 9), sample=1, draws=1))) == 1


def test_interrupted_and_resumed_is_the_uninterrupted_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attnaudit.stages.CHUNK", 5)
    texts = tiny.instances(*[3, 11, 6] * 5)
    whole = erased(tmp_path / "whole", texts, sample=9, draws=2)
    assert erased(tmp_path / "resumed", texts, sample=9, draws=2, stop_after=5).equals(whole)
