"""What a model is, from its configuration alone: no weight is read.

The architecture is built on torch's meta device, which allocates nothing, and its parameters are counted there: tied
weights once, and unpacked, so that the number does not change when a model is quantised.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel
from transformers.pytorch_utils import Conv1D

from mistudio.errors import UnsupportedModel
from mistudio.language_models.anatomy import blocks_of
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.description import MemoryEstimate, ModelDescription
from mistudio.language_models.families import adds_to_the_residual_stream, family_of
from mistudio.language_models.loading import LanguageModel, load_architecture

_BITS = {"float32": 32.0, "bfloat16": 16.0, "float16": 16.0, "8bit": 8.0, "4bit": 4.127}


def describe(model: LanguageModel | ModelConfig | str) -> ModelDescription:
    """Describe a model that is loaded, or one that is not.

    Args:
        model: a loaded model, or what `load_model` takes; of the latter only the configuration is read.

    Raises:
        UnknownModel: there is no such model.
        UnsupportedModel: it is no causal language model, or its blocks could not be found.
    """
    if isinstance(model, LanguageModel):
        config, name, trusted = model.module.config, model.name, model.config.trust_remote_code
    else:
        options = ModelConfig(source=model) if isinstance(model, str) else model
        config, name = load_architecture(options)
        trusted = options.trust_remote_code
    skeleton = build_skeleton(config, name, trust_remote_code=trusted)
    text = config.get_text_config()
    matrices, parameters = _count(skeleton)
    n_heads = int(text.num_attention_heads)
    d_head = int(getattr(text, "head_dim", None) or text.hidden_size // n_heads)
    return ModelDescription(
        name=name,
        family=text.model_type,
        architecture=type(skeleton).__name__,
        n_layers=len(blocks_of(skeleton)[1]),
        d_model=int(text.hidden_size),
        n_heads=n_heads,
        n_kv_heads=_kv_heads(text),
        d_head=d_head,
        d_mlp=_d_mlp(text),
        vocab_size=int(text.vocab_size),
        context_length=getattr(text, "max_position_embeddings", None),
        parameters=parameters,
        tied_embeddings=_tied(skeleton),
        proven=family_of(config) is not None,
        additive=adds_to_the_residual_stream(config),
        memory=tuple(MemoryEstimate(form=form, bytes=_bytes(form, parameters, matrices)) for form in _BITS),
    )


def build_skeleton(config: PreTrainedConfig, name: str, *, trust_remote_code: bool = False) -> PreTrainedModel:
    """The model without weights, on the meta device.

    Raises:
        UnsupportedModel: transformers builds no causal language model from this configuration.
    """
    settings = config.to_dict()
    settings.pop("quantization_config", None)
    build: Callable[..., PreTrainedModel] = AutoModelForCausalLM.from_config
    try:
        with torch.device("meta"):
            skeleton = build(type(config).from_dict(settings), trust_remote_code=trust_remote_code)
    except ValueError as error:
        raise UnsupportedModel(f"{name} ({config.model_type}) is not a causal language model.") from error
    skeleton.tie_weights()
    return skeleton


def _count(skeleton: PreTrainedModel) -> tuple[int, int]:
    """Numbers in the matrices that quantisation packs (linear layers but the unembedding), and in all parameters."""
    head: nn.Module | None = skeleton.get_output_embeddings()  # type: ignore[no-untyped-call]
    matrices = sum(
        part.weight.numel() for part in skeleton.modules() if isinstance(part, (nn.Linear, Conv1D)) and part is not head
    )
    return matrices, sum(parameter.numel() for parameter in skeleton.parameters())


def _bytes(form: str, parameters: int, matrices: int) -> int:
    if form not in ("8bit", "4bit"):
        return round(parameters * _BITS[form] / 8)
    return round((matrices * _BITS[form] + (parameters - matrices) * 16) / 8)


def _tied(skeleton: PreTrainedModel) -> bool:
    head: nn.Module | None = skeleton.get_output_embeddings()  # type: ignore[no-untyped-call]
    return head is not None and head.weight is skeleton.get_input_embeddings().weight


def _kv_heads(text: PreTrainedConfig) -> int:
    heads = int(text.num_attention_heads)
    if text.model_type == "falcon":
        # Falcon names them differently in each of its three generations.
        if text.new_decoder_architecture:
            return int(text.num_kv_heads)
        return 1 if text.multi_query else heads
    return int(getattr(text, "num_key_value_heads", None) or heads)


def _d_mlp(text: PreTrainedConfig) -> int | None:
    for name in ("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner"):
        if isinstance(value := getattr(text, name, None), int):
            return value
    return 4 * int(text.hidden_size) if text.model_type == "gpt2" else None
