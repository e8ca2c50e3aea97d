"""What the benchmarks measure. Importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mistudio.config import Config
from mistudio.sae.config import TrainableName


class StepBenchConfig(Config):
    """One training step of an SAE, by every library that has the architecture, in turns."""

    arch: TrainableName = "topk"
    """The architecture."""
    d_in: int = Field(default=768, gt=0)
    """Width of the activations."""
    d_sae: int = Field(default=16_384, gt=0)
    """Number of latents."""
    k: int = Field(default=32, gt=0)
    """Latents kept per token."""
    batch_size: int = Field(default=2048, gt=0)
    """Tokens a step."""
    rounds: int = Field(default=15, gt=0)
    """Rounds: in each one every contender takes one step."""
    warmup_steps: int = Field(default=3, ge=0)
    """Steps that each contender takes before the first round, not counted."""
    batches: int = Field(default=4, gt=0)
    """Different batches of activations, which every contender gets in the same order, again and again."""
    threads: int | None = Field(default=None, gt=0)
    """Threads of each contender; one per core where not given."""
    seed: int = Field(default=0, ge=0)
    """Seed of the activations and of the weights."""


class SweepBenchConfig(Config):
    """Several SAEs trained together against the same ones trained one after the other, on a model that runs live."""

    hook: str = "resid_post.15"
    """Hook point to train on."""
    ks: tuple[int, ...] = (16, 32)
    """Active latents per token; each of them with each architecture."""
    architectures: tuple[TrainableName, ...] = ("topk", "batchtopk")
    """The architectures."""
    expansion: float = Field(default=8.0, gt=0)
    """Latents per dimension of the hook point."""
    tokens: int = Field(default=65_536, gt=0)
    """Training tokens of each SAE."""
    batch_size: int = Field(default=2048, gt=0)
    """Tokens a step."""
    buffer_tokens: int = Field(default=32_768, gt=0)
    """Tokens in the shuffle buffer."""
    rounds: int = Field(default=1, gt=0)
    """Rounds: in each one all are trained together, and one after the other."""


class RecordBenchConfig(Config):
    """Recording against the forward pass that it cannot do without."""

    hook: str = "resid_post.15"
    """Hook point to record."""
    rounds: int = Field(default=8, gt=0)
    """Rounds: in each one both contenders run the model over the same contexts."""
    contexts: int = Field(default=32, gt=0)
    """Contexts a round."""
    batch_contexts: int = Field(default=8, gt=0)
    """Contexts per forward pass."""
    dtype: Literal["float16", "float32"] = "float16"
    """Number format on disk."""
