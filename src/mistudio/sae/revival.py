"""How dead latents get a gradient, computed on the dead sub-matrix only.

B tokens, S tokens of a slice, D d_in, E d_out, A dead latents.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.sae.collective import ALONE, Ranks, among_the_largest
from mistudio.sae.kernels.protocol import AuxiliaryGradients
from mistudio.sae.weights import Weights

_SLICE = 256
"""Tokens at a time: the memory does not grow with the batch."""


def auxk(
    weights: Weights,
    inputs_BD: Float[Tensor, "B D"],
    error_BD: Float[Tensor, "B E"],
    dead_A: Int64[Tensor, " A"],
    *,
    k: int,
    scale: float,
    with_bias: bool = True,
    latents: Ranks = ALONE,
) -> tuple[AuxiliaryGradients, Float[Tensor, ""]]:
    """Let the k strongest dead latents of each token explain what the live ones leave over (Gao et al. 2024, §A.2).

    Args:
        weights: of the SAE.
        inputs_BD: the encoder's input, a constant here.
        error_BD: x̂ − x, a constant here.
        dead_A: ids of the dead latents.
        k: dead latents kept per token, at most.
        scale: factor that makes gradients of half derivatives.
        with_bias: whether the encoder bias has a say in how strong they are; it gets its gradient anyway.
        latents: the processes that have the other latents; the k strongest are those of all of them.

    Returns:
        The gradients, and the loss per element of x.
    """
    W_enc_AD, W_dec_AD = weights.W_enc_FD[dead_A], weights.W_dec_FD[dead_A]
    b_enc_A = weights.b_enc_F[dead_A] * with_bias
    enc_AD, bias_A, dec_AD = torch.zeros_like(W_enc_AD), torch.zeros_like(b_enc_A), torch.zeros_like(W_dec_AD)
    loss = torch.zeros((), device=inputs_BD.device)
    for start in range(0, inputs_BD.shape[0], _SLICE):
        inputs_SD = inputs_BD[start : start + _SLICE]
        pre_SA = torch.addmm(b_enc_A, inputs_SD, W_enc_AD.T)
        values_SK, picked_SK = pre_SA.topk(min(k, dead_A.numel()), dim=-1, sorted=False)
        acts_SA = pre_SA.zero_().scatter_(-1, picked_SK, _kept(values_SK.relu(), k, latents))
        # The error is x̂ − x, so the dead latents' output shall equal its negative; one process brings it.
        share_SD = error_BD[start : start + _SLICE] * (1.0 if latents.rank == 0 else 0.0)
        miss_SD = latents.sum(torch.addmm(share_SD, acts_SA, W_dec_AD))
        slope_SA = (miss_SD @ W_dec_AD.T).mul_(acts_SA > 0)
        enc_AD.addmm_(slope_SA.T, inputs_SD)
        bias_A += slope_SA.sum(0)
        dec_AD.addmm_(acts_SA.T, miss_SD)
        loss += miss_SD.pow(2).sum()
    return AuxiliaryGradients(dead_A, enc_AD * scale, bias_A * scale, dec_AD * scale), loss / error_BD.numel()


def _kept(values_SK: Float[Tensor, "S K"], k: int, latents: Ranks) -> Float[Tensor, "S K"]:
    return values_SK if latents.size == 1 else values_SK * among_the_largest(values_SK, k, latents)


def short_of_bound(
    weights: Weights,
    inputs_BD: Float[Tensor, "B D"],
    dead_A: Int64[Tensor, " A"],
    bound_A: Float[Tensor, " A"],
    *,
    scale: float,
) -> tuple[AuxiliaryGradients, Float[Tensor, ""]]:
    """Pull the pre-activations of dead latents up to their bound: Σ ReLU(bound − pre) (Anthropic, January 2025 update).

    Decoder rows have norm 1 or are taken as constants, so none gets a gradient.

    Args:
        weights: of the SAE.
        inputs_BD: the encoder's input, a constant here.
        dead_A: ids of the dead latents.
        bound_A: what their pre-activations must exceed; its gradient is −`b_enc_A` of what is returned.
        scale: factor on the loss.

    Returns:
        The gradients, and the loss times `scale`.
    """
    W_enc_AD, b_enc_A = weights.W_enc_FD[dead_A], weights.b_enc_F[dead_A]
    norm_A = weights.W_dec_FD[dead_A].norm(dim=1)
    enc_AD, bias_A = torch.zeros_like(W_enc_AD), torch.zeros_like(b_enc_A)
    loss = torch.zeros((), device=inputs_BD.device)
    for start in range(0, inputs_BD.shape[0], _SLICE):
        inputs_SD = inputs_BD[start : start + _SLICE]
        short_SA = (bound_A - torch.addmm(b_enc_A, inputs_SD, W_enc_AD.T)).relu_()
        loss += (short_SA.sum(0) * norm_A).sum()
        pushed_SA = (short_SA > 0) * norm_A
        enc_AD.addmm_(pushed_SA.T, inputs_SD, alpha=-1)
        bias_A -= pushed_SA.sum(0)
    pulled = AuxiliaryGradients(dead_A, enc_AD * scale, bias_A * scale, torch.zeros_like(weights.W_dec_FD[dead_A]))
    return pulled, loss * scale


def together(one: AuxiliaryGradients, other: AuxiliaryGradients) -> AuxiliaryGradients:
    """The sum of the gradients that two losses send to the same latents."""
    return AuxiliaryGradients(
        one.latents_A, one.W_enc_AD + other.W_enc_AD, one.b_enc_A + other.b_enc_A, one.W_dec_AD + other.W_dec_AD
    )
