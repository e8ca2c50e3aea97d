"""What an SAE's decoder says without any text: how close its directions lie, and whether another seed finds the same.

`definitions.METRICS` defines the numbers. F, G latents, D, E widths of the activations.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.config import Config
from mistudio.errors import ShapeError
from mistudio.evaluation.definitions import DECODER_LATENTS, DECODER_QUANTILES
from mistudio.evaluation.matching import MATCHED_ELEMENTS, mean_correlation, nearest, nearest_other
from mistudio.evaluation.result import DecoderCosines


class Stability(Config):
    """How far two SAEs of the same activations have the same latents."""

    cosine: float
    """Mean over the latents of the first SAE of the largest cosine of their decoder rows to a row of the second."""
    mcc: float | None
    """Mean absolute cosine of decoder rows under the best one-to-one matching; none above 2²⁸ pairs of latents."""


def decoder_cosines(W_dec_FD: Float[Tensor, "F D"]) -> DecoderCosines:
    """Quantiles over latents of the largest cosine to another latent.

    Of more than `DECODER_LATENTS` latents as many are asked about, evenly spread, each against all others.

    Raises:
        ArtifactBroken: the decoder holds NaN or infinity.
    """
    asked = min(len(W_dec_FD), DECODER_LATENTS)
    asked_Q = (torch.arange(asked) * len(W_dec_FD)).div(asked, rounding_mode="floor")
    largest_Q = nearest_other(W_dec_FD, asked_Q).double()
    values = largest_Q.quantile(torch.tensor(DECODER_QUANTILES, dtype=torch.float64))
    return DecoderCosines(levels=DECODER_QUANTILES, values=tuple(values.tolist()), latents=asked)


def stability(W_dec_FD: Float[Tensor, "F D"], other_GE: Float[Tensor, "G E"]) -> Stability:
    """Compare the decoders of two SAEs, trained on the same hook point with two seeds.

    Raises:
        ShapeError: they are not SAEs of activations of the same width.
        ArtifactBroken: a decoder holds NaN or infinity.
    """
    if W_dec_FD.shape[1] != other_GE.shape[1]:
        raise ShapeError(
            f"The SAEs read {W_dec_FD.shape[1]} and {other_GE.shape[1]} dimensions, and can not be compared.",
            remedy="Compare SAEs of the same hook point of the same model.",
        )
    largest_F, _ = nearest(W_dec_FD, other_GE, signed=True)
    fits = len(W_dec_FD) * len(other_GE) <= MATCHED_ELEMENTS
    return Stability(cosine=float(largest_F.mean()), mcc=mean_correlation(W_dec_FD, other_GE) if fits else None)
