"""What a set of kernels must offer.

B tokens, D d_in, F d_sae, K active latents per token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.sae.weights import SparseCode, Weights


class Reconstruction(NamedTuple):
    """What decoding a batch yields, and how its squared error would fall with each live activation."""

    error_BD: Float[Tensor, "B D"]
    """x̂ − x."""
    squared_error_B: Float[Tensor, " B"]
    slope_BK: Float[Tensor, "B K"]
    """⟨W_dec row, error⟩ of each live latent, 0 where the activation is 0: half the squared error's derivative."""


class AuxiliaryGradients(NamedTuple):
    """Gradients that the AuxK loss sends to the dead latents, in the order of `latents_A`."""

    latents_A: Int64[Tensor, " A"]
    W_enc_AD: Float[Tensor, "A D"]
    b_enc_A: Float[Tensor, " A"]
    W_dec_AD: Float[Tensor, "A D"]


@dataclass
class AdamMoments:
    """Adam's running moments of one parameter group and the number of steps taken."""

    first: Weights
    second: Weights
    steps: int = 0


class AdamSettings(NamedTuple):
    """Adam's constants for one step."""

    lr: float
    beta1: float
    beta2: float
    eps: float
    gradient_scale: float
    """Factor on every gradient: below 1 where the gradient's norm was clipped."""


@runtime_checkable
class StepKernels(Protocol):
    """The sparse parts of a training step."""

    def top_k(self, pre_BF: Tensor, k: int) -> SparseCode:
        """ReLU of the k largest pre-activations of each token; latent ids ascend, ties keep the lower id.

        Where fewer than k are positive the rest is padding of value 0, whose latent ids mean nothing.
        """

    def above(self, pre_BF: Tensor, bound_F: Float[Tensor, " F"]) -> SparseCode:
        """The positive pre-activations that exceed their latent's bound, as float32; latent ids ascend.

        As wide as the token that has most of them, at least 1; the rest is padding of value 0.
        """

    def reconstruct(
        self,
        x_BD: Float[Tensor, "B D"],
        code: SparseCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
    ) -> Reconstruction:
        """Decode, and differentiate the squared error by each live activation."""

    def weight_gradients(
        self,
        code: SparseCode,
        reconstruction: Reconstruction,
        inputs_BD: Float[Tensor, "B D"],
        weights: Weights,
        scale: float,
        auxiliary: AuxiliaryGradients | None,
        out: Weights,
    ) -> float:
        """Fill `out` with `scale` × half the gradient of Σ squared error, plus `auxiliary`.

        `inputs_BD` is the encoder's input x − b_dec. The part of each W_dec gradient along its row is removed, so that
        a step keeps the row's norm to first order. Returns the squared norm of all four gradients.
        """

    def adam(self, weights: Weights, gradients: Weights, moments: AdamMoments, settings: AdamSettings) -> None:
        """One Adam step on all four tensors (Kingma & Ba 2015), then decoder rows back to norm 1; all in place."""
