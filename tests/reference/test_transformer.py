"""Readings and importance of a transformer against its own library, captum, and everything written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import InputXGradient, Saliency
from captum.attr import IntegratedGradients as CaptumIntegrated

from attnaudit.errors import UnsupportedModelError
from attnaudit.importance.gradient import Gradient, GradientNorm
from attnaudit.importance.integrated import attributed
from attnaudit.importance.leave_one_out import LeaveOneOut
from attnaudit.importance.readings import AllLayers, AttentionGradient, LastLayer, Rollout
from attnaudit.models.left_out_words import REMOVALS
from attnaudit.models.transformer import opened
from attnaudit.models.words import by_word
from tests import tiny_transformers as tiny

TEXTS = tiny.texts(7, 12, 3, 1)
MODELS = {"bert": (tiny.bert, True), "gpt2": (tiny.gpt2, False)}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> Any:
    make, markers = MODELS[request.param]
    with opened(make(), tiny.tokenizer(markers=markers), TEXTS) as made:
        yield made


def own_attentions(model: Any, batch: Any) -> list[torch.Tensor]:
    """What the library itself gives out."""
    inputs = {"input_ids": batch.token_ids, "attention_mask": batch.token_mask.long()}
    with torch.no_grad():
        return list(model.model(**inputs, output_attentions=True).attentions)


def row_of(model: Any, batch: Any, number: int, attention: torch.Tensor) -> torch.Tensor:
    """The row that the prediction is read from, 0 where nothing is audited."""
    place = 0 if model.row == "first" else int(batch.token_mask[number].sum()) - 1
    return attention[place] * batch.audit_mask[number]


def test_readings_are_those_of_the_librarys_own_attention(model: Any) -> None:
    batch = model.encode(TEXTS)
    layers = own_attentions(model, batch)
    last, third, every = LastLayer()(model, batch), LastLayer(head=2)(model, batch), AllLayers()(model, batch)
    for number in range(len(TEXTS)):
        heads = layers[-1][number]
        torch.testing.assert_close(last[number, 0], row_of(model, batch, number, heads.mean(dim=0)))
        torch.testing.assert_close(third[number, 0], row_of(model, batch, number, heads[2]))
        of_all = torch.stack([layer[number].mean(dim=0) for layer in layers]).mean(dim=0)
        torch.testing.assert_close(every[number, 0], row_of(model, batch, number, of_all))


def test_rollout_is_the_product_of_the_layers(model: Any) -> None:
    batch = model.encode(TEXTS)
    found = Rollout()(model, batch)
    for number in range(len(TEXTS)):
        n = int(batch.token_mask[number].sum())
        rolled = np.eye(n)
        for layer in own_attentions(model, model.encode(TEXTS[number : number + 1])):
            rolled = (layer[0].mean(dim=0).numpy().astype(float) + np.eye(n)) / 2 @ rolled
        row = torch.zeros(batch.token_ids.shape[1], batch.token_ids.shape[1])
        row[:n, :n] = torch.from_numpy(rolled)
        torch.testing.assert_close(found[number, 0], row_of(model, batch, number, row), rtol=0, atol=1e-5)


def test_attention_times_gradient_is_what_taking_the_weights_away_changes_at_first(model: Any) -> None:
    batch = model.encode(TEXTS[:2])
    found = AttentionGradient()(model, batch)
    base = model.trace(batch)
    predicted = base.logits.argmax(dim=-1)[..., None]

    def probability(place: int, by: float) -> torch.Tensor:
        def less(site: Any, attention: torch.Tensor) -> torch.Tensor:
            changed = attention.clone()
            if site == model.sites[-1]:
                changed[..., place] *= 1 - by
            return changed

        output = torch.softmax(model.trace(batch, intervention=less).logits.double(), dim=-1)
        return output.gather(-1, predicted)[:, 0, 0]

    with torch.no_grad():
        for place in (1, 4):
            slope = (probability(place, -1e-3) - probability(place, 1e-3)) / 2e-3
            torch.testing.assert_close(found[:, 0, place].double(), slope.abs(), rtol=2e-2, atol=2e-4)


def test_gradients_are_captums(model: Any) -> None:
    batch = model.encode(TEXTS)
    found, norms = Gradient(detached=False)(model, batch), GradientNorm()(model, batch)
    signed = attributed(model, batch, 60)
    vectors = model.embed(batch).detach()
    predicted = model.trace(batch).logits[:, 0].argmax(dim=-1)
    for number in range(len(TEXTS)):
        one = batch.take(torch.tensor([number]))

        def output(embedding: torch.Tensor, one: Any = one) -> torch.Tensor:
            many = one.take(torch.zeros(len(embedding), dtype=torch.long))
            return torch.softmax(model.trace(many, embedding=embedding).logits[:, 0], dim=-1)

        own, target = vectors[number : number + 1], int(predicted[number])
        products = InputXGradient(output).attribute(own.clone().requires_grad_(), target=target)
        real = batch.token_mask[number]
        torch.testing.assert_close(
            found[number, 0][real], products.sum(dim=-1)[0].abs()[real].detach(), rtol=1e-3, atol=1e-6
        )
        slopes = Saliency(output).attribute(own.clone().requires_grad_(), target=target, abs=False)
        torch.testing.assert_close(
            norms[number, 0][real], slopes.norm(dim=-1)[0][real].detach(), rtol=1e-3, atol=1e-6
        )
        integrated = CaptumIntegrated(output).attribute(
            own, target=target, n_steps=60, internal_batch_size=60
        )
        torch.testing.assert_close(
            signed[number, 0][real].float(), integrated.sum(dim=-1)[0][real].float(), rtol=1e-2, atol=1e-4
        )


@pytest.mark.parametrize("removal", REMOVALS)
def test_leaving_words_out_is_the_loop_over_words(model: Any, removal: str) -> None:
    batch = model.encode(TEXTS)
    if removal == "mask" and model.tokenizer.mask_token_id is None:
        with pytest.raises(UnsupportedModelError, match="no mask token"):
            model.leave_out_each(batch, removal)
        return
    with torch.no_grad():
        found = model.leave_out_each(batch, removal)
        untouched = model.trace(batch).logits[:, 0]
        for number, row in enumerate(batch.word_ids.tolist()):
            n = int(batch.token_mask[number].sum())
            for place, word in enumerate(row):
                first = word >= 0 and row.index(word) == place and max(row) > 0
                expected = untouched[number] if not first else literal(model, batch, number, n, word, removal)
                torch.testing.assert_close(found[number, place], expected, rtol=0, atol=2e-5)


def literal(model: Any, batch: Any, number: int, n: int, word: int, removal: str) -> torch.Tensor:
    """The logits of one text without one word, alone and by the library's own call."""
    ids, own = batch.token_ids[number, :n], batch.word_ids[number, :n] == word
    allowed = torch.ones(n, dtype=torch.long)
    if removal == "delete":
        ids, allowed = ids[~own], allowed[~own]
    elif removal == "mask":
        ids = torch.where(own, model.tokenizer.mask_token_id, ids)
    else:
        allowed[own] = 0
    return model.model(input_ids=ids[None], attention_mask=allowed[None]).logits[0]


def test_the_passes_of_leaving_out_may_be_as_small_as_one_text(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = model.encode(TEXTS)
    with torch.no_grad():
        whole = model.leave_out_each(batch, "delete")
        monkeypatch.setattr("attnaudit.models.left_out_words.logits_without.__kwdefaults__", {"at_once": 1})
        torch.testing.assert_close(model.leave_out_each(batch, "delete"), whole, rtol=0, atol=2e-5)


def test_a_words_importance_by_leaving_it_out_is_its_own(model: Any) -> None:
    batch = model.encode(TEXTS)
    scores = by_word(batch, LeaveOneOut()(model, batch))
    assert [score.shape[1] for score in scores] == [7, 12, 3, 1]
    assert all((score > 0).all() for score in scores[:3])
    assert scores[3].tolist() == [[0.0]]


def test_a_head_that_is_not_there_is_refused(model: Any) -> None:
    with pytest.raises(UnsupportedModelError, match="there is no head 4: the last site has 4"):
        LastLayer(head=4)(model, model.encode(TEXTS))
