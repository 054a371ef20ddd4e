"""The models that capturing is held against: families of `transformers` and plain PyTorch, tiny and random.

Weights are drawn wide (a standard deviation of .3), so that replacing attention moves what comes out. Of three texts
the second is padded. `make docs` writes `docs/families.md` from it, and the contract suite holds that true.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from attnaudit.capture import Checked, check, ready
from attnaudit.errors import UnsupportedModelError
from tests import plain

Settings = Mapping[str, Any]
Kind = Literal["encoder", "decoder", "encoder-decoder", "vision", "plain PyTorch"]

TEXTS, LENGTH, SHORT = 3, 7, 5
"""Texts of a batch, tokens of the longest, tokens of the padded one."""


@dataclass(frozen=True, slots=True)
class Family:
    """One family: how to build a tiny model of it, what it reads, and what capturing must find in it.

    `exact` is whether step by step the model computes bit for bit what it computes untouched; where not, `note` says
    why. `leaks` is whether rows may sum to less than 1, `idle` how many sites cannot move what comes out, `pattern`
    which sites are asked for. Where `refused` is not empty, capturing must refuse, in these words among others.
    """

    name: str
    kind: Kind
    build: Callable[[], nn.Module]
    inputs: Callable[[], Mapping[str, Tensor]]
    sites: int
    exact: bool = True
    leaks: bool = False
    idle: int = 0
    pattern: str | None = None
    refused: str = ""
    note: str = ""

    def model(self) -> nn.Module:
        """A model with the same weights at each call, in train mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.build().train()

    def forward(self, model: nn.Module) -> Tensor:
        """What the model says of the texts, the first axis the texts."""
        return said(model, self.inputs())


def said(model: nn.Module, given: Mapping[str, Tensor]) -> Tensor:
    """What a model says of what it is given, without what it says besides."""
    output = model(**given)
    return output if isinstance(output, Tensor) else output[0]


def _ids(length: int = LENGTH, left: bool = False) -> dict[str, Tensor]:
    """Three texts of words 3 to 98; the second is shorter and padded."""
    ids = torch.randint(3, 99, (TEXTS, length), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, slice(0, length - SHORT) if left else slice(SHORT, length)] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 1), "attention_mask": mask}


def _left() -> dict[str, Tensor]:
    return _ids(left=True)


def _long() -> dict[str, Tensor]:
    return _ids(12)


def _landmarks() -> dict[str, Tensor]:
    return {"input_ids": _ids(8)["input_ids"]}  # with a mask the family fails in transformers 5.23


def _two_sided() -> dict[str, Tensor]:
    return {**_ids(), "decoder_input_ids": _ids()["input_ids"][:, :4]}


def _speech() -> dict[str, Tensor]:
    sound = torch.randn(TEXTS, 8, 20, generator=torch.Generator().manual_seed(0))
    return {"input_features": sound, "decoder_input_ids": _ids()["input_ids"][:, :4]}


def _images() -> dict[str, Tensor]:
    return {"pixel_values": torch.randn(TEXTS, 3, 8, 8, generator=torch.Generator().manual_seed(0))}


def _widened(model: nn.Module) -> nn.Module:
    """Weights as wide in every family, also in those whose configuration has no say in it."""
    for parameter in model.parameters():
        if parameter.ndim >= 2:
            nn.init.normal_(parameter, std=0.3)
    return model


OWN = {"inputs", "sites", "exact", "leaks", "idle", "refused", "note", "pattern"}  # the rest is configuration


