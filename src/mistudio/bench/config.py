"""What the benchmarks measure. Importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mistudio.config import Config
from mistudio.sae.config import TrainableName

_FEWEST_STEPS = 20


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


LibraryName = Literal["mistudio", "saelens", "sparsify", "sparsify-adam", "dictionary_learning"]
ComparedArchitecture = Literal["topk", "batchtopk", "jumprelu"]


class QualityBenchConfig(Config):
    """SAEs of every library on the same tokens in the same order, each library at its own best learning rate."""

    libraries: tuple[LibraryName, ...] = ("mistudio", "saelens", "sparsify", "sparsify-adam", "dictionary_learning")
    """Who takes part, where it has the architecture: mistudio, saelens, sparsify with its default optimizer signum,
    sparsify-adam, dictionary_learning."""
    archs: tuple[ComparedArchitecture, ...] = ("topk",)
    """The architectures: topk, batchtopk, jumprelu; sparsify has topk only."""
    k: tuple[int, ...] = (16, 32, 64)
    """Active latents per token that are asked for."""
    d_sae: int = Field(default=2048, gt=0)
    """Number of latents."""
    tokens: int = Field(default=400_000, gt=0)
    """Training tokens in all; a recording is passed over again, in another order, where it holds fewer."""
    batch_size: int = Field(default=2048, gt=0)
    """Tokens a step."""
    seeds: int = Field(default=3, gt=0)
    """Seeds of weights and order of the data: 0, 1, …; intervals are over them."""
    grid: tuple[float, ...] = (3e-4, 1e-3, 3e-3, 1e-2)
    """Learning rates that every library is tried with, on seed 0 at the middle of `k`; its best one is used throughout.
    A single one is used without trying."""
    held_out_tokens: int = Field(default=65_536, gt=0)
    """Held-out tokens to measure on; of a recording at most what there is."""
    features: int = Field(default=2048, gt=127)
    """With synthetic data: true features, an eighth of them in trees."""
    d_in: int = Field(default=256, gt=0)
    """With synthetic data: width of the activations."""
    threads: int | None = Field(default=None, gt=0)
    """Threads of each contender; one per core where not given."""

    @property
    def steps(self) -> int:
        """Training steps: whole batches that fit into `tokens`."""
        return self.tokens // self.batch_size

    @property
    def middle_k(self) -> int:
        """The k that learning rates are tried at; the greater one of two middle ones."""
        return sorted(self.k)[len(self.k) // 2]

    @model_validator(mode="after")
    def _is_possible(self) -> QualityBenchConfig:
        for name in ("libraries", "archs", "k", "grid"):
            values: tuple[object, ...] = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{name} must name at least one value, and none twice")
        if min(self.k) < 1 or max(self.k) >= self.d_sae:
            raise ValueError("k must be from 1 to below d_sae")
        if min(self.grid) <= 0:
            raise ValueError("learning rates are above 0")
        if self.steps < _FEWEST_STEPS:
            raise ValueError(f"tokens must be at least {_FEWEST_STEPS} × batch_size: the schedules need steps")
        return self
