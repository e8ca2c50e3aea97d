"""The weights that training starts from.

D d_in, F d_sae.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.weights import Weights


def initial_weights(d_sae: int, b_dec_D: Float[Tensor, " D"], *, seed: int, more: tuple[str, ...] = ()) -> Weights:
    """Random unit decoder rows, the encoder tied to them, no encoder bias, `b_dec` as given (Gao et al. 2024, §A.1).

    Args:
        d_sae: number of latents.
        b_dec_D: decoder bias.
        seed: of the directions.
        more: names of vectors that only some architectures have; they are 0.
    """
    generator = torch.Generator().manual_seed(seed)
    W_FD = torch.randn((d_sae, b_dec_D.shape[0]), generator=generator).to(b_dec_D.device)
    W_FD /= W_FD.norm(dim=1, keepdim=True)
    zeros_F = torch.zeros(d_sae, device=b_dec_D.device)
    return Weights(W_FD.clone(), zeros_F.clone(), W_FD, b_dec_D.clone(), {name: zeros_F.clone() for name in more})
