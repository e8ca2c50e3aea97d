"""Standard: every latent whose pre-activation is positive is active (ReLU; Bricken et al. 2023)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import StandardConfig
from mistudio.sae.weights import SparseCode, Weights, pre_activations


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, config: StandardConfig) -> SparseCode:  # noqa: ARG001
    """The active latents in full float32, strongest first."""
    return SparseCode.of_dense(pre_activations(x_BD, weights).relu())
