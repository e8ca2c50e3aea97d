"""Choose a latent that steers well, and steer with it.

1. Take latents that are specific and found in many documents (`Features.interesting`).
2. Let each write a short text at its maximum activation, all in one batch with the baseline.
3. Read the texts without steering, and keep the latent whose own activation rose most above the baseline's, relative to
   its maximum: the model itself then sees the concept in what was written.
4. Write longer texts with it at several strengths.

Knows no judge: a fluent text about something else can win, which is why the report shows the texts.
"""

from __future__ import annotations

from typing import NamedTuple

from mistudio.activations.outliers import TokenFilter
from mistudio.features.pages import Features
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Progress
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.steering.compare import Comparison, Written
from mistudio.steering.config import Edit, GenerateConfig, SteeringSpec
from mistudio.steering.steer import steer

PROMPTS = ("My fellow citizens, the most important question before us is", "Last summer my family and I")
STRENGTHS = (0.5, 1.0, 1.5)
_CANDIDATES = 12
_AUDITION = GenerateConfig(max_new_tokens=24)
_SHOW = GenerateConfig(max_new_tokens=48)


class Showcase(NamedTuple):
    """The latent chosen, and what it does."""

    latent: int
    gain: float
    """Mean activation on the text that it wrote above that on the baseline, as a share of its maximum."""
    comparison: Comparison


def steer_with_the_best(lm: LanguageModel, sae: SparseAutoencoder, features: Features, progress: Progress) -> Showcase:
    """Audition latents, and steer with the one that shows most in what it writes."""
    candidates = features.interesting(_CANDIDATES)
    limit = TokenFilter.from_description(sae.metadata["token_filter"]).max_norm
    units = {latent: features.latent(latent).statistics.max for latent in candidates}

    def run(
        latents: list[int], strengths: tuple[float, ...], prompts: tuple[str, ...], how: GenerateConfig
    ) -> Comparison:
        specs = [
            SteeringSpec(hook=sae.hook, edits=(Edit(latent=latent, strength=strength),))
            for latent in latents
            for strength in strengths
        ]
        return steer(lm, sae, specs, prompts, how, max_activation=units, max_norm=limit, progress=progress)

    audition = run(candidates, (1.0,), PROMPTS[:1], _AUDITION)
    gains = {latent: _gain(audition, number, latent, units[latent]) for number, latent in enumerate(candidates)}
    best = max(gains, key=lambda latent: gains[latent])
    return Showcase(best, gains[best], run([best], STRENGTHS, PROMPTS, _SHOW))


def _gain(audition: Comparison, spec: int, latent: int, unit: float) -> float:
    return (reading_of(audition.steered(0, spec), latent) - reading_of(audition.baseline(), latent)) / unit


def reading_of(row: Written, latent: int) -> float:
    """Mean activation of the latent when the untouched model reads the row's text; 0 where it has none."""
    return next((each.text or 0.0 for each in row.readings if each.latent == latent), 0.0)
