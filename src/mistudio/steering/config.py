"""What to steer, how strongly, and how to write."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mistudio.config import Config


class Edit(Config):
    """One latent, turned up or down."""

    latent: int = Field(ge=0)
    """Number of the latent in the SAE."""
    mode: Literal["add", "clamp"] = "add"
    """`add` adds a multiple of the latent's decoder row; `clamp` sets the latent's activation."""
    strength: float = Field(allow_inf_nan=False)
    """In units of the latent's maximum activation. Clamped to 0 a latent is switched off; adding 0 changes nothing."""


def _each_latent_once(edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    latents = [edit.latent for edit in edits]
    twice = sorted({latent for latent in latents if latents.count(latent) > 1})
    if twice:
        raise ValueError(f"latent {twice[0]} is edited twice: give each latent one edit")
    return edits


Edits = Annotated[tuple[Edit, ...], Field(min_length=1), AfterValidator(_each_latent_once)]


class SteeringSpec(Config):
    """Edits at one hook point, all evaluated on the unedited activation and summed."""

    hook: str
    """Hook point of the SAE, e.g. `resid_post.15`."""
    edits: Edits
    """The latents to edit, each at most once."""


class GenerateConfig(Config):
    """How text is generated, and which of its tokens are edited."""

    max_new_tokens: int = Field(default=48, gt=0)
    """Tokens to write at most."""
    temperature: float = Field(default=0.0, ge=0)
    """0 takes the likeliest token; 1 samples from the model's own distribution."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample from the likeliest tokens that together have this probability."""
    seed: int = 0
    """Seed of the random numbers, which all rows share, so that texts differ only where the distributions do."""
    prepend_bos: bool = True
    """Begin each prompt with the tokenizer's BOS, as the contexts that SAEs are trained on do."""
    skip_special: bool = True
    """Do not edit BOS, separators, chat markers and other special tokens. Padding is never edited."""
