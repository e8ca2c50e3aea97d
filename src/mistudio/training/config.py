"""How an SAE is trained. Defaults are the recipe of docs/road/training.md."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mistudio.config import Config
from mistudio.sae.config import TopKConfig, TrainableConfig


class ValidationConfig(Config):
    """What is measured on tokens that never train, and what follows from it."""

    validate_every: int | None = Field(default=None, gt=0)
    """Steps between two measurements of FVU and L0 on tokens that never train, after the warm-up; none where it is not
    given."""
    validation_tokens: int = Field(default=8192, gt=0)
    """Tokens held back for it: the first of the data, at most a twentieth of it."""
    keep_best: bool = False
    """Keep the state with the lowest FVU among those whose L0 is within 5 % of k, for `mistudio finalize --best`."""
    finish_with: Literal["last", "best"] = "last"
    """Make the SAE from the last state, or from the best one."""
    patience: int | None = Field(default=None, gt=0)
    """Measurements without a better FVU after which the run ends early; it never does where this is not given."""
    patience_margin: float = Field(default=0.005, ge=0, lt=1)
    """Share by which the FVU must fall to count as better for `patience`."""

    @model_validator(mode="after")
    def _measures_what_it_needs(self) -> ValidationConfig:
        if self.validate_every is None and (self.keep_best or self.patience or self.finish_with == "best"):
            raise ValueError("keep_best, patience and finish_with best need validate_every.")
        return self


class TrainConfig(Config):
    """One training run."""

    sae: TrainableConfig = TopKConfig()
    """The architecture and its options."""
    tokens: int = Field(default=2_000_000, gt=0)
    """Training tokens in all; the data is passed over again where it holds fewer."""
    batch_size: int = Field(default=2048, gt=0)
    """Tokens a step."""
    accumulate: int = Field(default=1, gt=0)
    """Parts in which a batch is worked through, to need less memory; the gradient is that of the whole batch.
    Architectures that select from a whole batch select from each part."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Format of the encoder's matrix product. Left to us it is the fastest: on processors with 8-bit dot products a
    screening in these, and float32 for whatever may be active; else bfloat16 or float32. All else is float32."""
    buffer_tokens: int = Field(default=262_144, gt=0)
    """Tokens in the shuffle buffer; its memory is this × d_in × the recording's bytes per number."""
    lr: Annotated[float, Field(gt=0)] | Literal["auto"] | None = None
    """Adam's learning rate; chosen from the width and the number of steps where it is not given; with auto, found by
    short trials on the first tokens, which take up to 15 % of the steps more."""
    warmup_steps: int = Field(default=100, ge=0)
    """Steps over which the learning rate rises linearly from 0."""
    lr_schedule: Literal["linear", "cosine", "constant"] = "linear"
    """How the learning rate falls over the last `decay_share` of the steps: in a line, on a cosine, or not at all."""
    decay_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the steps, at the end, over which the learning rate falls to 0."""
    k_start: int | None = Field(default=None, gt=0)
    """Active latents per token that the run starts with; they fall to `k` over the first `k_share` of the steps."""
    k_share: float = Field(default=0.2, ge=0, le=1)
    """Share of the steps, at the beginning, over which `k_start` falls to `k`."""
    coefficient_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the steps, at the beginning, over which a penalty's given `coefficient` rises from 0; one that is found
    needs none."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Adam's decay of the first moment."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """Adam's decay of the second moment."""
    eps: float = Field(default=1e-8, gt=0)
    """Adam's constant against division by zero."""
    gradient_clip: float | None = Field(default=1.0, gt=0)
    """Largest norm of the whole gradient; no clipping where it is null."""
    normalisation: Literal["none", "scale", "layer_norm", "whiten"] = "scale"
    """What is done to activations first: nothing; one factor for all, so that their mean norm is √d; each token to mean
    0 and deviation 1; or every direction to variance 1. All but layer_norm are folded into the saved weights."""
    b_dec_start: Literal["geometric_median", "mean"] = "geometric_median"
    """What the decoder bias starts from, taken over a sample of activations."""
    dead_after_tokens: int | None = Field(default=None, gt=0)
    """A latent silent for this many tokens is dead; an eighth of the run, at most 10 million, where it is not given."""
    revive: Literal["auxk", "resample", "none"] = "auxk"
    """What brings dead latents back: they learn to explain the error of the others (`aux_k`), or are given the
    directions of badly reconstructed tokens every so often, or nothing does."""
    resample_every: int | None = Field(default=None, gt=0)
    """With resample: steps between two of them, none while the learning rate falls; as many as make a latent dead where
    it is not given."""
    log_every: int = Field(default=10, gt=0)
    """Steps between two lines of training.jsonl."""
    checkpoint_every: int | None = Field(default=None, gt=0)
    """Steps between two checkpoints, the most that a killed process loses; a tenth of the run, from 10 to 250, where it
    is not given."""
    keep_checkpoints: int = Field(default=1, gt=0)
    """Newest checkpoints that are kept while the run lasts; from each, `mistudio finalize` can make an SAE."""
    validation: ValidationConfig = ValidationConfig()
    """Tokens that never train, the best state and early stop."""
    seed: int = 0
    """Seed of the weights and of the order of the data."""
    data_seed: int | None = Field(default=None, ge=0)
    """Seed of the order of the data, where it is not to be `seed`; the members of a sweep have one order."""

    @model_validator(mode="after")
    def _k_falls(self) -> TrainConfig:
        if self.k_start is not None and self.k_start < self.sae.k:
            raise ValueError("k_start is at least k: the number of active latents falls.")
        return self

    @model_validator(mode="after")
    def _a_target_goes_with(self) -> TrainConfig:
        if self.sae.target is not None and self.normalisation != "scale":
            raise ValueError("With a target, normalisation is scale: inputs and targets are scaled by themselves.")
        if self.sae.target is not None and self.revive == "resample":
            raise ValueError("With a target, revive is auxk or none: no direction of an input is one of its target.")
        return self

    @property
    def steps(self) -> int:
        """Training steps: whole batches that fit into `tokens`, at least one."""
        return max(1, self.tokens // self.batch_size)

    @property
    def order_seed(self) -> int:
        """Seed of the order of the data, given or not."""
        return self.seed if self.data_seed is None else self.data_seed

    def dead_after(self) -> int:
        """Tokens of silence after which a latent counts as dead."""
        return self.dead_after_tokens or min(10_000_000, max(self.batch_size, self.tokens // 8))

    def resample_steps(self) -> int:
        """Steps between two resamplings, given or chosen."""
        return self.resample_every or -(-self.dead_after() // self.batch_size)

    def checkpoint_steps(self) -> int:
        """Steps between two checkpoints, given or chosen."""
        return self.checkpoint_every or min(250, max(10, self.steps // 10))

    def learning_rate(self, d_sae: int) -> float:
        """The learning rate, given or chosen; with auto, where the trials begin.

        The rule falls with the square root of the width and of the number of steps, and passes through a measured best:
        3e-3 at 4,608 latents and 800 steps of 2,048 tokens (docs/road/training.md).
        """
        if isinstance(self.lr, int | float):
            return self.lr
        return min(5e-3, max(1e-4, 3e-3 * math.sqrt(4608 / d_sae) * math.sqrt(800 / self.steps)))
