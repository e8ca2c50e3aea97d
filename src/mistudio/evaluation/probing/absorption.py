"""Absorption: a latent fires in the place of the one that should (Chanin et al. 2024, arXiv 2409.14507; SAEBench).

For a word of a class, x its activation, p the unit vector of the class's probe, a_f the activation of latent f and d_f
its decoder row:

1. What is to be explained is x·p, from zero or from the decoder's bias.
2. A latent explains a_f · d_f·p of it. (SAEBench takes a_f · cos(d_f, p), the same where decoder rows have norm 1.)
3. The word is absorbed where no main latent fires, x·p is above 0, and the latent that explains most has a cosine of
   `min_cosine` with p and explains `min_projection_share` of x·p.
4. The absorption fraction also sees a main latent that fires too little: with m what the main latents explain and o
   what the `fraction_latents` best others of cosine `fraction_min_cosine` do, it is 0 where m explains all or o less
   than `min_projection_share`, 1 where m is not above 0, else o' / (o' + m), o' being o or, if less, what m leaves.

D d_in, F d_sae, K active latents, N words.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from mistudio.evaluation.probing.config import SpellingConfig
from mistudio.sae.weights import SparseCode


class Absorbed(NamedTuple):
    """What is absorbed of some words of a class."""

    by_N: Int64[Tensor, " N"]
    """The absorbing latent; −1 where the word is not absorbed."""
    fraction_N: Float64[Tensor, " N"]
    """The absorption fraction."""


def absorption(
    x_ND: Float[Tensor, "N D"],
    code: SparseCode,
    W_dec_FD: Float[Tensor, "F D"],
    probe_D: Float[Tensor, " D"],
    main: Sequence[int],
    config: SpellingConfig,
    *,
    origin_D: Float[Tensor, " D"] | None = None,
) -> Absorbed:
    """Look for absorption in words of one class.

    Args:
        x_ND: activations of words for which the probe is right.
        code: the same words' latents.
        probe_D: the probe's weights, of any length.
        main: the class's main latents.
        origin_D: where x·p is counted from; zero where None.
    """
    unit_D = probe_D.double() / probe_D.double().norm()
    along_F = W_dec_FD.double() @ unit_D
    cosine_F = along_F / W_dec_FD.double().norm(dim=1).clamp(min=1e-30)
    whole_N = (x_ND.double() - (0.0 if origin_D is None else origin_D.double())) @ unit_D
    fires_NK = code.values_BK != 0
    main_NK = torch.isin(code.latents_BK, torch.tensor(list(main), dtype=torch.int64)) & fires_NK
    explained_NK = code.values_BK.double() * along_F[code.latents_BK]
    cosine_NK = cosine_F[code.latents_BK]

    best_N1 = explained_NK.masked_fill(~fires_NK, -torch.inf).argmax(1, keepdim=True)
    absorbed_N = (
        ~main_NK.any(1)
        & fires_NK.any(1)
        & (whole_N > 0)
        & (cosine_NK.gather(1, best_N1)[:, 0] >= config.min_cosine)
        & (explained_NK.gather(1, best_N1)[:, 0] >= config.min_projection_share * whole_N)
    )
    by_N = torch.where(absorbed_N, code.latents_BK.gather(1, best_N1)[:, 0], -1)

    by_main_N = (explained_NK * main_NK).sum(1)
    candidates_NK = fires_NK & ~main_NK & (cosine_NK >= config.fraction_min_cosine) & (explained_NK > 0)
    others_NK = (explained_NK * candidates_NK).topk(min(config.fraction_latents, explained_NK.shape[1]), dim=1).values
    return Absorbed(by_N, _fraction(whole_N, by_main_N, others_NK.sum(1), config.min_projection_share))


def _fraction(
    whole_N: Float64[Tensor, " N"],
    by_main_N: Float64[Tensor, " N"],
    by_others_N: Float64[Tensor, " N"],
    min_share: float,
) -> Float64[Tensor, " N"]:
    counted_N = torch.minimum(by_others_N, whole_N - by_main_N)
    partial_N = torch.where(by_main_N > 0, counted_N / (counted_N + by_main_N), 1.0)
    nothing_N = (whole_N <= 0) | (by_main_N >= whole_N) | (by_others_N < min_share * whole_N) | (by_others_N <= 0)
    return torch.where(nothing_N, 0.0, partial_N)
