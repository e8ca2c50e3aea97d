"""What a set of kernels must offer.

B tokens, D d_in, F d_sae, K latents looked at per token, G groups of latents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.sae.weights import SparseCode, Weights


class Reconstruction(NamedTuple):
    """What decoding a batch yields, and how its squared error would fall with each latent that was asked for.

    Where latents stand in groups, each prefix of the groups is a reconstruction of its own (Matryoshka), and the loss
    is their mean; an SAE without groups is one group.
    """

    error_BD: Float[Tensor, "B D"]
    """x̂ − x of all groups together."""
    squared_error_B: Float[Tensor, " B"]
    """Its squared norm."""
    loss_B: Float[Tensor, " B"]
    """Mean over the prefixes of their squared errors."""
    pull_BGD: Float[Tensor, "B G D"]
    """Half the loss's derivative by what a latent of each group adds: the errors of the prefixes that it is in, summed
    and divided by the number of prefixes."""
    slope_BK: Float[Tensor, "B K"]
    """⟨W_dec row, pull⟩ of each latent that was asked for, else 0: half the loss's derivative by its activation."""


class AuxiliaryGradients(NamedTuple):
    """Gradients that an auxiliary loss sends to the dead latents, in the order of `latents_A`."""

    latents_A: Int64[Tensor, " A"]
    W_enc_AD: Float[Tensor, "A D"]
    b_enc_A: Float[Tensor, " A"]
    W_dec_AD: Float[Tensor, "A D"]


class Backward(NamedTuple):
    """What the gradients of the matrices follow from, beside the weights."""

    code: SparseCode
    slope_BK: Float[Tensor, "B K"]
    """Half the derivative of the whole loss by each pre-activation of `code.latents_BK`."""
    pull_BGD: Float[Tensor, "B G D"]
    inputs_BD: Float[Tensor, "B D"]
    """The encoder's input, x − b_dec."""
    scale: float
    """Factor on all of the above that makes gradients of them."""
    auxiliary: AuxiliaryGradients | None = None
    along_F: Float[Tensor, " F"] | None = None
    """How often its own row is added to each gradient of W_dec."""
    unit_norm: bool = True
    """Whether rows of W_dec keep norm 1: the part of each gradient along its row is then removed, so that a step keeps
    the norm to first order."""


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
    unit_norm: bool = True
    """Whether decoder rows go back to norm 1 after the step."""


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
        target_BD: Float[Tensor, "B D"],
        code: SparseCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
        asked_BK: Bool[Tensor, "B K"],
    ) -> Reconstruction:
        """Decode, and differentiate the squared error by each activation that is asked for.

        Args:
            target_BD: what is to be reconstructed.
            code: latents in ascending order; those of value 0 add nothing.
            W_dec_FD: decoder rows.
            b_dec_D: decoder bias.
            ends: where each group of latents ends, ascending to d_sae.
            asked_BK: latents of the code whose slope is wanted, be they active or not.
        """

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """Fill the matrices of `out` with their gradients, and its b_enc with each latent's sum of scaled slopes.

        The sum leaves `auxiliary` out. Returns the squared norm of both matrices' gradients.
        """

    def adam(self, weights: Weights, gradients: Weights, moments: AdamMoments, settings: AdamSettings) -> None:
        """One Adam step on all tensors (Kingma & Ba 2015), then decoder rows back to norm 1 if so set; in place."""
