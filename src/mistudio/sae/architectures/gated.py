"""Gated: one encoder, two heads: a gate that says whether, and a magnitude that says how much.

    gate = W_enc (x − b_dec) + b_enc        magnitude = ReLU(exp(r_mag) · W_enc (x − b_dec) + b_mag)

A latent is active where its gate is positive (Rajamanoharan et al. 2024, arXiv 2404.16014, eq. 6 and 7).
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import GatedConfig
from mistudio.sae.weights import SparseCode, Weights

TENSORS = ("r_mag_F", "b_mag_F")


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, config: GatedConfig) -> SparseCode:  # noqa: ARG001
    """The active latents in full float32, strongest first."""
    shared_BF = (x_BD - weights.b_dec_D) @ weights.W_enc_FD.T
    magnitude_BF = (shared_BF * weights.more["r_mag_F"].exp() + weights.more["b_mag_F"]).relu()
    return SparseCode.of_dense(magnitude_BF * (shared_BF + weights.b_enc_F > 0))
