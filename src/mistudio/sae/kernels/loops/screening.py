"""Screening loops: products of 8-bit integers say which latents may be active, and exact products settle it.

A row's entries are rounded to multiples of its largest entry / 127. Rounding errors are spread evenly over a step, so
that the error of a product of two rows is close to normal, with the variance

    (step_x² · ‖w‖² + step_w² · ‖x‖²) / 12.

A latent's slack is a multiple of an upper bound of that standard deviation, step_x · ‖w‖ + step_w · ‖x‖, in which the
norms come with the factor. Only latents that could be kept if all errors were against us are computed exactly, in
float32.

B tokens, D d_in, F d_sae, S tokens of a slice, C blocks of latents, K active latents per token.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from mistudio.sae.kernels.loops.compiler import one_thread, parallel
from mistudio.sae.kernels.loops.decoding import equal_work
from mistudio.sae.kernels.loops.selection import BLOCK, nth_largest

_ROUNDED = np.float32(1 - 1e-5)
"""What float32 loses in computing a bound, as a factor on it."""


@parallel
@no_type_check
def quantise(rows_RD, stretch_D, out_RD, step_R, norm_R):
    """Round rows × `stretch_D` to 8-bit multiples of a step, and fill each row's step and norm."""
    for r in numba.prange(rows_RD.shape[0]):
        row, out = rows_RD[r], out_RD[r]
        largest, squared = np.float32(0), np.float32(0)
        for i in range(row.shape[0]):
            value = row[i] * stretch_D[i]
            largest = max(largest, abs(value))
            squared += value * value
        inverse = np.float32(127) / largest if largest > 0 else np.float32(0)
        for i in range(row.shape[0]):
            out[i] = np.int8(np.rint(row[i] * stretch_D[i] * inverse))
        step_R[r] = largest / np.float32(127)
        norm_R[r] = np.sqrt(squared)


@one_thread
@no_type_check
def _product(x, row):
    total = np.float32(0)
    for i in range(x.shape[0]):
        total += x[i] * row[i]
    return total


@one_thread
@no_type_check
def _highest(sums, step, reach, over, x_step, x_norm, out):
    """What a block's products come to if all errors are upwards, added to `over`; returns the largest."""
    largest = np.float32(-np.inf)
    for j in range(sums.shape[0]):
        # Without the cast it would be double precision, and half as fast.
        value = step[j] * (np.float32(sums[j]) * x_step + x_norm) + x_step * reach[j] + over[j]
        out[j] = value
        if value > largest:
            largest = value
    return largest


@one_thread
@no_type_check
def _candidates(sums, x_step, x_norm, slack, step_F, reach_F, bias_F, k, block_max, ids, highest, lowest, scratch):
    """Fill `ids` with the latents that may be among the k largest and positive; returns how many there are.

    No latent of this token has a larger slack than `slack`.
    """
    d_sae, blocks = sums.shape[0], block_max.shape[0]
    for c in range(blocks):
        block = slice(c * BLOCK, min((c + 1) * BLOCK, d_sae))
        block_max[c] = _highest(
            sums[block], step_F[block], reach_F[block], bias_F[block], x_step, x_norm, highest[block]
        )
    # Twice the slack below the k-th largest block begins what cannot be among the k largest.
    least = np.float32(0)
    if blocks >= k:
        scratch[:blocks] = block_max
        least = _ROUNDED * (nth_largest(scratch, blocks, k) - 2 * slack)
    found = 0
    for c in range(blocks):
        if block_max[c] > 0 and block_max[c] >= least:
            for f in range(c * BLOCK, min((c + 1) * BLOCK, d_sae)):
                if highest[f] > 0 and highest[f] >= least:
                    ids[found] = f
                    lowest[found] = highest[f] - 2 * (x_step * reach_F[f] + x_norm * step_F[f])
                    found += 1
    if found <= k:
        return found
    scratch[:found] = lowest[:found]
    least = _ROUNDED * nth_largest(scratch, found, k)
    kept = 0
    for n in range(found):
        if highest[ids[n]] >= least:
            ids[kept] = ids[n]
            kept += 1
    return kept


