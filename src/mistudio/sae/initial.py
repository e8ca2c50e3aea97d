"""The weights that training starts from.

D d_in, E d_out, F d_sae.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import TrainableSaeConfig
from mistudio.sae.weights import W_SKIP, Weights


def first_weights(
    config: TrainableSaeConfig, d_in: int, b_dec_E: Float[Tensor, " E"], *, seed: int, more: tuple[str, ...] = ()
) -> Weights:
    """Those of an SAE, or of a transcoder where there is a target; see the two functions below."""
    width = config.width(d_in)
    if config.target is None:
        return initial_weights(width, b_dec_E, seed=seed, more=more)
    return initial_transcoder(width, d_in, b_dec_E, seed=seed, skip=config.skip, more=more)


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


def initial_transcoder(
    d_sae: int, d_in: int, b_dec_E: Float[Tensor, " E"], *, seed: int, skip: bool, more: tuple[str, ...] = ()
) -> Weights:
    """Random unit rows, drawn apart for encoder and decoder, no encoder bias, and a skip connection of zeros.

    Args:
        d_sae: number of latents.
        d_in: width of what is read.
        b_dec_E: decoder bias.
        seed: of the directions.
        skip: whether there is a skip connection.
        more: names of vectors that only some architectures have; they are 0.
    """
    generator = torch.Generator().manual_seed(seed)
    device = b_dec_E.device

    def rows(width: int) -> Tensor:
        W_FX = torch.randn((d_sae, width), generator=generator).to(device)
        W_FX /= W_FX.norm(dim=1, keepdim=True)
        return W_FX

    vectors: dict[str, Tensor] = {name: torch.zeros(d_sae, device=device) for name in more}
    if skip:
        vectors[W_SKIP] = torch.zeros((b_dec_E.shape[0], d_in), device=device)
    return Weights(rows(d_in), torch.zeros(d_sae, device=device), rows(b_dec_E.shape[0]), b_dec_E.clone(), vectors)
