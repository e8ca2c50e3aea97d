"""The sparse step as machine code for processors.

B tokens, D d_in, F d_sae, G groups of latents, N latents looked at in all tokens together.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.kernels.loops import adam, decoding, selection
from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings, AuxiliaryGradients, Backward, Reconstruction
from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights


class CompiledKernels:
    """`StepKernels` in compiled loops; tensors must be contiguous and on the processor."""

    def top_k(self, pre_BF: Tensor, k: int) -> LiveCode:
        """See `StepKernels.top_k`."""
        keys_BF, tokens = _keys(pre_BF), pre_BF.shape[0]
        latents_BK = torch.empty((tokens, k), dtype=torch.int64)
        keys_BK = torch.empty((tokens, k), dtype=keys_BF.dtype)
        selection.select(keys_BF.numpy(), latents_BK.numpy(), keys_BK.numpy(), 4 * use_torchs_threads())
        starts_B = torch.arange(0, tokens * k + 1, k)
        return LiveCode(keys_BK.view(pre_BF.dtype).float().flatten(), latents_BK.flatten(), starts_B)

    def above(self, pre_BF: Tensor, bound_F: Float[Tensor, " F"]) -> LiveCode:
        """See `StepKernels.above`."""
        keys_BF, tokens = _keys(pre_BF), pre_BF.shape[0]
        # A bfloat16 is the upper half of a float32: it exceeds a bound where it exceeds the bound's upper half.
        bits_F = bound_F.clamp_min(0.0).view(torch.int32)
        floor_F = (bits_F >> 16).to(torch.int16) if pre_BF.dtype == torch.bfloat16 else bits_F
        hits_BC = torch.empty((tokens, selection.blocks_of(pre_BF.shape[1])), dtype=torch.uint8)
        starts_B = torch.zeros(tokens + 1, dtype=torch.int64)
        use_torchs_threads()
        selection.count_above(*arrays_of(keys_BF, floor_F, hits_BC, starts_B))
        starts_B = starts_B.cumsum(0)
        keys_N = torch.empty(int(starts_B[-1]), dtype=keys_BF.dtype)
        latents_N = torch.empty(keys_N.shape, dtype=torch.int64)
        selection.collect_above(*arrays_of(keys_BF, floor_F, hits_BC, starts_B, keys_N, latents_N))
        return LiveCode(keys_N.view(pre_BF.dtype).float(), latents_N, starts_B)

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: LiveCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""
        tokens, d_in = target_BD.shape
        error_BD, slope_N = torch.empty_like(target_BD), torch.empty_like(code.values_N)
        squared_error_B, loss_B = torch.empty(tokens), torch.empty(tokens)
        pull_BGD = error_BD.view(tokens, 1, d_in) if len(ends) == 1 else torch.empty((tokens, len(ends), d_in))
        use_torchs_threads()
        decoding.reconstruct(
            *arrays_of(target_BD, *code, W_dec_FD, b_dec_D),
            np.array(ends),
            *arrays_of(error_BD, pull_BGD, squared_error_B, loss_B, slope_N),
        )
        return Reconstruction(error_BD, squared_error_B, loss_B, pull_BGD, slope_N)

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""
        d_sae = weights.b_enc_F.shape[0]
        auxiliary = backward.auxiliary
        if auxiliary is None:
            nothing = torch.empty((0, 1))
            auxiliary = AuxiliaryGradients(torch.empty(0, dtype=torch.int64), nothing, torch.empty(0), nothing)
        along_F = torch.zeros(d_sae) if backward.along_F is None else backward.along_F
        squared_F = torch.empty(d_sae)
        threads = use_torchs_threads()
        pattern = decoding.transpose(
            *arrays_of(*backward.code, backward.slope_N),
            d_sae,
            np.float32(backward.scale),
        )
        decoding.weight_gradients(
            *pattern,
            *arrays_of(backward.pull_BGD),
            np.array(ends),
            *arrays_of(backward.inputs_BD, weights.W_dec_FD, along_F),
            *arrays_of(auxiliary.latents_A, auxiliary.W_enc_AD, auxiliary.W_dec_AD),
            *arrays_of(out.W_enc_FD, out.b_enc_F, out.W_dec_FD, squared_F),
            backward.unit_norm,
            16 * threads,
        )
        return float(squared_F.sum())

    def adam(self, weights: Weights, gradients: Weights, moments: AdamMoments, settings: AdamSettings) -> None:
        """See `StepKernels.adam`."""
        moments.steps += 1
        constants = np.array(
            [
                1 / (1 - settings.beta1**moments.steps),
                settings.beta1,
                settings.beta2,
                settings.eps,
                settings.gradient_scale,
                1 / math.sqrt(1 - settings.beta2**moments.steps),
            ],
            dtype=np.float32,
        )
        use_torchs_threads()
        for name, tensor in weights.tensors().items():
            rows = tensor if tensor.dim() == 2 else tensor.view(1, -1)
            group = (gradients.tensors()[name], moments.first.tensors()[name], moments.second.tensors()[name])
            arrays = arrays_of(rows, *(other.view_as(rows) for other in group))
            lr = np.float32(settings.lr * settings.faster.get(name, 1.0))
            adam.adam(*arrays, lr, constants, settings.unit_norm and name == "W_dec_FD")


def _keys(pre_BF: Tensor) -> Tensor:
    """Integers that are ordered as the positive numbers are."""
    return pre_BF.detach().contiguous().view(torch.int16 if pre_BF.dtype == torch.bfloat16 else torch.int32)


def arrays_of(*tensors: Tensor) -> list[Any]:
    """Tensors as Numba takes them, without a copy where they are contiguous."""
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def use_torchs_threads() -> int:
    """Let Numba use as many threads as PyTorch may; returns how many."""
    available: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    threads = min(torch.get_num_threads(), available)
    numba.set_num_threads(threads)
    return threads
