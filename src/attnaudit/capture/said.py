"""What does a module say of its own attention, in the attributes that modules of its kind have?

Shapes alone cannot tell heads from queries, nor a token from what stands beside the tokens.
"""

from __future__ import annotations

from torch import nn

_HEADS = (
    "num_attention_heads",
    "num_heads",
    "n_heads",
    "n_head",
    "num_attn_heads",
    "num_head",
    "nhead",
    "heads",
)


def heads(module: nn.Module, axes: int) -> int | None:
    """How many heads the module says it has; None where it does not say.

    Its configuration, where it has one, is believed of weights with four axes only: a module that pools what a
    transformer made may carry the configuration of the transformer.
    """
    owners = (module, getattr(module, "config", None)) if axes == 4 else (module,)
    said = (getattr(owner, name, None) for owner in owners for name in _HEADS)
    return next((number for number in said if isinstance(number, int)), None)


def beyond(module: nn.Module) -> int:
    """How many columns of the weights come after those of the tokens.

    A sink that is learned (`sinks` in gpt-oss and its kin), the bias and the zero that `nn.MultiheadAttention` adds
    to the keys on request.
    """
    if isinstance(module, nn.MultiheadAttention):
        return int(module.bias_k is not None) + int(module.add_zero_attn)
    return int(isinstance(getattr(module, "sinks", None), nn.Parameter))
