"""The dense, eager, differentiable TopK step: slow, and right by inspection. Every fast path is tested against it.

B tokens, D d_in, F d_sae, K active latents per token.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.sae.weights import Weights


class ReferenceLoss(NamedTuple):
    """The two terms of the TopK loss and what they were computed from."""

    reconstruction: Float[Tensor, ""]
    auxiliary: Float[Tensor, ""]
    acts_BF: Float[Tensor, "B F"]
    x_hat_BD: Float[Tensor, "B D"]


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, k: int) -> Float[Tensor, "B F"]:
    """ReLU of the k largest pre-activations of each token, zero elsewhere (Gao et al. 2024, eq. 3)."""
    pre_BF = (x_BD - weights.b_dec_D) @ weights.W_enc_FD.T + weights.b_enc_F
    return _keep_top(pre_BF, k)


def decode(acts_BF: Float[Tensor, "B F"], weights: Weights) -> Float[Tensor, "B D"]:
    """The weighted sum of decoder rows, plus the decoder bias."""
    return acts_BF @ weights.W_dec_FD + weights.b_dec_D


def loss(
    x_BD: Float[Tensor, "B D"], weights: Weights, k: int, *, dead_F: Bool[Tensor, " F"] | None = None, aux_k: int = 0
) -> ReferenceLoss:
    """The TopK loss with AuxK (Gao et al. 2024, §A.2), both terms per element of x.

    The auxiliary term lets the `aux_k` strongest dead latents of each token explain the error of the live ones; the
    error and the encoder's input are constants for it, so it moves dead latents only.
    """
    acts_BF = encode(x_BD, weights, k)
    x_hat_BD = decode(acts_BF, weights)
    error_BD = x_BD - x_hat_BD
    reconstruction = error_BD.pow(2).sum(-1).mean() / x_BD.shape[1]
    auxiliary = torch.zeros((), dtype=x_BD.dtype, device=x_BD.device)
    if dead_F is not None and bool(dead_F.any()) and aux_k > 0:
        centred_BD = (x_BD - weights.b_dec_D).detach()
        pre_BF = centred_BD @ weights.W_enc_FD[dead_F].T + weights.b_enc_F[dead_F]
        kept_BF = _keep_top(pre_BF, min(aux_k, pre_BF.shape[1]))
        auxiliary = (error_BD.detach() - kept_BF @ weights.W_dec_FD[dead_F]).pow(2).sum(-1).mean() / x_BD.shape[1]
    return ReferenceLoss(reconstruction, auxiliary, acts_BF, x_hat_BD)


def _keep_top(pre_BF: Float[Tensor, "B F"], k: int) -> Float[Tensor, "B F"]:
    values_BK, latents_BK = pre_BF.topk(k, dim=-1)
    return torch.zeros_like(pre_BF).scatter(-1, latents_BK, values_BK.relu())
