"""The result of steering: for each prompt what the model writes by itself and what it writes steered."""

from __future__ import annotations

from typing import Any

from mistudio.config import Config
from mistudio.steering.config import GenerateConfig, SteeringSpec


class Reading(Config):
    """How active one latent is on the tokens that were written, special tokens left out; None where there are none."""

    latent: int
    text: float | None
    """Mean activation per token when the untouched model reads the text: does the text itself show the concept?"""
    steered: float | None
    """Mean activation per token after the edit, as the model had it while writing; equal to `text` in a baseline."""


class Written(Config):
    """One row of the batch."""

    prompt: int
    """Which of the prompts it continues."""
    spec: int | None
    """Which of the specs steered it; None for the baseline."""
    text: str
    """The continuation, without the prompt and without special tokens."""
    token_ids: tuple[int, ...]
    """The continuation's tokens, up to and including the end-of-text token if it was written."""
    prompt_ids: tuple[int, ...]
    tokens_edited: int
    """Tokens of prompt and continuation whose activation was edited; the last token written is never fed back."""
    tokens_massive: int
    """Tokens left as they were because their norm is above the SAE's token filter."""
    readings: tuple[Reading, ...]


class Comparison(Config):
    """Baseline and steered continuations of the same prompts, written in one batch."""

    model: dict[str, Any]
    """Identity of the language model."""
    hook: str
    specs: tuple[SteeringSpec, ...]
    max_activation: dict[int, float]
    """The unit of each edited latent's strength."""
    config: GenerateConfig
    prompts: tuple[str, ...]
    rows: tuple[Written, ...]
    """For each prompt the baseline, then one row a spec."""
    seconds: float
    """Time of the generation, prompts included."""
    tokens_per_second: float
    """Tokens written in all rows, per second."""

    def baseline(self, prompt: int = 0) -> Written:
        """What the model writes by itself."""
        return self.rows[prompt * (len(self.specs) + 1)]

    def steered(self, prompt: int = 0, spec: int = 0) -> Written:
        """What it writes under a spec."""
        return self.rows[prompt * (len(self.specs) + 1) + 1 + spec]
