"""Selection loops: bfloat16 and float32 bit patterns of positive numbers order like integers.

The k-th largest of the maxima of blocks of 64 latents is a lower bound of the k-th largest activation, so only blocks
above it are looked into.

B tokens, F d_sae, K active latents per token.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np

from mistudio.sae.kernels.loops.compiler import one_thread, parallel

BLOCK = 64
"""Latents that are looked at together."""


@one_thread
@no_type_check
def nth_largest(values, count, n):
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


@one_thread
@no_type_check
def _lower_bound(row, k, block_max, scratch):
    """Fill `block_max`; returns a positive number that at least k entries of `row` reach, or 1."""
    d_sae, blocks = row.shape[0], block_max.shape[0]
    for block in range(blocks):
        largest = row[block * BLOCK]
        for j in range(block * BLOCK, min((block + 1) * BLOCK, d_sae)):
            largest = max(largest, row[j])
        block_max[block] = largest
    if blocks < k:
        return 1
    scratch[:blocks] = block_max
    return max(1, nth_largest(scratch, blocks, k))


@one_thread
@no_type_check
def _collect(row, bound, block_max, candidates, scratch):
    """The entries of `row` that reach `bound`, in order; returns how many there are."""
    found = 0
    for block in range(block_max.shape[0]):
        if block_max[block] >= bound:
            for j in range(block * BLOCK, min((block + 1) * BLOCK, row.shape[0])):
                if row[j] >= bound:
                    candidates[found] = j
                    scratch[found] = row[j]
                    found += 1
    return found


@one_thread
@no_type_check
def _select_row(row, scratch, block_max, candidates, latents, keys):
    k = latents.shape[0]
    bound = _lower_bound(row, k, block_max, scratch)
    found = _collect(row, bound, block_max, candidates, scratch)
    ties = k
    if found > k:
        bound = nth_largest(scratch, found, k)
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


@parallel
@no_type_check
def select(keys_BF, latents_BK, keys_BK, chunks):
    """The k largest positive keys of each token, in the order of the latents."""
    tokens, d_sae = keys_BF.shape
    for chunk in numba.prange(chunks):
        scratch = np.empty(d_sae, keys_BF.dtype)
        block_max = np.empty((d_sae + BLOCK - 1) // BLOCK, keys_BF.dtype)
        candidates = np.empty(d_sae, np.int32)
        for b in range(chunk * tokens // chunks, (chunk + 1) * tokens // chunks):
            _select_row(keys_BF[b], scratch, block_max, candidates, latents_BK[b], keys_BK[b])


def blocks_of(d_sae: int) -> int:
    """Number of blocks of latents."""
    return (d_sae + BLOCK - 1) // BLOCK


@parallel
@no_type_check
def count_above(keys_BF, floor_F, hits_BC, counts_B):
    """How many keys of each block of latents exceed their floor, and behind counts_B[0] how many of each token."""
    for b in numba.prange(keys_BF.shape[0]):
        total = 0
        for c in range(hits_BC.shape[1]):
            count = 0
            for f in range(c * BLOCK, min((c + 1) * BLOCK, keys_BF.shape[1])):
                count += keys_BF[b, f] > floor_F[f]
            hits_BC[b, c] = count
            total += count
        counts_B[b + 1] = total


@parallel
@no_type_check
def collect_above(keys_BF, floor_F, hits_BC, starts_B, keys_N, latents_N):
    """Those keys, in the order of the latents."""
    for b in numba.prange(keys_BF.shape[0]):
        place = starts_B[b]
        for c in range(hits_BC.shape[1]):
            if hits_BC[b, c]:
                for f in range(c * BLOCK, min((c + 1) * BLOCK, keys_BF.shape[1])):
                    if keys_BF[b, f] > floor_F[f]:
                        keys_N[place] = keys_BF[b, f]
                        latents_N[place] = f
                        place += 1
