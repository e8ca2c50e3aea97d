"""How dead latents get a gradient, computed on the dead sub-matrix only.

B tokens, S tokens of a slice, D d_in, E d_out, A dead latents.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

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
        acts_SA = pre_SA.zero_().scatter_(-1, picked_SK, values_SK.relu())
        # The error is x̂ − x, so the dead latents' output shall equal its negative.
        miss_SD = torch.addmm(error_BD[start : start + _SLICE], acts_SA, W_dec_AD)
        slope_SA = (miss_SD @ W_dec_AD.T).mul_(acts_SA > 0)
        enc_AD.addmm_(slope_SA.T, inputs_SD)
        bias_A += slope_SA.sum(0)
        dec_AD.addmm_(acts_SA.T, miss_SD)
        loss += miss_SD.pow(2).sum()
    return AuxiliaryGradients(dead_A, enc_AD * scale, bias_A * scale, dec_AD * scale), loss / error_BD.numel()
