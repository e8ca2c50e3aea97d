"""What is said of a model; `describe.py` says it. Imports no torch, so that a client of the engine can hold one."""

from __future__ import annotations

from pydantic import computed_field

from mistudio.config import Config
from mistudio.language_models.hook_points import HookSite


class MemoryEstimate(Config):
    """What the weights take in one number format."""

    form: str
    """`float32`, `bfloat16`, `float16`, `8bit` or `4bit` (bitsandbytes NF4, double quantisation)."""
    bytes: int
    """Weights only; the KV cache and activations come on top."""


class ModelDescription(Config):
    """A language model in numbers."""

    name: str
    """What people call it."""
    family: str
    """transformers' model type."""
    architecture: str
    """transformers' class."""
    n_layers: int
    """Blocks."""
    d_model: int
    """Width of the residual stream."""
    n_heads: int
    """Attention heads a layer."""
    n_kv_heads: int
    """Heads a layer that have keys and values of their own."""
    d_head: int
    """Width of a head."""
    d_mlp: int | None
    """Width inside the MLP; None where the configuration does not say."""
    vocab_size: int
    """Logits."""
    context_length: int | None
    """Tokens that the model was made for; None where the configuration does not say."""
    parameters: int
    """Numbers in all weights, tied ones counted once."""
    tied_embeddings: bool
    """The unembedding is the token embedding."""
    proven: bool
    """The family's hook points are proven in this project's tests; others are proven when they are first used."""
    additive: bool
    """`resid_pre + attn_out + mlp_out = resid_post` in every block."""
    memory: tuple[MemoryEstimate, ...]
    """Weights in memory, by number format."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def hook_points(self) -> tuple[str, ...]:
        """The sites; write `SITE.LAYER` with a layer from 0 to `n_layers` − 1."""
        return tuple(site.value for site in HookSite)


class HubModel(Config):
    """A model of the Hub of which only the configuration was fetched."""

    directory: str
    """Where its config.json lies."""
    commit: str
    download_bytes: int | None
    """Size of what would be fetched to run it; None where the Hub does not say."""
