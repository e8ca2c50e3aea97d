"""Strengths to begin with.

Latents differ in their maxima, and what bends a text is the length of the push relative to the stream. Adding s moves a
token by s · maximum activation along a decoder row of length 1, as all rows of SAEs made here are; so s is chosen such
that the push is a share of the median norm at the hook point. At three tenths the demo's small model turns to the
latent's subject and still writes sentences.
"""

from __future__ import annotations

from mistudio.config import Config
from mistudio.errors import BadInput

SUBTLE, MODERATE, STRONG = 0.2, 0.3, 0.4
"""Lengths of a push, as shares of the median norm."""
_SUBTLE_UNITS, _MODERATE_UNITS, _STRONG_UNITS = 0.5, 1.0, 2.0


class SuggestedStrengths(Config):
    """Strengths for `Edit(mode="add")`."""

    subtle: float
    moderate: float
    strong: float
    reason: str
    """How they were chosen, in words."""


def strength_of_push(share: float, max_activation: float, median_norm: float) -> float:
    """The strength whose push is this share of the median norm, to one decimal place, and two below 1."""
    strength = share * median_norm / max_activation
    return round(strength, 1 if strength >= 1 else 2)


def suggest(max_activation: float, median_norm: float | None) -> SuggestedStrengths:
    """Three strengths for one latent.

    Args:
        max_activation: largest activation of the latent: a strength of 1.
        median_norm: of the activations at the hook point; None where nobody measured it.

    Raises:
        BadInput: the latent was never active.
    """
    if not max_activation > 0:
        raise BadInput(
            "The latent was never active, so its strength has no unit.",
            remedy="Choose a latent that is active on some text.",
        )
    if not median_norm:
        return SuggestedStrengths(
            subtle=_SUBTLE_UNITS,
            moderate=_MODERATE_UNITS,
            strong=_STRONG_UNITS,
            reason="Half, once and twice the latent's largest activation: the usual norm at this hook point is not "
            "known, so a push cannot be measured against it.",
        )
    subtle, moderate, strong = (
        strength_of_push(share, max_activation, median_norm) for share in (SUBTLE, MODERATE, STRONG)
    )
    return SuggestedStrengths(
        subtle=subtle,
        moderate=moderate,
        strong=strong,
        reason=f"Subtle, moderate and strong push each token by {SUBTLE:.0%}, {MODERATE:.0%} and {STRONG:.0%} of the "
        f"median norm at this hook point ({median_norm:.3g}); a strength of 1 pushes by {max_activation:.3g}, which is "
        f"{max_activation / median_norm:.0%} of it.",
    )