def _family(name: str, kind: Kind, model: str, config: str, **more: Any) -> Family:
    """`more` is the model's configuration, and what the entry says besides (`OWN`)."""
    own = {key: more.pop(key) for key in OWN if key in more}

    def build() -> nn.Module:
        import transformers  # here, as it takes seconds

        words = {"vocab_size": 99, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
        return _widened(getattr(transformers, model)(getattr(transformers, config)(**words, **more)))

    return Family(name, kind, build, **own)


def _encoder(name: str, stem: str, like: Settings | None = None, model: str = "", **more: Any) -> Family:
    settings = {"inputs": _ids, "sites": 2, "num_labels": 3, **(like or WIDTH), **more}
    return _family(name, "encoder", model or f"{stem}ForSequenceClassification", f"{stem}Config", **settings)


def _decoder(name: str, stem: str, like: Settings | None = None, model: str = "", **more: Any) -> Family:
    settings = {"inputs": _left, "sites": 2, **(like or WIDTH), **more}
    return _family(name, "decoder", model or f"{stem}ForCausalLM", f"{stem}Config", **settings)


def _pair(name: str, stem: str, like: Settings, model: str = "", **more: Any) -> Family:
    settings = {"inputs": _two_sided, "sites": 6, "decoder_start_token_id": 2, **like, **more}
    model = model or f"{stem}ForConditionalGeneration"
    return _family(name, "encoder-decoder", model, f"{stem}Config", **settings)


WIDTH = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "max_position_embeddings": 40,
}
GROUPED = {**WIDTH, "num_key_value_heads": 2, "head_dim": 8}
SLIDING = {**GROUPED, "sliding_window": 4}
DISENTANGLED = {**WIDTH, "relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
DISTIL = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 40}
MODERN = {
    **WIDTH,
    "cls_token_id": 0,
    "sep_token_id": 2,
    "global_attn_every_n_layers": 2,
    "local_attention": 4,
}
XLM = {"emb_dim": 32, "n_layers": 2, "n_heads": 4, "pad_index": 1}
XLNET = {"d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 40}
FUNNEL = {"d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 40, "block_sizes": [1, 1, 1]}
CONVOLVED = {**WIDTH, "embedding_size": 32, "head_ratio": 2, "conv_kernel_size": 3}
SPARSE = {**WIDTH, "attention_type": "block_sparse", "block_size": 1, "num_random_blocks": 1}
GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 40}
NEO = {
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 4,
    "attention_types": [[["global", "local"], 1]],
    "window_size": 4,
}
EXPERTS = {**GROUPED, "num_local_experts": 2, "num_experts_per_tok": 1}
LATENT = {
    **WIDTH,
    **{"q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 8},
    **{
        "n_routed_experts": 2,
        "num_experts_per_tok": 1,
        "n_group": 1,
        "topk_group": 1,
        "moe_intermediate_size": 16,
    },
    "num_key_value_heads": 4,
}
LANDMARKS = {**WIDTH, "num_landmarks": 4, "segment_means_seq_len": 8}
SHIFTED = {
    "image_size": 8,
    "patch_size": 1,
    "embed_dim": 16,
    "depths": [1],
    "num_heads": [2],
    "window_size": 4,
}
T5 = {"d_model": 32, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4}
_STACKS = {
    f"{side}_{key}": value
    for side in ("encoder", "decoder")
    for key, value in {"layers": 2, "attention_heads": 4, "ffn_dim": 40}.items()
}
BART = {"d_model": 32, "max_position_embeddings": 40, **_STACKS}
PROPHET = {
    "hidden_size": 32,
    "max_position_embeddings": 40,
    **{key if key.endswith("dim") else f"num_{key}": value for key, value in _STACKS.items()},
}
SPEECH = {**BART, "num_mel_bins": 8, "max_source_positions": 10, "max_target_positions": 20}
VISION = {**WIDTH, "image_size": 8, "patch_size": 4}

_POOLED = "from the second block on queries are pooled, fewer than tokens, and from the third tokens too"
_KERNELS = "kernels of dynamic convolution are a softmax too"
_WINDOWS = "weights lie in windows: their last axis is a distance"
_MEANS = "attends over means of tokens as well"
_STREAMS = "the predicting stream has an axis of its own"
_LAST = "of the last main stream nothing but the next one is made, so that no gradient reaches it"
_KEPT = "`ready` cannot switch it; fused, rows of padding before a text are 0"

HUGGING_FACE = (
    _encoder("BERT", "Bert"),
    _encoder("RoBERTa", "Roberta"),
    _encoder("XLM-R", "XLMRoberta"),
    _encoder("DistilBERT", "DistilBert", DISTIL),
    _encoder("ALBERT", "Albert", embedding_size=16, note="the layers are one module, called twice"),
    _encoder("ELECTRA", "Electra", embedding_size=16),
    _encoder("DeBERTa", "Deberta", DISENTANGLED),
    _encoder("DeBERTa-v2", "DebertaV2", DISENTANGLED),
    _encoder("ModernBERT", "ModernBert", MODERN),
    _encoder("MPNet", "MPNet"),
    _encoder("RoFormer", "RoFormer"),
    _encoder("SqueezeBERT", "SqueezeBert", embedding_size=32),
    _encoder("XLM", "XLM", XLM),
    _encoder("XLNet", "XLNet", XLNET),
    _encoder("Funnel", "Funnel", FUNNEL, sites=3, note=_POOLED),
    _encoder(
        "ConvBERT",
        "ConvBert",
        CONVOLVED,
        refused="14 heads where the module says that it has 2",
        note=_KERNELS,
    ),
    _encoder("ConvBERT, sites named", "ConvBert", CONVOLVED, pattern=r"self#2$"),
    _encoder(
        "Longformer",
        "Longformer",
        attention_window=4,
        refused="8 heads where the module says that it has 4",
        note=_WINDOWS,
    ),
    _encoder("BigBird", "BigBird", attention_type="original_full"),
    _encoder(
        "BigBird, block-sparse",
        "BigBird",
        SPARSE,
        inputs=_long,
        refused="cannot be told into texts",
        note='weights lie in blocks; the other way, `attention_type="original_full"`, is seen',
    ),
    _encoder("FNet", "FNet", refused="no attention was seen", note="computes none"),
    _encoder(
        "Nyströmformer",
        "Nystromformer",
        LANDMARKS,
        inputs=_landmarks,
        refused="of the same module",
        note=_MEANS,
    ),
    _encoder("CLIP (text)", "CLIPText", model="CLIPTextModelWithProjection", projection_dim=16),
    _decoder("GPT-2", "GPT2", GPT, "GPT2LMHeadModel"),
    _decoder("GPT-Neo", "GPTNeo", NEO),
    _decoder("GPT-NeoX", "GPTNeoX"),
    _decoder("GPT-J", "GPTJ", GPT, rotary_dim=4),
    _decoder("CodeGen", "CodeGen", GPT, rotary_dim=4),
    _decoder("GPT-BigCode", "GPTBigCode", GPT),
    _decoder("MPT", "Mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 40}),
    _decoder("OPT", "OPT", ffn_dim=40, word_embed_proj_dim=32),
    _decoder("Bloom", "Bloom", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    _decoder("Falcon", "Falcon", exact=False, leaks=True, note=_KEPT),
    _decoder("Falcon, loaded in `eager`", "Falcon", attn_implementation="eager"),
    _decoder("Llama", "Llama", GROUPED),
    _decoder("Mistral", "Mistral", SLIDING),
    _decoder("Mixtral", "Mixtral", EXPERTS),
    _decoder("Qwen2", "Qwen2", GROUPED),
    _decoder("Qwen3", "Qwen3", GROUPED),
    _decoder("Gemma", "Gemma", GROUPED),
    _decoder("Gemma 2", "Gemma2", SLIDING),
    _decoder("Gemma 3 (text)", "Gemma3Text", SLIDING, "Gemma3ForCausalLM"),
    _decoder("gpt-oss", "GptOss", EXPERTS, leaks=True, note="a learned sink takes a part of each row"),
    _decoder("Phi", "Phi"),
    _decoder("Phi-3", "Phi3", {**WIDTH, "num_key_value_heads": 2}),
    _decoder("Cohere", "Cohere", GROUPED),
    _decoder("OLMo 2", "Olmo2", GROUPED),
    _decoder("DeepSeek-V3", "DeepseekV3", LATENT),
    _pair("T5", "T5", T5),
    _pair("mT5", "MT5", T5),
    _pair("umT5", "UMT5", T5),
    _pair(
        "LongT5",
        "LongT5",
        T5,
        encoder_attention_type="local",
        local_radius=3,
        refused="cannot be told into texts",
        note="weights lie in blocks",
    ),
    _pair("BART", "Bart", BART),
    _pair("mBART", "MBart", BART),
    _pair("Marian", "Marian", BART, "MarianMTModel"),
    _pair("Pegasus", "Pegasus", BART),
    _pair("M2M100, NLLB", "M2M100", BART),
    _pair("Blenderbot", "Blenderbot", BART),
    _pair("FSMT", "FSMT", BART, langs=["a", "b"], src_vocab_size=99, tgt_vocab_size=99),
    _pair(
        "LED",
        "LED",
        BART,
        attention_window=4,
        refused="8 heads where the module says that it has 4",
        note=_WINDOWS,
    ),
    _pair("LED, sites named", "LED", BART, attention_window=4, pattern="decoder", sites=4),
    _pair("ProphetNet", "ProphetNet", PROPHET, refused="cannot be told into texts", note=_STREAMS),
    _pair("ProphetNet, sites named", "ProphetNet", PROPHET, pattern="attn$", sites=6, idle=1, note=_LAST),
    _pair("Whisper", "Whisper", SPEECH, inputs=_speech),
    _family("ViT", "vision", "ViTForImageClassification", "ViTConfig", inputs=_images, sites=2, **VISION),
    _family(
        "DINOv2", "vision", "Dinov2ForImageClassification", "Dinov2Config", inputs=_images, sites=2, **VISION
    ),
    _family(
        "Swin",
        "vision",
        "SwinForImageClassification",
        "SwinConfig",
        inputs=_images,
        sites=2,
        refused="cannot be told into texts",
        note="weights lie in windows",
        **SHIFTED,
    ),
)


def _plain(name: str, build: Callable[[], nn.Module], sites: int = 1, **more: Any) -> Family:
    return Family(name, "plain PyTorch", lambda: _widened(build()), _ids, sites, **more)


_FUSED = "torch computes it fused, and in other steps"
_BIAS = "the bias takes a part of each row"
_ROOT = {"pattern": r"\(root\)"}

PLAIN = (
    _plain("`nn.MultiheadAttention`", lambda: plain.MultiHead(True)),
    _plain(
        "`nn.MultiheadAttention`, `need_weights=False`",
        lambda: plain.MultiHead(False),
        exact=False,
        note=_FUSED,
    ),
    _plain(
        "`nn.MultiheadAttention`, `add_bias_kv`",
        lambda: plain.MultiHead(True, add_bias_kv=True),
        leaks=True,
        note=_BIAS,
    ),
    _plain("`nn.TransformerEncoder`", plain.Encoder, 2, exact=False, note=_FUSED),
    _plain("`nn.Transformer`", plain.Both, 6, exact=False, note=_FUSED),
    _plain("LSTM, softmax of [batch, token] in the root", lambda: plain.PooledInTheRoot(False), **_ROOT),
    _plain("LSTM, softmax of [batch, token, 1] in the root", lambda: plain.PooledInTheRoot(True), **_ROOT),
    _plain("einsum in a class called …Attention", lambda: plain.Attending(plain.EinsumAttention())),
    _plain("BiLSTM, additive attention", lambda: plain.Attending(plain.AdditiveAttention(), recurrent=True)),
)

FAMILIES = {family.name: family for family in (*HUGGING_FACE, *PLAIN)}


@cache
def built(family: Family) -> nn.Module:
    """The family's model, made once; who uses it gives it back as it was."""
    return family.model()


@cache
def found(family: Family, step_by_step: bool = True) -> Checked | str:
    """What the test of capturing finds in the family, or the words in which it refuses it."""
    model = built(family)
    with ready(model, step_by_step=step_by_step):
        try:
            return check(model, lambda: family.forward(model), sites=family.pattern)
        except UnsupportedModelError as refused:
            return str(refused)


@cache
def fused(family: Family, step_by_step: bool) -> bool:
    """Whether torch computes the family's attention fused, when made ready in that way."""
    model: Any = built(family)
    if family.kind == "plain PyTorch":
        return not family.exact
    with ready(model, step_by_step=step_by_step):
        return model.config._attn_implementation == "sdpa"


@cache
def off(family: Family, step_by_step: bool) -> float:
    """The largest difference of a logit when its attention is captured, as a share of the largest logit."""
    model, checked = built(family), found(family, step_by_step)
    assert isinstance(checked, Checked), checked
    with ready(model, step_by_step=step_by_step), torch.no_grad():
        return checked.difference / max(1.0, family.forward(model).abs().max().item())


def page() -> str:
    """`docs/families.md`: what capturing finds in each family."""
    lines = [
        "# Families whose attention is captured",
        "",
        "Made by `make docs`; the contract suite keeps it true. Each row is a tiny model with random weights, two",
        "layers deep, that reads three texts of which one is padded. It says that the attention of a family can be",
        "seen and replaced, not what it is worth.",
        "",
        "- **seen**: distributions of one forward pass, each [batch, head, query, token] under its module's name.",
        "- **replaced**: those among them whose replacement moves what comes out; a gradient reaches them.",
        "- **step by step**: how far the captured pass is from the untouched one, as a share of the largest logit,",
        "  in the model's own code (`eager`), to which `ready` switches; 0 is bit for bit.",
        "- **fused**: the same where torch computes attention fused (`sdpa`), which capturing writes out.",
        "",
        "| family | kind | seen | replaced | step by step | fused | note |",
        "|---|---|---|---|---|---|---|",
    ]
    refusals = []
    for family in FAMILIES.values():
        checked = found(family)
        if isinstance(checked, str):
            lines.append(f"| {family.name} | {family.kind} | refused | | | | {family.note} |")
            refusals += ["", f"**{family.name}.** {checked}"]
            continue
        ways = {fused(family, way): off(family, way) for way in (False, True)}
        shown = ["" if way not in ways else f"{ways[way]:.0e}" if ways[way] else "0" for way in (False, True)]
        replaced = sum(site.gradient for site in checked.sites.values())
        note = "; ".join(
            part for part in (family.pattern and f"`sites={family.pattern!r}`", family.note) if part
        )
        note = note.replace("|", "\\|")
        lines.append(
            f"| {family.name} | {family.kind} | {len(checked.sites)} | {replaced} | {' | '.join(shown)} | {note} |"
        )
    return "\n".join([*lines, "", "## What is refused, and how", *refusals]) + "\n"


if __name__ == "__main__":
    print(page(), end="")
