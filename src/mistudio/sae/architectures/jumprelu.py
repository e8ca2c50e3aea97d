"""JumpReLU: a latent is active where its pre-activation exceeds its threshold (Rajamanoharan et al. 2024, eq. 3)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import JumpReLUConfig
from mistudio.sae.weights import SparseCode, Weights, pre_activations

TENSORS = ("threshold_F",)


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, config: JumpReLUConfig) -> SparseCode:  # noqa: ARG001
    """The active latents in full float32, strongest first."""
    pre_BF = pre_activations(x_BD, weights)
    return SparseCode.of_dense(pre_BF.relu() * (pre_BF > weights.more["threshold_F"]))
