"""What can be chosen when activations are recorded and when they are streamed. Importable without torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mistudio.config import Config

Split = Literal["train", "held_out", "all"]


class TraceConfig(Config):
    """Which activations to record, and how."""

    hooks: tuple[str, ...] = Field(min_length=1)
    """Hook points, such as `resid_post.15`; several are recorded in one forward pass."""
    split: Split = "train"
    """Which contexts to run the model on."""
    max_tokens: int | None = Field(default=None, gt=0)
    """Tokens to run through the model, in whole contexts drawn at random from the split; all where not given."""
    dtype: Literal["float16", "float32"] = "float16"
    """Number format on disk. float16 keeps every bit of a bfloat16 value between 6e-5 and 65,504."""
    batch_contexts: int = Field(default=8, gt=0)
    """Contexts per forward pass."""
    exclude_special: bool = True
    """Leave out BOS, padding and the tokenizer's other special tokens."""
    outlier_multiple: float | None = Field(default=10.0, gt=1)
    """Leave out massive-activation tokens, whose norm is above this multiple of the median norm; none where null."""
    row_group_tokens: int = Field(default=16_384, gt=0)
    """Tokens in a row group, the unit of random access."""
    part_megabytes: int = Field(default=256, gt=0)
    """Size at which a new file is begun, in MiB of activations at one hook point; a killed run loses one file."""
    shard: tuple[int, int] = (0, 1)
    """(i, n): record the contexts whose number modulo n is i, so that n machines share the work."""
    seed: int = Field(default=0, ge=0)
    """Decides which contexts `max_tokens` takes, and their order on disk."""

    @model_validator(mode="after")
    def _hooks_are_distinct(self) -> TraceConfig:
        if len(set(self.hooks)) < len(self.hooks):
            raise ValueError("a hook point is named twice")
        return self

    @model_validator(mode="after")
    def _shard_is_one_of_them(self) -> TraceConfig:
        index, count = self.shard
        if not 0 <= index < count:
            raise ValueError(f"shard {index}/{count} does not exist: the first of n is 0/n, the last n-1/n")
        return self


class StreamConfig(Config):
    """How activations come to a trainer: filtered from the model (`ModelSource`), and mixed (`ShuffledStream`)."""

    buffer_tokens: int = Field(default=262_144, gt=0)
    """Tokens in the mixing buffer; fewer where an epoch has fewer."""
    batch_size: int = Field(default=2048, gt=0)
    """Tokens in a batch."""
    seed: int = Field(default=0, ge=0)
    """Decides the order of the contexts and the draws from the buffer."""
    batch_contexts: int = Field(default=8, gt=0)
    """Contexts per forward pass of the model."""
    exclude_special: bool = True
    """Leave out BOS, padding and the tokenizer's other special tokens."""
    outlier_multiple: float | None = Field(default=10.0, gt=1)
    """Leave out massive-activation tokens, whose norm is above this multiple of the median norm; none where null."""

    @model_validator(mode="after")
    def _buffer_holds_a_batch(self) -> StreamConfig:
        if self.buffer_tokens < self.batch_size:
            raise ValueError(f"buffer_tokens {self.buffer_tokens} must be at least batch_size {self.batch_size}")
        return self
