"""Encoding a batch into the latents that a training step looks at.

`DenseEncoder` computes every pre-activation in one floating-point dtype, on any device; `screened_encoder` does with
less.

B tokens, S tokens of a slice, D d_in, F d_sae, N latents found in all tokens together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.kernels.protocol import StepKernels
from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights

_SLICE = 256
"""Tokens encoded at a time: their pre-activations (8 MB at 16,384 latents) stay in the last-level cache."""


@runtime_checkable
class Encoder(Protocol):
    """Finds the latents of a batch from the master weights, which may change between calls."""

    def refresh(self) -> None:
        """Take over the master weights after an update."""

    def top_k(self, inputs_BD: Float[Tensor, "B D"], k: int) -> LiveCode:
        """See `StepKernels.top_k`."""

    def above(self, inputs_BD: Float[Tensor, "B D"], bound_F: Float[Tensor, " F"]) -> LiveCode:
        """See `StepKernels.above`."""


class DenseEncoder:
    """All pre-activations in one dtype.

    Args:
        weights: master weights in float32.
        kernels: what selects from pre-activations.
        dtype: of the matrix product.
    """

    def __init__(self, weights: Weights, kernels: StepKernels, dtype: torch.dtype) -> None:
        self._weights, self._kernels = weights, kernels
        self._shadow_FD = torch.empty_like(weights.W_enc_FD, dtype=dtype)
        self._pre_SF = torch.empty((_SLICE, weights.b_enc_F.shape[0]), dtype=dtype, device=weights.b_dec_D.device)
        self._is_fresh = False

    def refresh(self) -> None:
        """See `Encoder.refresh`."""
        self._is_fresh = False

    def top_k(self, inputs_BD: Float[Tensor, "B D"], k: int) -> LiveCode:
        """See `Encoder.top_k`."""
        return LiveCode.join([self._kernels.top_k(pre_SF, k) for pre_SF in self._pre_activations(inputs_BD)])

    def above(self, inputs_BD: Float[Tensor, "B D"], bound_F: Float[Tensor, " F"]) -> LiveCode:
        """See `Encoder.above`."""
        return LiveCode.join([self._kernels.above(pre_SF, bound_F) for pre_SF in self._pre_activations(inputs_BD)])

    def _pre_activations(self, inputs_BD: Float[Tensor, "B D"]) -> Iterator[Tensor]:
        """Those of some tokens after the other, in memory that the next ones overwrite."""
        if not self._is_fresh:
            self._shadow_FD.copy_(self._weights.W_enc_FD)
            self._is_fresh = True
        narrow_BD = inputs_BD.to(self._shadow_FD.dtype)
        bias_F = self._weights.b_enc_F.to(self._shadow_FD.dtype)
        for start in range(0, narrow_BD.shape[0], _SLICE):
            slice_SD = narrow_BD[start : start + _SLICE]
            yield torch.addmm(bias_F, slice_SD, self._shadow_FD.T, out=self._pre_SF[: slice_SD.shape[0]])
