"""Choose a latent that steers well, and steer with it.

1. Of the latents that are specific and found in many documents (`Features.interesting`), take those whose top tokens
   are words that are rare in the text: a reader sees at once whether a text is about them.
2. Let each write a short text, all in one batch with the baseline, pushed by three tenths of the stream's median
   norm: latents differ in their maxima, and what bends a text is the push relative to the stream.
3. Read the texts without steering, and keep the latent whose own activation rose most above the baseline's, relative
   to its maximum: the model itself then sees the concept in what was written. Texts that repeat themselves count less.
4. Write longer texts with it at several strengths.

Knows no judge: a fluent text about something else can win, which is why the report shows the texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from mistudio.activations.outliers import TokenFilter
from mistudio.corpora.tokens import Tokens
from mistudio.features.pages import Features
from mistudio.language_models.loading import LanguageModel
from mistudio.progress import Progress
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.steering.compare import Comparison, Written
from mistudio.steering.config import Edit, GenerateConfig, SteeringSpec
from mistudio.steering.steer import steer
from mistudio.steering.strengths import MODERATE, STRONG, SUBTLE, strength_of_push

PROMPTS = ("My fellow citizens, the most important question before us is", "Last summer my family and I")
PUSHES = (SUBTLE, MODERATE, STRONG)
_CONSIDERED, _CANDIDATES = 400, 24
_RARE = 5e-4
_AUDITION = GenerateConfig(max_new_tokens=32)
_SHOW = GenerateConfig(max_new_tokens=48)


class Showcase(NamedTuple):
    """The latent chosen, and what it does."""

    latent: int
    gain: float
    """Mean activation on the text that it wrote above that on the baseline, as a share of its maximum."""
    comparison: Comparison


def steer_with_the_best(
    lm: LanguageModel, sae: SparseAutoencoder, features: Features, tokens: Tokens, progress: Progress
) -> Showcase:
    """Audition latents, and steer with the one that shows most in what it writes."""
    candidates = about_rare_words(features, tokens)
    limit = TokenFilter.from_description(sae.metadata["token_filter"])
    units = {latent: features.latent(latent).statistics.max for latent in candidates}

    def run(latents: list[int], pushes: Sequence[float], prompts: Sequence[str], how: GenerateConfig) -> Comparison:
        specs = [
            SteeringSpec(hook=sae.hook, edits=(Edit(latent=latent, strength=strength(latent, push)),))
            for latent in latents
            for push in pushes
        ]
        return steer(lm, sae, specs, prompts, how, max_activation=units, max_norm=limit.max_norm, progress=progress)

    def strength(latent: int, push: float) -> float:
        return strength_of_push(push, units[latent], limit.median_norm or units[latent])

    audition = run(candidates, PUSHES[1:2], PROMPTS, _AUDITION)
    gains = {latent: _gain(audition, number, latent, units[latent]) for number, latent in enumerate(candidates)}
    best = max(gains, key=lambda latent: gains[latent])
    return Showcase(best, gains[best], run([best], PUSHES, PROMPTS, _SHOW))


def about_rare_words(features: Features, tokens: Tokens) -> list[int]:
    """Latents whose top tokens are mostly words, of four letters or more, rare in the text; the clearest first."""
    share_V = np.bincount(tokens.flat, minlength=tokens.vocab_size) / len(tokens.flat)
    considered = features.interesting(_CONSIDERED)

    def clarity(latent: int) -> float:
        found = features.statistics.of(latent)
        words = [features.pieces([token])[0].strip() for token in found.top_tokens]
        return sum(
            share
            for token, word, share in zip(found.top_tokens, words, found.top_token_shares, strict=True)
            if share_V[token] < _RARE and len(word) >= 4 and word.isalpha()
        )

    return sorted(considered, key=clarity, reverse=True)[:_CANDIDATES]


def _gain(audition: Comparison, spec: int, latent: int, unit: float) -> float:
    """Mean over the prompts of the rise of the latent's reading, in units of its maximum, times the text's variety."""
    rises = [
        (reading_of(audition.steered(prompt, spec), latent) - reading_of(audition.baseline(prompt), latent))
        * _variety(audition.steered(prompt, spec))
        for prompt in range(len(audition.prompts))
    ]
    return sum(rises) / len(rises) / unit


def _variety(row: Written) -> float:
    """Distinct pairs of neighbouring tokens by all pairs: 1 where nothing is repeated."""
    pairs = list(pairwise(row.token_ids))
    return len(set(pairs)) / len(pairs) if pairs else 0.0


def reading_of(row: Written, latent: int) -> float:
    """Mean activation of the latent when the untouched model reads the row's text; 0 where it has none."""
    return next((each.text or 0.0 for each in row.readings if each.latent == latent), 0.0)
