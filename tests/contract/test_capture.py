"""The same questions to every family: is all attention seen and replaced, and the model left as it was?"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attnaudit.capture import Capture, Checked, check, ready
from attnaudit.capture.self_test import EXACT
from attnaudit.errors import UnsupportedModelError
from tests import plain
from tests.families import FAMILIES, TEXTS, Family, built, found, fused, off, page, said

SEEN = [family for family in FAMILIES.values() if not family.refused]
REFUSED = [family for family in FAMILIES.values() if family.refused]

each = pytest.mark.parametrize("family", SEEN, ids=lambda family: family.name)
both_ways = pytest.mark.parametrize("step_by_step", [True, False], ids=["step by step", "as it is"])


def seen(family: Family, step_by_step: bool) -> Checked:
    checked = found(family, step_by_step)
    assert isinstance(checked, Checked), checked
    return checked


@both_ways
@each
def test_seeing_changes_nothing(family: Family, step_by_step: bool) -> None:
    assert seen(family, step_by_step).exact == (family.exact and not fused(family, step_by_step))
    assert off(family, step_by_step) <= EXACT


@both_ways
@each
def test_every_site_is_seen(family: Family, step_by_step: bool) -> None:
    sites = seen(family, step_by_step).sites
    assert len(sites) == family.sites
    assert list(sites) == list(seen(family, True).sites)


@both_ways
@each
def test_rows_sum_to_one(family: Family, step_by_step: bool) -> None:
    for site in seen(family, step_by_step).sites.values():
        assert site.most_sum == pytest.approx(1, abs=1e-5) or (family.leaks and 0 < site.most_sum < 1)
        # Padding before a text has nothing to attend to: step by step its rows spread over all, fused they are 0.
        alone = family.kind == "decoder" and not step_by_step and site.least_sum == 0
        assert site.leaks == family.leaks or alone


@both_ways
@each
def test_a_gradient_reaches_what_is_put_in_place(family: Family, step_by_step: bool) -> None:
    sites = seen(family, step_by_step).sites.values()
    assert sum(site.gradient for site in sites) == family.sites - family.idle


@both_ways
@pytest.mark.parametrize("text", range(TEXTS))
@each
def test_an_edit_of_one_text_moves_that_text_alone(family: Family, step_by_step: bool, text: int) -> None:
    def backwards(_site: str, attention: Tensor) -> Tensor:
        own = torch.arange(TEXTS)[:, None, None, None] == text
        return torch.where(own, attention.flip(-1), attention.clone())

    model = built(family)
    with ready(model, step_by_step=step_by_step), torch.no_grad():
        with Capture(model, TEXTS, sites=family.pattern, edit=lambda _site, own: own.clone()):
            same = family.forward(model)
        with Capture(model, TEXTS, sites=family.pattern, edit=backwards):
            moved = family.forward(model)
    changed = [not torch.equal(*rows) for rows in zip(same, moved, strict=True)]
    assert changed == [number == text for number in range(TEXTS)]


@both_ways
@each
def test_the_model_is_as_it_was(family: Family, step_by_step: bool) -> None:
    model = built(family)
    model.get_submodule(next(name for name, _ in model.named_children())).eval()
    next(model.parameters()).requires_grad_(False)
    before = state(model)

    def fail(_site: str, _attention: Tensor) -> Tensor:
        raise ZeroDivisionError

    with ready(model, step_by_step=step_by_step):
        with Capture(model, TEXTS, sites=family.pattern):
            family.forward(model)
        with torch.no_grad():
            logits = family.forward(model)
        within = state(model)
        with pytest.raises(ZeroDivisionError), Capture(model, TEXTS, sites=family.pattern, edit=fail):
            family.forward(model)
        assert state(model) == within
    assert state(model) == before
    with pytest.raises(ZeroDivisionError), ready(model, step_by_step=step_by_step):
        raise ZeroDivisionError
    assert state(model) == before
    with ready(model, step_by_step=step_by_step), torch.no_grad():
        assert torch.equal(family.forward(model), logits)


@both_ways
@pytest.mark.parametrize(
    "family",
    # ProphetNet of transformers 5.23 generates nothing: "`position_ids` are incorrect".
    [f for f in SEEN if f.kind in ("decoder", "encoder-decoder") and not f.name.startswith("ProphetNet")],
    ids=lambda family: family.name,
)
def test_the_same_tokens_are_generated(family: Family, step_by_step: bool) -> None:
    from transformers import GenerationMixin

    model: Any = built(family)
    given = {name: value for name, value in family.inputs().items() if not name.startswith("decoder")}
    # Whisper's own `generate` is about seconds of speech.
    write = {
        "do_sample": False,
        "num_beams": 1,
        "use_cache": True,
        "max_new_tokens": 3,
        "min_new_tokens": 3,
        "max_length": None,
    }
    with ready(model, step_by_step=step_by_step), torch.no_grad():
        plainly = GenerationMixin.generate(model, **given, **write)
        with Capture(model, TEXTS, sites=family.pattern, edit=lambda _site, own: own.clone()) as captured:
            watched = GenerationMixin.generate(model, **given, **write)
    assert torch.equal(plainly, watched)
    assert len(captured.attention) >= family.sites - 2  # of the last step; an encoder's were seen once
    assert all(
        weights.shape[2] == 1 for name, weights in captured.attention.items() if "encoder." not in name
    )


# Of LED and ProphetNet some sites only are asked for; Falcon gives weights from another computation than it uses, and
# SqueezeBERT of transformers 5.23 gives scores.
GIVES_NO_WEIGHTS = ("LED", "ProphetNet", "Falcon", "SqueezeBERT")
GIVES_WEIGHTS = [f for f in SEEN if f.kind != "plain PyTorch" and not f.name.startswith(GIVES_NO_WEIGHTS)]


@pytest.mark.parametrize("family", GIVES_WEIGHTS, ids=lambda family: family.name)
def test_heads_and_queries_are_where_the_family_says(family: Family) -> None:
    model = built(family)
    with ready(model), torch.no_grad(), Capture(model, TEXTS, sites=family.pattern) as captured:
        said = model(**family.inputs(), output_attentions=True)
    if "encoder_attentions" in said:
        pairs = zip(said.decoder_attentions, said.cross_attentions, strict=True)
        own = [*said.encoder_attentions, *(weights for pair in pairs for weights in pair)]
    else:
        own = said.attentions
    for (name, weights), theirs in zip(captured.attention.items(), own, strict=True):
        assert torch.equal(weights, theirs), name


@pytest.mark.parametrize("name", ["`nn.MultiheadAttention`", "`nn.MultiheadAttention`, `add_bias_kv`"])
def test_heads_and_queries_are_where_torch_says(name: str) -> None:
    family = FAMILIES[name]
    model: Any = built(family)
    with ready(model), torch.no_grad(), Capture(model, TEXTS) as captured:
        family.forward(model)
    words = family.inputs()["input_ids"].shape[1]
    assert torch.equal(captured.attention["attention"], model.own_weights[..., :words])


def test_multi_head_attention_is_the_same_with_and_without_its_weights() -> None:
    asked, unasked = (FAMILIES[f"`nn.MultiheadAttention`{more}"] for more in ("", ", `need_weights=False`"))
    weights = []
    for family in (asked, unasked):
        model = built(family)
        with ready(model), torch.no_grad(), Capture(model, TEXTS) as captured:
            family.forward(model)
        weights.append(captured.attention["attention"])
    torch.testing.assert_close(*weights, rtol=0, atol=1e-6)


@pytest.mark.parametrize("family", REFUSED, ids=lambda family: family.name)
def test_what_cannot_be_told_apart_is_refused(family: Family) -> None:
    for step_by_step in (True, False):
        refused = found(family, step_by_step)
        assert isinstance(refused, str)
        assert family.refused in refused
        assert "`sites`" in refused


def test_the_page_says_what_is_found() -> None:
    """But for differences that are not 0, which are those of the machine on which the page was made."""

    def same_anywhere(text: str) -> str:
        return re.sub(r"\de-\d\d", "small", text)

    written = Path(__file__).parents[2] / "docs" / "families.md"
    assert same_anywhere(written.read_text(encoding="utf-8")) == same_anywhere(page())


# ------------------------------------------------------------------------------------------- settings of a model


def test_a_model_of_parts_gets_the_implementation_of_each_part_back() -> None:
    from transformers import CLIPConfig, CLIPModel

    part = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    vision = {**part, "image_size": 4, "patch_size": 4}
    model = CLIPModel(
        CLIPConfig(text_config={**part, "vocab_size": 9}, vision_config=vision, projection_dim=4)
    )
    model.set_attn_implementation({"": "eager", "text_config": "eager", "vision_config": "sdpa"})
    before = state(model)
    with ready(model):
        assert {part.config._attn_implementation for part in (model.text_model, model.vision_model)} == {
            "eager"
        }
    assert state(model) == before
    assert model.vision_model.config._attn_implementation == "sdpa"


@pytest.mark.filterwarnings(
    "ignore:`gradient_checkpointing_enable`:FutureWarning"
)  # its successor is very new
def test_gradient_checkpointing_is_no_hindrance() -> None:
    model: Any = FAMILIES["Llama"].model()
    model.gradient_checkpointing_enable()
    with ready(model):
        checked = check(model, lambda: FAMILIES["Llama"].forward(model))
    assert checked.exact
    assert all(site.gradient for site in checked.sites.values())
    assert model.model.gradient_checkpointing


def test_the_fast_path_of_torch_is_off_within_and_back_after() -> None:
    family = FAMILIES["`nn.TransformerEncoder`"]
    for setting in (True, False):
        torch.backends.mha.set_fastpath_enabled(setting)
        try:
            with ready(built(family)):
                assert not torch.backends.mha.get_fastpath_enabled()
            assert torch.backends.mha.get_fastpath_enabled() is setting
        finally:
            torch.backends.mha.set_fastpath_enabled(True)


class FusedAttention(nn.Module):
    """Calls torch's fused attention in a given way, with half as many heads of keys as of queries where `grouped`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__()
        self.settings = settings

    def forward(self, states: Tensor, padded: Tensor) -> Tensor:
        query = states.unflatten(-1, (4, 8)).transpose(1, 2)
        key = query[:, :2] if self.settings.get("enable_gqa") else query
        mask = self.settings.get("attn_mask")
        given = self.settings | ({} if mask is None else {"attn_mask": mask(padded)})
        return nn.functional.scaled_dot_product_attention(query, key, key, **given).transpose(1, 2).flatten(2)


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal": {"is_causal": True},
    "scaled": {"scale": 0.5},
    "grouped": {"enable_gqa": True, "is_causal": True},
    "allowed": {"attn_mask": lambda padded: ~padded[:, None, None]},
    "added": {"attn_mask": lambda padded: -9.0 * padded[:, None, None]},
    "nothing allowed": {
        "attn_mask": lambda padded: ~padded[:, None, :, None].expand(-1, -1, -1, padded.shape[1])
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_fused_attention_is_written_out_as_torch_defines_it(way: str) -> None:
    model = attending(FusedAttention(WAYS[way]))
    with ready(model):
        checked = check(model, lambda: FAMILIES["BERT"].forward(model))
    assert checked.difference <= 1e-5
    site = checked.sites["attention"]
    assert (site.heads, site.queries, site.tokens) == (4, 7, 7)
    assert site.least_sum == pytest.approx(0 if way == "nothing allowed" else 1, abs=1e-6)


@each
def test_nothing_padded_is_as_good(family: Family) -> None:
    """Without a mask families take other ways through the fused attention of torch."""
    model = built(family)
    given = {name: value for name, value in family.inputs().items() if name != "attention_mask"}

    if family.kind == "plain PyTorch":
        given["attention_mask"] = torch.ones_like(given["input_ids"])
    for step_by_step in (True, False):
        with ready(model, step_by_step=step_by_step):
            checked = check(model, lambda: said(model, given), sites=family.pattern)
        assert len(checked.sites) == family.sites


# ---------------------------------------------------------------------------------------------------- refusals


def refusal(model: nn.Module, sites: str | None = None) -> str:
    with ready(model), pytest.raises(UnsupportedModelError) as refused:
        check(model, lambda: FAMILIES["BERT"].forward(model), sites=sites)
    return str(refused.value)


class Between(nn.Module):
    """An attention whose distribution over [batch, query, token] is made by a given function of the scores."""

    def __init__(self, weigh: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.weigh = weigh
        self.project = nn.Linear(plain.WIDTH, 2 * plain.WIDTH)

    def forward(self, states: Tensor, padded: Tensor) -> Tensor:
        query, key = self.project(states).chunk(2, dim=-1)
        scores = (query @ key.mT).masked_fill(padded[:, None], -torch.inf)
        return self.weigh(scores) @ states


class OneAttention(Between):
    """Called attention."""


class AnotherAttention(Between):
    """Called attention, beside one that is seen."""

    def __init__(self, weigh: Callable[[Tensor], Tensor]) -> None:
        super().__init__(weigh)
        self.first = OneAttention(lambda scores: scores.softmax(-1))

    def forward(self, states: Tensor, padded: Tensor) -> Tensor:
        return super().forward(self.first(states, padded), padded)


class Twice(nn.Module):
    def __init__(self, weigh: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.second = OneAttention(lambda scores: scores.softmax(-1)), OneAttention(weigh)

    def forward(self, states: Tensor, padded: Tensor) -> Tensor:
        return self.second(self.first(states, padded), padded)


def by_hand(scores: Tensor) -> Tensor:
    powers = (scores - scores.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def attending(attention: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return plain.Attending(attention)


def test_a_model_without_attention_is_refused() -> None:
    assert "no attention was seen" in refusal(attending(Between(by_hand)))
    assert "in a module that is called attention" in refusal(attending(OneAttention(by_hand)))
    assert "whose name matches `nowhere`" in refusal(attending(OneAttention(by_hand)), "nowhere")


def test_attention_written_as_exp_and_sum_beside_some_that_is_seen_is_refused() -> None:
    assert "`attention.second`" in refusal(attending(Twice(by_hand)))


def test_a_softmax_outside_of_modules_called_attention_has_to_be_named() -> None:
    model = attending(Between(lambda scores: scores.softmax(-1)))
    assert "no attention was seen" in refusal(model)
    with ready(model):
        assert list(check(model, lambda: FAMILIES["BERT"].forward(model), sites="^attention$").sites) == [
            "attention"
        ]


@each
def test_sites_have_the_same_names_when_they_are_asked_for(family: Family) -> None:
    model = built(family)
    names = list(seen(family, True).sites)
    with (
        ready(model),
        torch.no_grad(),
        Capture(model, TEXTS, sites="|".join(f"^{re.escape(n)}$" for n in names)) as asked,
    ):
        family.forward(model)
    assert list(asked.attention) == names


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(UnsupportedModelError, match=r"`model.float\(\)`"), ready(nn.Linear(2, 2).to(dtype)):
        pass


@pytest.mark.filterwarnings(
    "ignore:`torch.jit:DeprecationWarning"
)  # what is refused is what torch deprecates
def test_torchscript_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="TorchScript"), ready(torch.jit.script(nn.Linear(2, 2))):
        pass


def test_dropout_of_training_is_off_within() -> None:
    model = FAMILIES["BERT"].model()
    assert model.training
    with ready(model):
        assert check(model, lambda: FAMILIES["BERT"].forward(model)).exact
    assert model.training


def test_a_model_that_draws_random_numbers_is_refused() -> None:
    dropped = OneAttention(lambda scores: nn.functional.dropout(scores.softmax(-1)))
    assert "random numbers" in refusal(attending(dropped))


def test_fused_attention_under_dropout_is_refused() -> None:
    model = built(FAMILIES["`nn.MultiheadAttention`, `need_weights=False`"])
    model.train()
    with pytest.raises(UnsupportedModelError, match="eval mode"), Capture(model, TEXTS):
        FAMILIES["BERT"].forward(model)


@pytest.mark.parametrize(
    "change", [lambda own: own[..., :-1], lambda own: own.flatten(1), lambda own: own[:1]]
)
def test_weights_of_another_shape_are_refused(change: Callable[[Tensor], Tensor]) -> None:
    family = FAMILIES["BERT"]
    model = built(family)
    with (
        ready(model),
        pytest.raises(UnsupportedModelError, match="must keep the shape"),
        Capture(model, TEXTS, edit=lambda _site, own: change(own)),
    ):
        family.forward(model)


LAYOUTS = {
    "query first": lambda s: (
        torch.cat([s, s[:, :2]], 1).transpose(0, 1).softmax(-1).transpose(0, 1)[:, : s.shape[1]]
    ),
    "heads first, texts fastest": lambda s: torch.cat([s, -s]).softmax(-1)[: len(s)],
    "heads of two axes": lambda s: s[:, None, None].softmax(-1)[:, 0, 0],
    "queries × texts": lambda s: s.flatten(0, 1).softmax(-1).view_as(s),
    "queries before heads": lambda s: torch.stack([s, -s], 2).softmax(-1)[:, :, 0],
}


@pytest.mark.parametrize(
    ("layout", "said"),
    {
        "query first": "moves the logits of another",
        "heads first, texts fastest": "moves the logits of another",
        "heads of two axes": "cannot be told into texts",
        "queries × texts": "cannot be told into texts",
        "queries before heads": "may lie the other way round",
    }.items(),
)
def test_a_layout_is_not_taken_for_another(layout: str, said: str) -> None:
    assert said in refusal(attending(OneAttention(LAYOUTS[layout])))


class LandmarkAttention(nn.Module):
    """Over the means of two halves of the text, and theirs over the tokens."""

    def forward(self, states: Tensor, padded: Tensor) -> Tensor:
        means = torch.stack([half.mean(1) for half in states.tensor_split(2, dim=1)], 1)
        to_means, from_tokens = (states @ means.mT).softmax(-1), (means @ states.mT).softmax(-1)
        return to_means @ (from_tokens @ states)


def test_what_is_attended_to_beside_tokens_has_to_be_told_from_them() -> None:
    model = attending(LandmarkAttention())
    assert "`attention` attends over 2 things and `attention#2`, of the same module, over 7" in refusal(model)
    with ready(model):
        assert (
            check(model, lambda: FAMILIES["BERT"].forward(model), sites="#2$").sites["attention#2"].tokens
            == 7
        )


def test_a_pool_beside_a_transformer_may_carry_its_configuration() -> None:
    model: Any = plain.Attending(plain.AdditiveAttention())
    model.attention.config = FAMILIES["BERT"].model().config
    with ready(model):
        assert check(model, lambda: FAMILIES["BERT"].forward(model)).sites["attention"].heads == 1


def test_what_a_module_says_of_its_heads_must_agree() -> None:
    attention = OneAttention(lambda scores: torch.stack([scores, -scores], 2).softmax(-1)[:, :, 0])
    attention.num_heads = 2
    assert "7 heads where the module says that it has 2" in refusal(attending(attention))


# ------------------------------------------------------------------------------------------------------ helpers


def state(model: nn.Module) -> dict[str, Any]:
    """All of a model that capturing might leave otherwise."""
    configured = {name: module.config for name, module in model.named_modules() if hasattr(module, "config")}
    return {
        "hooks": [
            (len(m._forward_pre_hooks), len(m._forward_hooks), len(m._forward_hooks_always_called))
            for m in model.modules()
        ],
        "training": [module.training for module in model.modules()],
        "gradient": [parameter.requires_grad for parameter in model.parameters()],
        "weights": [(parameter.data_ptr(), parameter._version) for parameter in model.parameters()],
        "implementation": {name: config._attn_implementation for name, config in configured.items()},
        "fast path": torch.backends.mha.get_fastpath_enabled(),
    }
