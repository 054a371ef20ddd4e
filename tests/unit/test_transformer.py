"""A transformer as a model that can be audited: words, company, replaced vectors and weights, what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from attnaudit.errors import DataError, ModelError, UnsupportedModelError
from attnaudit.instance import Instance
from attnaudit.models.pieces import pieces
from attnaudit.models.transformer import Transformer, opened
from attnaudit.models.words import by_word
from tests import tiny_transformers as tiny

TEXTS = tiny.texts(7, 12, 3, 1)


def instance(text: str, **fields: str) -> Instance:
    return Instance("a/1", {"text": text, **fields}, 0)


def cut(text: str, **how: Any) -> Any:
    return pieces(tiny.tokenizer(), instance(text), **{"attended": "text", "longest": 64, **how})


# --- pieces and words ------------------------------------------------------------------------------------


def test_words_are_those_of_the_text() -> None:
    found = cut("  bado, ka mulé 日本  👍")
    assert found.texts == ["bado", ",", "ka", "mulé", "日本", "👍"]
    assert found.words == [-1, 0, 0, 1, 2, 3, 4, 5, -1]
    assert [found.spans[0], found.spans[-1]] == [(2, 6), (20, 21)]


def test_a_query_is_read_and_not_audited() -> None:
    found = pieces(
        tiny.tokenizer(),
        instance("ka bado", hypothesis="mu"),
        attended="text",
        query="hypothesis",
        longest=64,
    )
    assert found.words == [-1, 0, 1, 1, -1, -1, -1]
    assert found.segments == [0, 0, 0, 0, 0, 1, 1]


def test_a_text_that_is_too_long_is_refused_unless_it_may_be_cut() -> None:
    with pytest.raises(DataError, match=r"has 9 pieces, and the model reads 6"):
        cut("ka mu ka mu ka mu ka", longest=6)
    found = cut("ka mu ka mu ka mu ka", longest=6, too_long="truncate")
    assert (len(found.ids), found.cut, len(found.texts)) == (6, 3, 4)


@pytest.mark.parametrize("text", ["", "   ", "\t\n"])
def test_a_text_without_a_word_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="has no word"):
        cut(text)


def test_a_field_that_is_missing_is_named() -> None:
    with pytest.raises(DataError, match="must have a field `passage`"):
        cut("ka", attended="passage")


def test_a_slow_tokeniser_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(UnsupportedModelError, match="Slow does not say where"):
        pieces(Slow(), instance("ka"), attended="text", longest=9)


def test_a_words_number_is_the_sum_of_its_pieces() -> None:
    with opened(tiny.bert(), tiny.tokenizer(), TEXTS) as model:
        batch = model.encode([instance("ka bado mu"), instance("mu")])
        values = torch.arange(2 * 6.0).reshape(2, 1, 6)
        assert [row.tolist() for row in by_word(batch, values)] == [[[1.0, 5.0, 4.0]], [[7.0]]]


# --- the four members ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "row"), [(tiny.bert, "first"), (tiny.gpt2, "last"), (tiny.roberta, "first")]
)
def test_company_and_padding_change_nothing(make: Any, row: str) -> None:
    with opened(make(), tiny.tokenizer(markers=make is not tiny.gpt2), TEXTS) as model:
        assert model.row == row
        batch = model.encode(TEXTS)
        together = model.trace(batch)
        for number, text in enumerate(TEXTS):
            alone = model.trace(model.encode([text]))
            torch.testing.assert_close(alone.logits[0], together.logits[number], rtol=0, atol=1e-5)
            n = int(batch.token_mask[number].sum())
            for site, attention in alone.attention.items():
                both = together.attention[site][number, :, :n, :n]
                torch.testing.assert_close(attention[0], both, rtol=0, atol=1e-5)


@pytest.mark.parametrize("make", [tiny.bert, tiny.gpt2])
def test_the_models_own_vectors_and_weights_give_its_own_logits_bit_for_bit(make: Any) -> None:
    with opened(make(), tiny.tokenizer(markers=make is tiny.bert), TEXTS) as model:
        batch = model.encode(TEXTS)
        own = model.trace(batch)
        untouched = model.model(input_ids=batch.token_ids, attention_mask=batch.token_mask.long()).logits
        assert torch.equal(own.logits[:, 0], untouched)
        assert torch.equal(model.trace(batch, embedding=model.embed(batch)).logits, own.logits)
        same = model.trace(batch, intervention=lambda site, attention: own.attention[site])
        assert torch.equal(same.logits, own.logits)


def test_other_vectors_reach_the_logits_with_their_gradient() -> None:
    with opened(tiny.gpt2(), tiny.tokenizer(markers=False), TEXTS) as model:
        batch = model.encode(TEXTS)
        vectors = (1.1 * model.embed(batch)).detach().requires_grad_()
        logits = model.trace(batch, embedding=vectors).logits
        assert not torch.equal(logits, model.trace(batch).logits)
        (gradient,) = torch.autograd.grad(logits.square().sum(), [vectors])
        moved = gradient.abs().sum(dim=-1) > 0
        assert torch.equal(moved, batch.token_mask)


def test_pairs_keep_their_segments() -> None:
    with opened(tiny.bert(), tiny.tokenizer(), TEXTS, query="hypothesis") as model:
        batch = model.encode(TEXTS)
        assert batch.segment_ids is not None
        untouched = model.model(
            **model.tokenizer(
                [one.fields["text"] for one in TEXTS],
                [one.fields["hypothesis"] for one in TEXTS],
                padding=True,
                return_tensors="pt",
            )
        ).logits
        assert torch.equal(model.trace(batch).logits[:, 0], untouched)


# --- what it is given back as, and what is refused -------------------------------------------------------


def test_the_model_is_given_back_as_it_was_also_after_an_error() -> None:
    model = tiny.gpt2().train()
    model.config._attn_implementation = "sdpa"
    before = {name: value.clone() for name, value in model.state_dict().items()}
    inside = []

    def stop(opened_model: Transformer) -> None:
        inside.extend([model.training, model.config._attn_implementation, model.config.pad_token_id])
        assert opened_model.checked is not None
        raise RuntimeError("stop")

    with (
        pytest.raises(RuntimeError, match="stop"),
        opened(model, tiny.tokenizer(markers=False), TEXTS) as one,
    ):
        stop(one)
    assert inside == [False, "eager", 3]
    assert all(part.training for part in model.modules())
    assert all(value.requires_grad for value in model.parameters())
    assert (model.config._attn_implementation, model.config.pad_token_id) == ("sdpa", None)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def test_what_a_position_is_left_for_is_known() -> None:
    with opened(tiny.roberta(), tiny.tokenizer(), TEXTS[2:]) as model:
        assert model.longest == 40  # of 42 positions two are never used
        longest = instance(" ".join(["ka"] * 38))
        assert len(model.pieces(longest).ids) == 40
        model.trace(model.encode([longest]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_labels": 1}, "it has 1 output "),
        ({"problem_type": "multi_label_classification"}, "for multi_label"),
    ],
)
def test_other_questions_than_one_class_a_text_are_refused(changes: dict[str, Any], message: str) -> None:
    model = tiny.bert()
    for name, value in changes.items():
        setattr(model.config, name, value)
    with pytest.raises(UnsupportedModelError, match=message):
        Transformer(model, tiny.tokenizer())


def test_half_precision_one_text_and_other_things_are_refused() -> None:
    tokenizer = tiny.tokenizer()
    with (
        pytest.raises(UnsupportedModelError, match="bfloat16"),
        opened(tiny.bert().bfloat16(), tokenizer, TEXTS),
    ):
        pass
    with pytest.raises(ModelError, match="two texts"), opened(tiny.bert(), tokenizer, TEXTS[:1]):
        pass
    with (
        pytest.raises(UnsupportedModelError, match="no model of"),
        opened(torch.nn.Linear(2, 2), tokenizer, TEXTS),
    ):
        pass


def test_a_last_site_that_attends_over_something_else_is_refused() -> None:
    from transformers import FunnelConfig, FunnelForSequenceClassification

    torch.manual_seed(0)
    config = FunnelConfig(
        **tiny.SIZES, block_sizes=[1, 1, 1], d_model=32, n_head=4, d_head=8, d_inner=40, num_decoder_layers=1
    )
    model = FunnelForSequenceClassification(config)
    with (
        pytest.raises(UnsupportedModelError, match=r"attends over \d+ things where the texts have"),
        opened(model, tiny.tokenizer(), tiny.texts(12, 9)),
    ):
        pass
