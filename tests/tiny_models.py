"""Tiny random-weight models of the real configuration classes, and a real byte-level BPE tokenizer.

    from tests.tiny_models import tiny_language_model, tiny_model, tiny_tokenizer

Everything is built in milliseconds, is the same on every call, and needs no network.
"""

from __future__ import annotations

import functools
import warnings
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    FalconConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    PhiConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen3Config,
)

from mistudio.language_models.config import ModelConfig
from mistudio.language_models.loading import LanguageModel

VOCAB = 320
"""Size of the tiny tokenizer's and the tiny models' vocabulary."""
BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
"""Ids 0, 1 and 2: a BOS of id 0 is the case that others get wrong."""

_TRAINING_TEXT = (
    "Four score and seven years ago our fathers brought forth on this continent a new nation, conceived in liberty, "
    "and dedicated to the proposition that all men are created equal. Now we are engaged in a great civil war, "
    "testing whether that nation, or any nation so conceived and so dedicated, can long endure."
)

_MODERN: dict[str, Any] = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
    "tie_word_embeddings": False,
}
_PLAIN = {name: value for name, value in _MODERN.items() if name not in ("num_key_value_heads",)}
_GPT2: dict[str, Any] = {
    "vocab_size": VOCAB,
    "n_embd": 32,
    "n_layer": 4,
    "n_head": 4,
    "n_positions": 128,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
_OPT: dict[str, Any] = {**_PLAIN, "ffn_dim": 48, "word_embed_proj_dim": 32, "tie_word_embeddings": True}
del _OPT["intermediate_size"]
_FALCON: dict[str, Any] = {**_PLAIN, "alibi": False, "bias": False, "tie_word_embeddings": True}
del _FALCON["intermediate_size"]
_GEMMA: dict[str, Any] = {**_MODERN, "head_dim": 12, "sliding_window": 8, "tie_word_embeddings": True}

_RECIPES: dict[str, tuple[type[PreTrainedConfig], dict[str, Any]]] = {
    "llama": (LlamaConfig, _MODERN),
    "mistral": (MistralConfig, {**_MODERN, "sliding_window": 8}),
    "qwen2": (Qwen2Config, {**_MODERN, "tie_word_embeddings": True}),
    "qwen3": (Qwen3Config, {**_MODERN, "head_dim": 12}),
    "gemma2": (Gemma2Config, {**_GEMMA, "query_pre_attn_scalar": 12}),
    "gemma3": (Gemma3TextConfig, {**_GEMMA, "query_pre_attn_scalar": 12}),
    "gpt2": (GPT2Config, _GPT2),
    "gpt_neox": (GPTNeoXConfig, {**_PLAIN, "use_parallel_residual": True}),
    "gpt_neox_sequential": (GPTNeoXConfig, {**_PLAIN, "use_parallel_residual": False}),
    "phi": (PhiConfig, _MODERN),
    "opt": (OPTConfig, _OPT),
    "opt_post_norm": (OPTConfig, {**_OPT, "do_layer_norm_before": False, "word_embed_proj_dim": 16}),
    "falcon": (FalconConfig, {**_FALCON, "multi_query": True, "parallel_attn": True}),
    "falcon_new": (FalconConfig, {**_FALCON, "new_decoder_architecture": True, "num_kv_heads": 2}),
    "falcon_alibi": (
        FalconConfig,
        {**_FALCON, "alibi": True, "bias": True, "multi_query": False, "parallel_attn": False},
    ),
}

FAMILIES: tuple[str, ...] = tuple(_RECIPES)
"""Every name that `tiny_model` knows: the supported families, and their variants that are built differently."""
ADDITIVE_FAMILIES: tuple[str, ...] = tuple(name for name in FAMILIES if name != "opt_post_norm")
"""Those whose blocks only ever add to the residual stream."""


def tiny_config(family: str = "llama", **overrides: Any) -> PreTrainedConfig:
    """The configuration: 4 layers, d_model 32, 4 heads, 128 positions, 320 tokens; `overrides` are its own options."""
    kind, options = _RECIPES[family]
    return kind(**{**options, **overrides})


def tiny_model(family: str = "llama", *, seed: int = 0, **overrides: Any) -> PreTrainedModel:
    """A float32 model in evaluation mode whose weights are random, norms and biases included."""
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        module = AutoModelForCausalLM.from_config(tiny_config(family, **overrides), dtype=torch.float32)
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(std=parameter.shape[-1] ** -0.5)
                else:
                    parameter.add_(0.2 * torch.randn_like(parameter))
    module.eval().requires_grad_(False)
    return module


@functools.cache
def _trained_tokenizer() -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_TRAINING_TEXT] * 4, trainer)
    return tokenizer.to_str()


def tiny_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `VOCAB` tokens; BOS has id 0, EOS 1, PAD 2; encodes any text."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(_trained_tokenizer()),
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def tiny_language_model(family: str = "llama", *, seed: int = 0, **overrides: Any) -> LanguageModel:
    """A `LanguageModel` as `load_model` gives it, on the CPU in float32."""
    return LanguageModel(
        module=tiny_model(family, seed=seed, **overrides),
        tokenizer=tiny_tokenizer(),
        config=ModelConfig(source=f"tiny/{family}", dtype="float32", device="cpu"),
        digest=f"tiny:{family}:{seed}:{sorted(overrides.items())}",
    )


def save_tiny_checkpoint(directory: Path, family: str = "llama", *, seed: int = 0, **overrides: Any) -> Path:
    """A checkpoint as the Hub serves it (config.json, model.safetensors, tokenizer files); returns `directory`."""
    tiny_model(family, seed=seed, **overrides).save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory


def tiny_ids(rows: int = 2, length: int = 16, *, seed: int = 0) -> torch.Tensor:
    """Random token ids, `rows` × `length`, each row beginning with BOS; no other special token."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(3, VOCAB, (rows, length), generator=generator)
    ids[:, 0] = 0
    return ids
