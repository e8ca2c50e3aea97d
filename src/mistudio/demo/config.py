"""How large the demo is. Importable without torch."""

from __future__ import annotations

import re

from pydantic import Field

from mistudio.config import Config

DEMO_NAMES = re.compile(r"(demo|state-of-the-union|SmolLM2-135M-Instruct)-[0-9a-f]{8}")
"""Names, in the store, of what a walk makes and the next one takes up."""


class DemoConfig(Config):
    """The sizes of the demo; the defaults are what its promises are measured with."""

    layer: int = Field(default=15, ge=0)
    """Layer whose output is opened."""
    recorded_tokens: int = Field(default=700_000, gt=0)
    """Tokens to run through the model. Passes over a recording cost a fraction of recording more."""
    passes: int = Field(default=4, gt=0)
    """Times that training goes over the recording."""
    k: int = Field(default=32, gt=0)
    """Active latents per token."""
    expansion: float = Field(default=8.0, gt=0)
    """Latents per dimension."""
    lr: float | None = Field(default=None, gt=0)
    """Adam's learning rate; the rule of `mistudio train` where not given."""
    evaluated_tokens: int = Field(default=65_536, gt=0)
    """Held-out tokens for the quality numbers."""
    splice_contexts: int = Field(default=64, gt=0)
    """Held-out contexts for the cross-entropies."""
