"""Decoding and its gradients where each process has its share of the latents.

Every process decodes its own latents, and the partial reconstructions are added up. From the error of the sum each
computes the gradients of its own latents, and tells nobody.

B tokens, D d_in, F latents of this process, G groups of latents, N latents looked at in all tokens together.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.collective import Ranks
from mistudio.sae.kernels.protocol import Backward, Reconstruction
from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights


@runtime_checkable
class Decoding(Protocol):
    """The parts of `StepKernels` that decode."""

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: LiveCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""


class ShardedDecoding:
    """`reconstruct` and `weight_gradients` of `StepKernels`, by those of `inner` for this process's latents."""

    def __init__(self, inner: Decoding, latents: Ranks) -> None:
        self._inner = inner
        self._latents = latents

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: LiveCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`; all latents are one group."""
        # One process brings what the latents don't: the target and the decoder bias.
        share = 1.0 if self._latents.rank == 0 else 0.0
        partial = self._inner.reconstruct(target_BD * share, code, W_dec_FD, b_dec_D * share, ends)
        error_BD = self._latents.sum(partial.error_BD)
        silent = code.with_values(torch.zeros_like(code.values_N))
        return self._inner.reconstruct(-error_BD, silent, W_dec_FD, torch.zeros_like(b_dec_D), ends)

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""
        return self._inner.weight_gradients(backward, weights, out, ends)
