"""What a set of kernels must offer.

B tokens, D d_in, F d_sae, G groups of latents, N latents looked at in all tokens together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights


class Reconstruction(NamedTuple):
    """What decoding a batch yields, and how its squared error would fall with each latent that is looked at.

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
    slope_N: Float[Tensor, " N"]
    """⟨W_dec row, pull⟩ of each latent that is looked at: half the loss's derivative by its activation."""


class AuxiliaryGradients(NamedTuple):
    """Gradients that an auxiliary loss sends to the dead latents, in the order of `latents_A`."""

    latents_A: Int64[Tensor, " A"]
    W_enc_AD: Float[Tensor, "A D"]
    b_enc_A: Float[Tensor, " A"]
    W_dec_AD: Float[Tensor, "A D"]


class Backward(NamedTuple):
    """What the gradients of the matrices follow from, beside the weights."""

    code: LiveCode
    slope_N: Float[Tensor, " N"]
    """Half the derivative of the whole loss by each pre-activation of `code.latents_N`."""
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
    faster: Mapping[str, float] = MappingProxyType({})
    """Tensors that learn at a multiple of the rate, by name."""


@runtime_checkable
class StepKernels(Protocol):
    """The sparse parts of a training step."""

    def top_k(self, pre_BF: Tensor, k: int) -> LiveCode:
        """ReLU of the k largest pre-activations of each token, as float32; ties keep the lower latent.

        Where fewer than k are positive, entries of value 0 stand for the rest, and their latents mean nothing.
        """

    def above(self, pre_BF: Tensor, bound_F: Float[Tensor, " F"]) -> LiveCode:
        """The positive pre-activations that exceed their latent's bound, as float32."""

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: LiveCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
    ) -> Reconstruction:
        """Decode, and differentiate the squared error by each activation, of latents that are not active too.

        Args:
            target_BD: what is to be reconstructed.
            code: the latents looked at.
            W_dec_FD: decoder rows.
            b_dec_D: decoder bias.
            ends: where each group of latents ends, ascending to d_sae.
        """

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """Fill the matrices of `out` with their gradients, and its b_enc with each latent's sum of scaled slopes.

        The sum leaves `auxiliary` out. Returns the squared norm of both matrices' gradients.
        """

    def adam(self, weights: Weights, gradients: Weights, moments: AdamMoments, settings: AdamSettings) -> None:
        """One Adam step on all tensors (Kingma & Ba 2015), then decoder rows back to norm 1 if so set; in place."""
