"""Decoding loops: the reconstruction and the gradients of the weights.

1. Reconstruction: one visit a token; its decoder rows are still in cache when the error is multiplied back onto them.
2. Weight gradients: the pattern is transposed by a counting sort, and one visit a latent writes both of its rows.

B tokens, D d_in, F d_sae, G groups of latents, N latents looked at in all tokens together, K in one.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from mistudio.sae.kernels.loops.compiler import one_thread, parallel


@one_thread
@no_type_check
def _errors(values_K, latents_K, W_dec_FD, ends_G, error, pull_GD):
    """Add the live rows to `error`, which begins as b_dec − x, and fill `pull_GD`; the mean and last squared norm."""
    groups, d_in = pull_GD.shape
    share = np.float32(1) / np.float32(groups)
    j, total, squared = 0, np.float32(0), np.float32(0)
    for g in range(groups):
        while j < values_K.shape[0] and latents_K[j] < ends_G[g]:
            if values_K[j] > 0:
                value, row = values_K[j], W_dec_FD[latents_K[j]]
                for i in range(d_in):
                    error[i] += value * row[i]
            j += 1
        squared = np.float32(0)
        for i in range(d_in):
            squared += error[i] * error[i]
        total += squared
        if groups > 1:
            for i in range(d_in):
                pull_GD[g, i] = error[i] * share
    for g in range(groups - 2, -1, -1):
        for i in range(d_in):
            pull_GD[g, i] += pull_GD[g + 1, i]
    return total * share, squared


@one_thread
@no_type_check
def _slopes(latents_K, W_dec_FD, ends_G, pull_GD, slope_K):
    g = 0
    for j in range(latents_K.shape[0]):
        while latents_K[j] >= ends_G[g]:
            g += 1
        row, pull = W_dec_FD[latents_K[j]], pull_GD[g]
        slope = np.float32(0)
        for i in range(row.shape[0]):
            slope += row[i] * pull[i]
        slope_K[j] = slope


@parallel
@no_type_check
def reconstruct(
    target_BD, values_N, latents_N, starts_B, W_dec_FD, b_dec_D, ends_G, error_BD, pull_BGD, squared_error_B, loss_B,
    slope_N,
):  # fmt: skip
    """Fill the last five; with one group `pull_BGD` is the memory of `error_BD`."""
    for b in numba.prange(target_BD.shape[0]):
        error, first, last = error_BD[b], starts_B[b], starts_B[b + 1]
        for i in range(error.shape[0]):
            error[i] = b_dec_D[i] - target_BD[b, i]
        latents_K = latents_N[first:last]
        loss_B[b], squared_error_B[b] = _errors(values_N[first:last], latents_K, W_dec_FD, ends_G, error, pull_BGD[b])
        _slopes(latents_K, W_dec_FD, ends_G, pull_BGD[b], slope_N[first:last])


@one_thread
@no_type_check
def transpose(values_N, latents_N, starts_B, slope_N, d_sae, scale):
    """What is not zero, latent by latent: where each begins, and the tokens, values and slopes, scaled."""
    starts = np.zeros(d_sae + 1, np.int64)
    for n in range(latents_N.shape[0]):
        if values_N[n] > 0 or slope_N[n] != 0:
            starts[latents_N[n] + 1] += 1
    for f in range(d_sae):
        starts[f + 1] += starts[f]
    fill = starts[:-1].copy()
    tokens_M = np.empty(starts[d_sae], np.int32)
    values_M = np.empty(starts[d_sae], np.float32)
    slopes_M = np.empty(starts[d_sae], np.float32)
    for b in range(starts_B.shape[0] - 1):
        for n in range(starts_B[b], starts_B[b + 1]):
            if values_N[n] > 0 or slope_N[n] != 0:
                place = fill[latents_N[n]]
                fill[latents_N[n]] = place + 1
                tokens_M[place] = b
                values_M[place] = values_N[n] * scale
                slopes_M[place] = slope_N[n] * scale
    return starts, tokens_M, values_M, slopes_M


@one_thread
@no_type_check
def equal_work(starts, chunks):
    """Bounds of chunks of latents of equal work, not of equal length: popular latents have thousands of tokens."""
    d_sae = starts.shape[0] - 1
    work = starts[d_sae] + d_sae
    bounds = np.empty(chunks + 1, np.int64)
    bounds[0] = 0
    f = 0
    for chunk in range(1, chunks + 1):
        while f < d_sae and starts[f] + f < chunk * work // chunks:
            f += 1
        bounds[chunk] = f
    bounds[chunks] = d_sae
    return bounds


@one_thread
@no_type_check
def _latent_gradients(first, last, tokens_N, values_N, slopes_N, pull_BGD, group, inputs_BD, enc, dec):
    bias = np.float32(0)
    for n in range(first, last):
        pull, inputs = pull_BGD[tokens_N[n], group], inputs_BD[tokens_N[n]]
        value, slope = values_N[n], slopes_N[n]
        for i in range(dec.shape[0]):
            dec[i] += value * pull[i]
        for i in range(enc.shape[0]):
            enc[i] += slope * inputs[i]
        bias += slope
    return bias


@parallel
@no_type_check
def weight_gradients(
    starts, tokens_N, values_N, slopes_N, pull_BGD, ends_G, inputs_BD, W_dec_FD, along_F, aux_latents_A, aux_enc_AD,
    aux_dec_AD, out_enc_FD, out_b_F, out_dec_FD, squared_F, unit_norm, chunks,
):  # fmt: skip
    """Fill the three gradients and the squared norm of each latent's two rows."""
    d_sae, d_in = out_dec_FD.shape
    aux_row = np.full(d_sae, -1, np.int64)
    for a in range(aux_latents_A.shape[0]):
        aux_row[aux_latents_A[a]] = a
    bounds = equal_work(starts, chunks)
    for chunk in numba.prange(chunks):
        group = 0
        for latent in range(bounds[chunk], bounds[chunk + 1]):
            while latent >= ends_G[group]:
                group += 1
            enc, dec, live = out_enc_FD[latent], out_dec_FD[latent], W_dec_FD[latent]
            a = aux_row[latent]
            if a >= 0:
                enc[:] = aux_enc_AD[a]
                dec[:] = aux_dec_AD[a]
            else:
                enc[:] = 0
                dec[:] = 0
            out_b_F[latent] = _latent_gradients(
                starts[latent], starts[latent + 1], tokens_N, values_N, slopes_N, pull_BGD, group, inputs_BD, enc, dec
            )
            along = along_F[latent]
            if unit_norm:
                for i in range(d_in):
                    along -= dec[i] * live[i]
            squared = np.float32(0)
            for i in range(d_in):
                dec[i] += along * live[i]
                squared += dec[i] * dec[i]
            for i in range(enc.shape[0]):
                squared += enc[i] * enc[i]
            squared_F[latent] = squared
