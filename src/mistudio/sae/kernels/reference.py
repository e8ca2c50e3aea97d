"""The dense, eager, differentiable step: slow, and right by inspection. Every fast path is tested against it.

B tokens, D d_in, F d_sae, K active latents per token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.sae.weights import Weights


class ReferenceLoss(NamedTuple):
    """The two terms of the loss and what they were computed from."""

    reconstruction: Float[Tensor, ""]
    auxiliary: Float[Tensor, ""]
    acts_BF: Float[Tensor, "B F"]
    x_hat_BD: Float[Tensor, "B D"]


Selection = Callable[[Tensor], Tensor]
"""Pre-activations [B, F] to activations."""


def top_k(k: int) -> Selection:
    """ReLU of the k largest pre-activations of each token, zero elsewhere (Gao et al. 2024, eq. 3)."""

    def keep(pre_BF: Tensor) -> Tensor:
        values_BK, latents_BK = pre_BF.topk(k, dim=-1)
        return torch.zeros_like(pre_BF).scatter(-1, latents_BK, values_BK.relu())

    return keep


def batch_top_k(k: int) -> Selection:
    """ReLU of the k·B largest pre-activations of the batch, zero elsewhere (Bussmann et al. 2024, §3)."""

    def keep(pre_BF: Tensor) -> Tensor:
        values_N, places_N = pre_BF.relu().flatten().topk(k * pre_BF.shape[0])
        return torch.zeros_like(pre_BF).flatten().scatter(-1, places_N, values_N).view_as(pre_BF)

    return keep


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, keep: Selection) -> Float[Tensor, "B F"]:
    """What `keep` makes of the pre-activations."""
    return keep((x_BD - weights.b_dec_D) @ weights.W_enc_FD.T + weights.b_enc_F)


def decode(acts_BF: Float[Tensor, "B F"], weights: Weights) -> Float[Tensor, "B D"]:
    """The weighted sum of decoder rows, plus the decoder bias."""
    return acts_BF @ weights.W_dec_FD + weights.b_dec_D


def loss(
    x_BD: Float[Tensor, "B D"],
    weights: Weights,
    keep: Selection,
    *,
    dead_F: Bool[Tensor, " F"] | None = None,
    aux_k: int = 0,
) -> ReferenceLoss:
    """The reconstruction loss with AuxK (Gao et al. 2024, §A.2), both terms per element of x.

    The auxiliary term lets the `aux_k` strongest dead latents of each token explain the error of the live ones; the
    error and the encoder's input are constants for it, so it moves dead latents only.
    """
    acts_BF = encode(x_BD, weights, keep)
    x_hat_BD = decode(acts_BF, weights)
    error_BD = x_BD - x_hat_BD
    reconstruction = error_BD.pow(2).sum(-1).mean() / x_BD.shape[1]
    auxiliary = torch.zeros((), dtype=x_BD.dtype, device=x_BD.device)
    if dead_F is not None and bool(dead_F.any()) and aux_k > 0:
        centred_BD = (x_BD - weights.b_dec_D).detach()
        pre_BF = centred_BD @ weights.W_enc_FD[dead_F].T + weights.b_enc_F[dead_F]
        kept_BF = top_k(min(aux_k, pre_BF.shape[1]))(pre_BF)
        auxiliary = (error_BD.detach() - kept_BF @ weights.W_dec_FD[dead_F]).pow(2).sum(-1).mean() / x_BD.shape[1]
    return ReferenceLoss(reconstruction, auxiliary, acts_BF, x_hat_BD)
