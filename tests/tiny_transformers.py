"""Tiny random transformers with a tokeniser that cuts words into pieces; nothing is read from disk or network."""

from __future__ import annotations

import random
from typing import Any

import torch

from attnaudit.instance import Instance

WORDS = tuple(f"{first}{second}" for first in "bdfgklmn" for second in "aeiou")


def texts(*lengths: int, seed: int = 0) -> list[Instance]:
    """Texts of so many words; a third of the words are two pieces."""
    draw = random.Random(seed)
    return [
        Instance(
            f"tiny/{number}",
            {
                "text": " ".join(_word(draw) for _ in range(length)),
                "hypothesis": " ".join(draw.choices(WORDS, k=3)),
            },
            number % 2,
        )
        for number, length in enumerate(lengths)
    ]


def _word(draw: random.Random) -> str:
    return draw.choice(WORDS) + (draw.choice(WORDS) if draw.random() < 1 / 3 else "")


def tokenizer(*, markers: bool = True) -> Any:
    """A fast tokeniser of word pieces; with [CLS], [SEP] and segments, or without."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: n for n, word in enumerate([*special, *WORDS, *(f"##{word}" for word in WORDS)])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if markers:
        ids = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
        )
    if not markers:
        return PreTrainedTokenizerFast(
            tokenizer_object=made, model_max_length=64, model_input_names=["input_ids", "attention_mask"]
        )
    names = {f"{name.lower()[1:-1]}_token": name for name in special}
    return PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=64, **names)


SIZES: dict[str, Any] = {"vocab_size": 5 + 2 * len(WORDS), "initializer_range": 0.3, "num_labels": 3}


def bert(*, seed: int = 0, initializer: float = 0.3) -> Any:
    """Two layers, four heads; reads its first row."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(seed)
    config = BertConfig(
        **SIZES | {"initializer_range": initializer},
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=64,
    )
    return BertForSequenceClassification(config)


def gpt2(*, seed: int = 0) -> Any:
    """Two layers, four heads; reads the row of the last token."""
    from transformers import GPT2Config, GPT2ForSequenceClassification

    torch.manual_seed(seed)
    ends = dict.fromkeys(("bos_token_id", "eos_token_id"), 3)
    return GPT2ForSequenceClassification(
        GPT2Config(**SIZES, n_embd=32, n_layer=2, n_head=4, n_positions=64, **ends)
    )


def roberta(*, seed: int = 0) -> Any:
    """As `bert`, but that positions are counted from behind the padding's number."""
    from transformers import RobertaConfig, RobertaForSequenceClassification

    torch.manual_seed(seed)
    config = RobertaConfig(
        **SIZES,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=40,
        max_position_embeddings=42,
        pad_token_id=1,
    )
    return RobertaForSequenceClassification(config)