@parallel
@no_type_check
def screen_largest(
    sums_SF, inputs_SD, x_step_S, x_norm_S, step_F, reach_F, W_FD, bias_F, k, latents_SC, counts_S, chunks,
):  # fmt: skip
    """Fill `latents_SC` with those that may be among the k largest of each token, and how many there are.

    Where there is no room for all, the k largest themselves are found at once.
    """
    tokens, d_sae = sums_SF.shape
    longest_step, longest_reach = step_F.max(), reach_F.max()
    for chunk in numba.prange(chunks):
        block_max = np.empty((d_sae + BLOCK - 1) // BLOCK, np.float32)
        ids = np.empty(d_sae, np.int32)
        highest, lowest, scratch = np.empty((3, d_sae), np.float32)
        for s in range(chunk * tokens // chunks, (chunk + 1) * tokens // chunks):
            x_step, x_norm = x_step_S[s], x_norm_S[s]
            slack = x_step * longest_reach + x_norm * longest_step
            found = _candidates(
                sums_SF[s], x_step, x_norm, slack, step_F, reach_F, bias_F, k, block_max, ids, highest, lowest, scratch
            )
            if found > latents_SC.shape[1]:
                for n in range(found):
                    lowest[n] = _product(inputs_SD[s], W_FD[ids[n]]) + bias_F[ids[n]]
                found = keep_largest(lowest, ids, found, k, scratch)
            counts_S[s] = found
            for n in range(found):
                latents_SC[s, n] = ids[n]


@one_thread
@no_type_check
def keep_largest(values, ids, count, k, scratch):
    """Move the k largest positive of values[:count] to the front, in order, and their ids; returns how many there are.

    Ties keep what comes first.
    """
    bound, ties = np.float32(0), k
    if count > k:
        scratch[:count] = values[:count]
        bound = nth_largest(scratch, count, k)
        for n in range(count):
            if values[n] > bound:
                ties -= 1
    kept = 0
    for n in range(count):
        if values[n] > 0 and (values[n] > bound or (values[n] == bound and ties > 0)):
            if values[n] == bound:
                ties -= 1
            values[kept], ids[kept] = values[n], ids[n]
            kept += 1
    return kept


@parallel
@no_type_check
def largest(values_N, latents_N, starts_B, latents_BK, values_BK):
    """The k largest positive values of each token in the order of the latents; zeros for what there is not."""
    k = latents_BK.shape[1]
    for b in numba.prange(latents_BK.shape[0]):
        first, last = starts_B[b], starts_B[b + 1]
        values, latents = values_N[first:last], latents_N[first:last]
        kept = keep_largest(values, latents, last - first, k, np.empty(last - first, np.float32))
        values_BK[b, :kept], latents_BK[b, :kept] = values[:kept], latents[:kept]
        values_BK[b, kept:], latents_BK[b, kept:] = 0, 0


@one_thread
@no_type_check
def _by_latent(latents_N, starts_B, d_sae):
    """Where each latent begins, and the tokens and the places of its entries."""
    starts = np.zeros(d_sae + 1, np.int64)
    for n in range(latents_N.shape[0]):
        starts[latents_N[n] + 1] += 1
    for f in range(d_sae):
        starts[f + 1] += starts[f]
    fill = starts[:-1].copy()
    tokens_N = np.empty(latents_N.shape[0], np.int32)
    places_N = np.empty(latents_N.shape[0], np.int32)
    for b in range(starts_B.shape[0] - 1):
        for n in range(starts_B[b], starts_B[b + 1]):
            place = fill[latents_N[n]]
            fill[latents_N[n]] = place + 1
            tokens_N[place], places_N[place] = b, n
    return starts, tokens_N, places_N


@parallel
@no_type_check
def exact(inputs_BD, W_FD, bias_F, latents_N, starts_B, values_N, chunks):
    """Fill `values_N` with the pre-activations, latent by latent: each of the encoder's rows is read once."""
    d_sae = W_FD.shape[0]
    starts, tokens_N, places_N = _by_latent(latents_N, starts_B, d_sae)
    bounds = equal_work(starts, chunks)
    for chunk in numba.prange(chunks):
        for f in range(bounds[chunk], bounds[chunk + 1]):
            for n in range(starts[f], starts[f + 1]):
                values_N[places_N[n]] = _product(inputs_BD[tokens_N[n]], W_FD[f]) + bias_F[f]


@parallel
@no_type_check
def count_above(sums_SF, x_step_S, x_norm_S, step_F, reach_F, over_F, hits_SC, counts_S):
    """How many latents of each block may exceed their bound, and of each token; `over_F` is bias − bound."""
    d_sae = sums_SF.shape[1]
    for s in numba.prange(sums_SF.shape[0]):
        highest, total = np.empty(BLOCK, np.float32), 0
        for c in range(hits_SC.shape[1]):
            block = slice(c * BLOCK, min((c + 1) * BLOCK, d_sae))
            sums, count = sums_SF[s, block], 0
            largest = _highest(sums, step_F[block], reach_F[block], over_F[block], x_step_S[s], x_norm_S[s], highest)
            if largest > 0:
                for j in range(sums.shape[0]):
                    count += highest[j] > 0
            hits_SC[s, c] = count
            total += count
        counts_S[s] = total


@parallel
@no_type_check
def collect_above(sums_SF, x_step_S, x_norm_S, step_F, reach_F, over_F, hits_SC, starts_S, latents_N):
    """Those latents in their order."""
    d_sae = sums_SF.shape[1]
    for s in numba.prange(sums_SF.shape[0]):
        highest, place = np.empty(BLOCK, np.float32), starts_S[s]
        for c in range(hits_SC.shape[1]):
            if hits_SC[s, c]:
                block = slice(c * BLOCK, min((c + 1) * BLOCK, d_sae))
                sums = sums_SF[s, block]
                _highest(sums, step_F[block], reach_F[block], over_F[block], x_step_S[s], x_norm_S[s], highest)
                for j in range(sums.shape[0]):
                    if highest[j] > 0:
                        latents_N[place] = c * BLOCK + j
                        place += 1
