"""Dead latents start anew where the SAE is worst (Bricken et al. 2023, "Towards Monosemanticity", appendix).

Each takes the direction of a token, drawn with a probability that grows with the square of the token's loss. Its
encoder row is weak, so that it hardly disturbs what has been learnt, and Adam forgets what it knew of it.

B tokens, D d_in, F d_sae, A dead latents.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.sae.kernels.protocol import AdamMoments
from mistudio.sae.weights import Weights

STRENGTH = 0.2
"""Norm of a new encoder row, as a share of the mean norm of those that are alive."""


def resample(
    weights: Weights,
    moments: AdamMoments,
    dead_F: Bool[Tensor, " F"],
    x_BD: Float[Tensor, "B D"],
    error_BD: Float[Tensor, "B D"],
    *,
    generator: torch.Generator,
    sparse_by_bias: bool = False,
) -> int:
    """Give dead latents new directions, in place.

    The encoder bias becomes 0. What decides how strong a latent must be is made as much weaker as its encoder row:
    thresholds, and the bias where `sparse_by_bias`, are `STRENGTH` times the mean of those that are alive. Other
    vectors become 0.

    Args:
        x_BD: normalised activations.
        error_BD: what the SAE leaves of them.
        generator: on the processor, of the draw.

    Returns:
        How many got one: none where the batch is reconstructed without error.
    """
    dead_A = dead_F.nonzero().squeeze(-1)
    loss_B = error_BD.pow(2).sum(1).double().cpu()
    drawable_B = loss_B / loss_B.max().clamp_min(torch.finfo(torch.float64).tiny)
    drawable_B = drawable_B.square() * ((x_BD - weights.b_dec_D).norm(dim=1).cpu() > 0)
    if dead_A.numel() == 0 or not float(drawable_B.sum()) > 0:
        return 0
    again = dead_A.numel() > int((drawable_B > 0).sum())
    drawn_A = drawable_B.multinomial(dead_A.numel(), replacement=again, generator=generator).to(x_BD.device)
    directions_AD = x_BD[drawn_A] - weights.b_dec_D
    directions_AD /= directions_AD.norm(dim=1, keepdim=True)
    alive_F = ~dead_F
    some = bool(alive_F.any())
    norm = weights.W_enc_FD[alive_F].norm(dim=1).mean() if some else torch.ones((), device=x_BD.device)
    weights.W_dec_FD[dead_A] = directions_AD
    weights.W_enc_FD[dead_A] = directions_AD * (norm * STRENGTH)
    bias = STRENGTH * weights.b_enc_F[alive_F].mean() if sparse_by_bias and some else 0.0
    weights.b_enc_F[dead_A] = bias
    for name, vector_F in weights.more.items():
        logarithm = vector_F[alive_F].mean() + math.log(STRENGTH) if some else vector_F[dead_A]
        vector_F[dead_A] = logarithm if name == "log_threshold_F" else 0.0
    for moment in (moments.first, moments.second):
        for name, tensor in moment.tensors().items():
            if name != "b_dec_D":
                tensor[dead_A] = 0.0
    return dead_A.numel()
