"""The sparse step as machine code for processors.

B tokens, D d_in, F d_sae, K latents looked at per token, G groups of latents.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.sae.kernels.loops import adam, decoding, selection
from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings, AuxiliaryGradients, Backward, Reconstruction
from mistudio.sae.weights import SparseCode, Weights


class CompiledKernels:
    """`StepKernels` in compiled loops; tensors must be contiguous and on the processor."""

    def top_k(self, pre_BF: Tensor, k: int) -> SparseCode:
        """See `StepKernels.top_k`."""
        keys_BF = pre_BF.detach().contiguous().view(torch.int16 if pre_BF.dtype == torch.bfloat16 else torch.int32)
        tokens = pre_BF.shape[0]
        latents_BK = torch.empty((tokens, k), dtype=torch.int64)
        keys_BK = torch.empty((tokens, k), dtype=keys_BF.dtype)
        selection.select(keys_BF.numpy(), latents_BK.numpy(), keys_BK.numpy(), 4 * _use_torchs_threads())
        return SparseCode(keys_BK.view(pre_BF.dtype).float(), latents_BK)

    def above(self, pre_BF: Tensor, bound_F: Float[Tensor, " F"]) -> SparseCode:
        """See `StepKernels.above`."""
        keys_BF = pre_BF.detach().contiguous().view(torch.int16 if pre_BF.dtype == torch.bfloat16 else torch.int32)
        bound_F = bound_F.clamp_min(0.0)
        # A bfloat16 is the upper half of a float32: cut off, the bound's own bits lie at or below it.
        bits_F = bound_F.view(torch.int32)
        floor_F = (bits_F >> 16).to(torch.int16) if pre_BF.dtype == torch.bfloat16 else bits_F
        counts_B = torch.empty(pre_BF.shape[0], dtype=torch.int64)
        _use_torchs_threads()
        selection.count_above(*_arrays(keys_BF, floor_F, counts_B))
        shape = (pre_BF.shape[0], max(1, int(counts_B.max())))
        keys_BK, latents_BK = torch.zeros(shape, dtype=keys_BF.dtype), torch.zeros(shape, dtype=torch.int64)
        selection.collect_above(*_arrays(keys_BF, floor_F, keys_BK, latents_BK))
        values_BK = keys_BK.view(pre_BF.dtype).float()
        return SparseCode(values_BK * (values_BK > bound_F[latents_BK]), latents_BK)

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: SparseCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
        asked_BK: Bool[Tensor, "B K"],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""
        tokens, d_in = target_BD.shape
        error_BD, slope_BK = torch.empty_like(target_BD), torch.empty_like(code.values_BK)
        squared_error_B, loss_B = torch.empty(tokens), torch.empty(tokens)
        pull_BGD = error_BD.view(tokens, 1, d_in) if len(ends) == 1 else torch.empty((tokens, len(ends), d_in))
        _use_torchs_threads()
        decoding.reconstruct(
            *_arrays(target_BD, code.values_BK, asked_BK, code.latents_BK, W_dec_FD, b_dec_D),
            np.array(ends),
            *_arrays(error_BD, pull_BGD, squared_error_B, loss_B, slope_BK),
        )
        return Reconstruction(error_BD, squared_error_B, loss_B, pull_BGD, slope_BK)

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""
        d_sae = weights.b_enc_F.shape[0]
        auxiliary = backward.auxiliary
        if auxiliary is None:
            nothing = torch.empty((0, 1))
            auxiliary = AuxiliaryGradients(torch.empty(0, dtype=torch.int64), nothing, torch.empty(0), nothing)
        along_F = torch.zeros(d_sae) if backward.along_F is None else backward.along_F
        squared_F = torch.empty(d_sae)
        threads = _use_torchs_threads()
        pattern = decoding.transpose(
            *_arrays(backward.code.latents_BK, backward.code.values_BK, backward.slope_BK),
            d_sae,
            np.float32(backward.scale),
        )
        decoding.weight_gradients(
            *pattern,
            *_arrays(backward.pull_BGD),
            np.array(ends),
            *_arrays(backward.inputs_BD, weights.W_dec_FD, along_F),
            *_arrays(auxiliary.latents_A, auxiliary.W_enc_AD, auxiliary.W_dec_AD),
            *_arrays(out.W_enc_FD, out.b_enc_F, out.W_dec_FD, squared_F),
            backward.unit_norm,
            16 * threads,
        )
        return float(squared_F.sum())

    def adam(self, weights: Weights, gradients: Weights, moments: AdamMoments, settings: AdamSettings) -> None:
        """See `StepKernels.adam`."""
        moments.steps += 1
        constants = np.array(
            [
                settings.lr / (1 - settings.beta1**moments.steps),
                settings.beta1,
                settings.beta2,
                settings.eps,
                settings.gradient_scale,
                1 / math.sqrt(1 - settings.beta2**moments.steps),
            ],
            dtype=np.float32,
        )
        _use_torchs_threads()
        for name, tensor in weights.tensors().items():
            rows = tensor if tensor.dim() == 2 else tensor.view(1, -1)
            group = (gradients.tensors()[name], moments.first.tensors()[name], moments.second.tensors()[name])
            arrays = _arrays(rows, *(other.view_as(rows) for other in group))
            adam.adam(*arrays, constants, settings.unit_norm and name == "W_dec_FD")


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _use_torchs_threads() -> int:
    available: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    threads = min(torch.get_num_threads(), available)
    numba.set_num_threads(threads)
    return threads
