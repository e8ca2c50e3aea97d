"""What to evaluate, and on how much text."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mistudio.config import Config


class EvaluateConfig(Config):
    """How an SAE is evaluated."""

    split: Literal["held_out", "train", "all"] = "held_out"
    """Which documents to evaluate on; held-out ones were never trained on."""
    max_tokens: int = Field(default=131_072, gt=0)
    """Tokens over which FVU, cosine, L0 and densities are taken, in whole contexts spread evenly over the split."""
    splice_contexts: int = Field(default=64, ge=0)
    """Contexts over which cross-entropies and KL are taken, spread evenly over the split; 0 leaves them out."""
    batch_contexts: int = Field(default=8, gt=0)
    """Contexts per forward pass; fewer are used where the logits would not fit into a quarter of a GiB."""
