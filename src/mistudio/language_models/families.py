"""What a model's structure cannot tell, one row a family.

anatomy.py finds blocks, attention, MLP and output projection by structure, and that is all that most families need.
A row exists for each family whose hook points are proven in tests/contracts/test_hook_points.py; a model of any other
family is proven by proof.py when its hook points are first used. To add a family: docs/adding/model-family.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PreTrainedConfig


@dataclass(frozen=True)
class Family:
    """Where a family departs from "attention and MLP are modules whose outputs are added to the residual stream"."""

    attn_out: str | None = None
    """The block's child whose output is added, where that is not the attention module: a norm behind it."""
    mlp_out: str | None = None
    """The block's child whose output is added, where that is not the MLP module."""
    mlp_in: str | None = None
    """The block's child that reads the normalised residual stream, where there is no MLP module."""
    flat_mlp: bool = False
    """The MLP is computed on `C*T D` instead of `C T D`."""
    overwrites_mlp_out: bool = False
    """The block adds to the MLP's output in place, so that whoever keeps it must copy it."""


_PLAIN = Family()
_SANDWICH = Family(attn_out="post_attention_layernorm", mlp_out="post_feedforward_layernorm")

FAMILIES: dict[str, Family] = {
    "llama": _PLAIN,
    "mistral": _PLAIN,
    "qwen2": _PLAIN,
    "qwen3": _PLAIN,
    "gpt2": _PLAIN,
    "gpt_neox": _PLAIN,
    "phi": _PLAIN,
    "gemma2": _SANDWICH,
    "gemma3": _SANDWICH,
    "gemma3_text": _SANDWICH,
    "opt": Family(mlp_in="fc1", mlp_out="fc2", flat_mlp=True),
    "falcon": Family(overwrites_mlp_out=True),
}


def family_of(config: PreTrainedConfig) -> Family | None:
    """The row of a model's family; None for one that was never proven here."""
    return FAMILIES.get(config.get_text_config().model_type)


def adds_to_the_residual_stream(config: PreTrainedConfig) -> bool:
    """Whether `resid_pre + attn_out + mlp_out = resid_post`.

    OPT-350m normalises each sum: `resid_post = norm2(norm1(resid_pre + attn_out) + mlp_out)`.
    """
    return bool(getattr(config.get_text_config(), "do_layer_norm_before", True))
