"""How features are found, and which contexts a page shows."""

from __future__ import annotations

from pydantic import Field

from mistudio.config import Config


class FindConfig(Config):
    """One pass over the activations."""

    max_tokens: int | None = Field(default=None, gt=0)
    """Tokens to encode; all that the source has where None."""
    batch_tokens: int = Field(default=4096, gt=0)
    """Tokens encoded at a time."""
    shard_activations: int = Field(default=1 << 23, gt=0)
    """Activations (8 bytes each) held and sorted in memory at a time; bounds the memory and what a crash can lose."""
    top_tokens: int = Field(default=5, ge=1, le=100)
    """Tokens kept for each latent as those on which it is active the most."""
    logits: int = Field(default=10, ge=0)
    """Tokens kept for each latent as promoted, and as many as suppressed; 0 switches the logit lens off."""
    lens_latents: int = Field(default=256, gt=0)
    """Latents whose logits over the whole vocabulary are held in memory at a time."""


class ContextConfig(Config):
    """Which passages a page shows for one latent."""

    top: int = Field(default=12, ge=0)
    """Passages with the strongest activations."""
    intervals: int = Field(default=5, ge=0)
    """Equal-count intervals of the passages that are weaker than the top group's, strongest first."""
    per_interval: int = Field(default=3, ge=0)
    """Passages drawn from each interval."""
    window: int = Field(default=16, ge=0)
    """Tokens shown on each side of the strongest one, which no stronger one of the text stands among."""
    whole: bool = False
    """Show as much of the text as its context holds; which passages are chosen remains the window's matter."""
    seed: int = 0
    """Of the draw from the intervals."""
