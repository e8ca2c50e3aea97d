"""The sparse TopK step as machine code for processors, compiled by Numba at first use and cached beside this file.

1. Top-k: bfloat16 and float32 bit patterns of positive numbers order like integers. The k-th largest of the maxima of
   blocks of 64 latents is a lower bound of the k-th largest activation, so only blocks above it are looked into.
2. Reconstruction: one visit a token; its decoder rows are still in cache when the error is multiplied back onto them.
3. Weight gradients: the pattern is transposed by a counting sort, and one visit a latent writes both of its rows.
4. Adam, decoder normalisation: one pass over the parameters.

Each loop runs over tokens or latents that are written by one thread only, so results do not depend on timing.

B tokens, D d_in, F d_sae, K active latents per token, N = B·K.
"""

from __future__ import annotations

import math
from typing import Any, no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings, AuxiliaryGradients, Reconstruction
from mistudio.sae.weights import SparseCode, Weights

_BLOCK = 64
_jit = numba.njit(cache=True, fastmath=True, nogil=True)
_parallel = numba.njit(cache=True, fastmath=True, nogil=True, parallel=True)


class CompiledKernels:
    """`StepKernels` in compiled loops; tensors must be contiguous and on the processor."""

    def top_k(self, pre_BF: Tensor, k: int) -> SparseCode:
        """See `StepKernels.top_k`."""
        keys_BF = pre_BF.detach().contiguous().view(torch.int16 if pre_BF.dtype == torch.bfloat16 else torch.int32)
        tokens = pre_BF.shape[0]
        latents_BK = torch.empty((tokens, k), dtype=torch.int64)
        keys_BK = torch.empty((tokens, k), dtype=keys_BF.dtype)
        _select(keys_BF.numpy(), latents_BK.numpy(), keys_BK.numpy(), 4 * _use_torchs_threads())
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
        _count_above(*_arrays(keys_BF, floor_F, counts_B))
        shape = (pre_BF.shape[0], max(1, int(counts_B.max())))
        keys_BK, latents_BK = torch.zeros(shape, dtype=keys_BF.dtype), torch.zeros(shape, dtype=torch.int64)
        _collect_above(*_arrays(keys_BF, floor_F, keys_BK, latents_BK))
        values_BK = keys_BK.view(pre_BF.dtype).float()
        return SparseCode(values_BK * (values_BK > bound_F[latents_BK]), latents_BK)

    def reconstruct(
        self,
        x_BD: Float[Tensor, "B D"],
        code: SparseCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""
        error_BD = torch.empty_like(x_BD)
        squared_error_B = torch.empty(x_BD.shape[0])
        slope_BK = torch.empty_like(code.values_BK)
        _use_torchs_threads()
        _reconstruct(*_arrays(x_BD, *code, W_dec_FD, b_dec_D, error_BD, squared_error_B, slope_BK))
        return Reconstruction(error_BD, squared_error_B, slope_BK)

    def weight_gradients(
        self,
        code: SparseCode,
        reconstruction: Reconstruction,
        inputs_BD: Float[Tensor, "B D"],
        weights: Weights,
        scale: float,
        auxiliary: AuxiliaryGradients | None,
        out: Weights,
    ) -> float:
        """See `StepKernels.weight_gradients`."""
        d_sae, d_in = weights.W_enc_FD.shape
        if auxiliary is None:
            nothing = torch.empty((0, d_in))
            auxiliary = AuxiliaryGradients(torch.empty(0, dtype=torch.int64), nothing, torch.empty(0), nothing)
        values_BK, latents_BK = code
        squared_F = torch.empty(d_sae)
        threads = _use_torchs_threads()
        starts, tokens_N, values_N, slopes_N = _transpose(
            *_arrays(latents_BK, values_BK, reconstruction.slope_BK), d_sae, np.float32(scale)
        )
        _weight_gradients(
            starts,
            tokens_N,
            values_N,
            slopes_N,
            *_arrays(reconstruction.error_BD, inputs_BD, weights.W_dec_FD, *auxiliary),
            *_arrays(out.W_enc_FD, out.b_enc_F, out.W_dec_FD, squared_F),
            16 * threads,
        )
        live_b_enc_F = out.b_enc_F
        if auxiliary.latents_A.numel():  # AuxK's gradient stops at the encoder's input.
            live_b_enc_F = out.b_enc_F.index_add(0, auxiliary.latents_A, auxiliary.b_enc_A, alpha=-1.0)
        # The encoder sees x − b_dec, so b_dec also gets the encoder's gradient, negated.
        torch.sum(reconstruction.error_BD, 0, out=out.b_dec_D)
        out.b_dec_D.mul_(scale).sub_(live_b_enc_F @ weights.W_enc_FD)
        return float(squared_F.sum() + out.b_enc_F.pow(2).sum() + out.b_dec_D.pow(2).sum())

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
            _adam(*arrays, constants, name == "W_dec_FD")


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _use_torchs_threads() -> int:
    available: int = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    threads = min(torch.get_num_threads(), available)
    numba.set_num_threads(threads)
    return threads


@_jit
@no_type_check
def _nth_largest(values, count, n):
    """The n-th largest (from 1) of values[:count], by quickselect; reorders them."""
    low, high, target = 0, count - 1, n - 1
    while low < high:
        pivot = values[(low + high) // 2]
        left, right = low, high
        while left <= right:
            while values[left] > pivot:
                left += 1
            while values[right] < pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if target <= right:
            high = right
        elif target >= left:
            low = left
        else:
            break
    return values[target]


@_jit
@no_type_check
def _lower_bound(row, k, block_max, scratch):
    """Fill `block_max`; returns a positive number that at least k entries of `row` reach, or 1."""
    d_sae, blocks = row.shape[0], block_max.shape[0]
    for block in range(blocks):
        largest = row[block * _BLOCK]
        for j in range(block * _BLOCK, min((block + 1) * _BLOCK, d_sae)):
            largest = max(largest, row[j])
        block_max[block] = largest
    if blocks < k:
        return 1
    scratch[:blocks] = block_max
    return max(1, _nth_largest(scratch, blocks, k))


@_jit
@no_type_check
def _collect(row, bound, block_max, candidates, scratch):
    """The entries of `row` that reach `bound`, in order; returns how many there are."""
    found = 0
    for block in range(block_max.shape[0]):
        if block_max[block] >= bound:
            for j in range(block * _BLOCK, min((block + 1) * _BLOCK, row.shape[0])):
                if row[j] >= bound:
                    candidates[found] = j
                    scratch[found] = row[j]
                    found += 1
    return found


@_jit
@no_type_check
def _select_row(row, scratch, block_max, candidates, latents, keys):
    k = latents.shape[0]
    bound = _lower_bound(row, k, block_max, scratch)
    found = _collect(row, bound, block_max, candidates, scratch)
    ties = k
    if found > k:
        bound = _nth_largest(scratch, found, k)
        for c in range(found):
            if row[candidates[c]] > bound:
                ties -= 1
    kept = 0
    for c in range(found):
        key = row[candidates[c]]
        if key > bound or (key == bound and ties > 0):
            if key == bound:
                ties -= 1
            latents[kept] = candidates[c]
            keys[kept] = key
            kept += 1
    latents[kept:] = row.shape[0] - 1
    keys[kept:] = 0


@_parallel
@no_type_check
def _select(keys_BF, latents_BK, keys_BK, chunks):
    tokens, d_sae = keys_BF.shape
    for chunk in numba.prange(chunks):
        scratch = np.empty(d_sae, keys_BF.dtype)
        block_max = np.empty((d_sae + _BLOCK - 1) // _BLOCK, keys_BF.dtype)
        candidates = np.empty(d_sae, np.int32)
        for b in range(chunk * tokens // chunks, (chunk + 1) * tokens // chunks):
            _select_row(keys_BF[b], scratch, block_max, candidates, latents_BK[b], keys_BK[b])


@_parallel
@no_type_check
def _count_above(keys_BF, floor_F, counts_B):
    for b in numba.prange(keys_BF.shape[0]):
        count = 0
        for f in range(keys_BF.shape[1]):
            count += keys_BF[b, f] > 0 and keys_BF[b, f] >= floor_F[f]
        counts_B[b] = count


@_parallel
@no_type_check
def _collect_above(keys_BF, floor_F, keys_BK, latents_BK):
    for b in numba.prange(keys_BF.shape[0]):
        found = 0
        for f in range(keys_BF.shape[1]):
            key = keys_BF[b, f]
            if key > 0 and key >= floor_F[f]:
                keys_BK[b, found] = key
                latents_BK[b, found] = f
                found += 1


@_parallel
@no_type_check
def _reconstruct(x_BD, values_BK, latents_BK, W_dec_FD, b_dec_D, error_BD, squared_error_B, slope_BK):
    tokens, d_in = x_BD.shape
    for b in numba.prange(tokens):
        error = error_BD[b]
        for i in range(d_in):
            error[i] = b_dec_D[i] - x_BD[b, i]
        for j in range(values_BK.shape[1]):
            value = values_BK[b, j]
            if value > 0:
                row = W_dec_FD[latents_BK[b, j]]
                for i in range(d_in):
                    error[i] += value * row[i]
        total = np.float32(0)
        for i in range(d_in):
            total += error[i] * error[i]
        squared_error_B[b] = total
        for j in range(values_BK.shape[1]):
            slope = np.float32(0)
            if values_BK[b, j] > 0:
                row = W_dec_FD[latents_BK[b, j]]
                for i in range(d_in):
                    slope += row[i] * error[i]
            slope_BK[b, j] = slope


@_jit
@no_type_check
def _transpose(latents_BK, values_BK, slope_BK, d_sae, scale):
    tokens, k = latents_BK.shape
    starts = np.zeros(d_sae + 1, np.int64)
    for b in range(tokens):
        for j in range(k):
            if values_BK[b, j] > 0:
                starts[latents_BK[b, j] + 1] += 1
    for f in range(d_sae):
        starts[f + 1] += starts[f]
    fill = starts[:-1].copy()
    tokens_N = np.empty(starts[d_sae], np.int32)
    values_N = np.empty(starts[d_sae], np.float32)
    slopes_N = np.empty(starts[d_sae], np.float32)
    for b in range(tokens):
        for j in range(k):
            if values_BK[b, j] > 0:
                place = fill[latents_BK[b, j]]
                fill[latents_BK[b, j]] = place + 1
                tokens_N[place] = b
                values_N[place] = values_BK[b, j] * scale
                slopes_N[place] = slope_BK[b, j] * scale
    return starts, tokens_N, values_N, slopes_N


@_jit
@no_type_check
def _latent_gradients(first, last, tokens_N, values_N, slopes_N, error_BD, inputs_BD, enc, dec):
    d_in = enc.shape[0]
    bias = np.float32(0)
    for n in range(first, last):
        error, inputs = error_BD[tokens_N[n]], inputs_BD[tokens_N[n]]
        value, slope = values_N[n], slopes_N[n]
        for i in range(d_in):
            dec[i] += value * error[i]
            enc[i] += slope * inputs[i]
        bias += slope
    return bias


@_parallel
@no_type_check
def _weight_gradients(
    starts, tokens_N, values_N, slopes_N, error_BD, inputs_BD, W_dec_FD, aux_latents_A, aux_enc_AD, aux_b_A, aux_dec_AD,
    out_enc_FD, out_b_F, out_dec_FD, squared_F, chunks,
):  # fmt: skip
    d_sae, d_in = out_enc_FD.shape
    aux_row = np.full(d_sae, -1, np.int64)
    for a in range(aux_latents_A.shape[0]):
        aux_row[aux_latents_A[a]] = a
    # Chunks of equal work, not of equal length: popular latents have thousands of tokens.
    work = starts[d_sae] + d_sae
    bounds = np.empty(chunks + 1, np.int64)
    bounds[0] = 0
    f = 0
    for chunk in range(1, chunks + 1):
        while f < d_sae and starts[f] + f < chunk * work // chunks:
            f += 1
        bounds[chunk] = f
    bounds[chunks] = d_sae
    for chunk in numba.prange(chunks):
        for latent in range(bounds[chunk], bounds[chunk + 1]):
            enc, dec, live = out_enc_FD[latent], out_dec_FD[latent], W_dec_FD[latent]
            a = aux_row[latent]
            bias = np.float32(0)
            if a >= 0:
                enc[:] = aux_enc_AD[a]
                dec[:] = aux_dec_AD[a]
                bias = aux_b_A[a]
            else:
                enc[:] = 0
                dec[:] = 0
            bias += _latent_gradients(
                starts[latent], starts[latent + 1], tokens_N, values_N, slopes_N, error_BD, inputs_BD, enc, dec
            )
            out_b_F[latent] = bias
            along = np.float32(0)
            for i in range(d_in):
                along += dec[i] * live[i]
            squared = np.float32(0)
            for i in range(d_in):
                dec[i] -= along * live[i]
                squared += dec[i] * dec[i] + enc[i] * enc[i]
            squared_F[latent] = squared


@_parallel
@no_type_check
def _adam(rows_FD, gradients_FD, first_FD, second_FD, constants, unit_norm):
    lr, beta1, beta2, eps, scale, unbias = constants
    d_in = rows_FD.shape[1]
    one = np.float32(1)
    for f in numba.prange(rows_FD.shape[0]):
        row, gradient, first, second = rows_FD[f], gradients_FD[f], first_FD[f], second_FD[f]
        for i in range(d_in):
            g = gradient[i] * scale
            first[i] = beta1 * first[i] + (one - beta1) * g
            second[i] = beta2 * second[i] + (one - beta2) * g * g
            row[i] -= lr * first[i] / (np.sqrt(second[i]) * unbias + eps)
        if unit_norm:
            squared = np.float32(0)
            for i in range(d_in):
                squared += row[i] * row[i]
            factor = one / np.sqrt(squared)
            for i in range(d_in):
                row[i] *= factor
