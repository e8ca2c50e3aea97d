"""Encoding by screening: all pre-activations in 8-bit integers, and exactly, in float32, those that may matter.

Processors multiply 8-bit integers twice as fast as bfloat16 or faster. What is found is what float32 alone would find:

1. Divide each dimension of the input by the root of its usual size, and multiply the encoder by the same, so that a few
   large dimensions do not decide how coarsely all others are rounded (after SmoothQuant, arXiv 2211.10438).
2. Round each row to multiples of its largest entry / 127, and multiply: integers without error.
3. Bound what the rounding can have done to each product (`loops.screening`).
4. Compute in float32 what could be kept if all errors were against us, and keep what then is.

B tokens, S tokens of a slice, D d_in, F d_sae, N latents found in all tokens together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from jaxtyping import Float, Int8, Int32
from torch import Tensor

from mistudio.sae.kernels.compiled import arrays_of, use_torchs_threads
from mistudio.sae.kernels.encoding import DenseEncoder
from mistudio.sae.kernels.loops import screening, selection
from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights

_SLICE = 256
"""Tokens at a time: their sums (16 MB at 16,384 latents) stay in the last-level cache."""
_SURE = 6.0
"""Standard deviations of a product's rounding error that are allowed for: one in 10⁹ is larger."""
_MANY = 1 / 48
"""Share of the latents that may be active above which it costs less to compute all in a floating-point dtype."""
_ROOM = 8
"""How many times k latents of a token there is room for before the k largest are known."""
_LEAST_SIZE = 1e-2
"""Of a dimension, as a share of the usual one: smaller ones are rounded as if they had this size."""


class _Rounded(NamedTuple):
    """Rows as multiples of a step each."""

    entries_RD: Int8[Tensor, "R D"]
    step_R: Float[Tensor, " R"]
    norm_R: Float[Tensor, " R"]
    """Times the factor that makes of a step and a norm the allowance for the error of a product."""


class _Slice(NamedTuple):
    """The products of some of a batch's tokens with the encoder, and what both were rounded by."""

    sums_SF: Int32[Tensor, "S F"]
    inputs_SD: Float[Tensor, "S D"]
    step_S: Float[Tensor, " S"]
    norm_S: Float[Tensor, " S"]
    step_F: Float[Tensor, " F"]
    norm_F: Float[Tensor, " F"]


class ScreenedEncoder:
    """`Encoder` for processors with 8-bit dot products.

    Args:
        weights: master weights in float32.
        dense: what encodes where very many latents may be active.
    """

    def __init__(self, weights: Weights, dense: DenseEncoder) -> None:
        self._weights, self._dense = weights, dense
        self._sums_SF = torch.empty((_SLICE, weights.b_enc_F.shape[0]), dtype=torch.int32)
        self._entries_FD = torch.empty(weights.W_enc_FD.shape, dtype=torch.int8)

    def refresh(self) -> None:
        """See `Encoder.refresh`."""
        self._dense.refresh()

    def top_k(self, inputs_BD: Float[Tensor, "B D"], k: int) -> LiveCode:
        """See `Encoder.top_k`."""
        found = LiveCode.join([self._largest(part, k) for part in self._screened(inputs_BD)])
        values_N = self._exact(inputs_BD, found)
        tokens = found.tokens
        latents_BK, values_BK = torch.empty((tokens, k), dtype=torch.int64), torch.empty((tokens, k))
        screening.largest(*arrays_of(values_N, found.latents_N, found.starts_B, latents_BK, values_BK))
        return LiveCode(values_BK.flatten(), latents_BK.flatten(), torch.arange(0, tokens * k + 1, k))

    def above(self, inputs_BD: Float[Tensor, "B D"], bound_F: Float[Tensor, " F"]) -> LiveCode:
        """See `Encoder.above`."""
        bound_F = bound_F.clamp_min(0.0)
        parts, entries = [], 0
        for part in self._screened(inputs_BD):
            parts.append(self._above(part, bound_F))
            entries += parts[-1].latents_N.shape[0]
            if entries > _MANY * inputs_BD.shape[0] * bound_F.shape[0]:
                return self._dense.above(inputs_BD, bound_F)
        found = LiveCode.join(parts)
        code = found.with_values(self._exact(inputs_BD, found))
        return code.where(code.values_N > bound_F[code.latents_N])

    def _largest(self, part: _Slice, k: int) -> LiveCode:
        """The latents that may be among the k largest; values mean nothing."""
        tokens, d_sae = part.sums_SF.shape
        latents_SC = torch.empty((tokens, min(d_sae, _ROOM * k)), dtype=torch.int64)
        counts_S = torch.empty(tokens, dtype=torch.int64)
        screening.screen_largest(
            *arrays_of(*part, self._weights.W_enc_FD, self._weights.b_enc_F),
            k,
            *arrays_of(latents_SC, counts_S),
            4 * use_torchs_threads(),
        )
        latents_N = latents_SC[torch.arange(latents_SC.shape[1]) < counts_S[:, None]]
        starts_S = torch.nn.functional.pad(counts_S.cumsum(0), (1, 0))
        return LiveCode(torch.empty(latents_N.shape), latents_N, starts_S)

    def _above(self, part: _Slice, bound_F: Float[Tensor, " F"]) -> LiveCode:
        """The latents that may exceed their bound; values mean nothing."""
        tokens, d_sae = part.sums_SF.shape
        sums, _, *screened = arrays_of(*part)
        screened += arrays_of(self._weights.b_enc_F - bound_F)
        hits_SC = torch.empty((tokens, selection.blocks_of(d_sae)), dtype=torch.uint8)
        starts_S = torch.zeros(tokens + 1, dtype=torch.int64)
        use_torchs_threads()
        screening.count_above(sums, *screened, *arrays_of(hits_SC, starts_S[1:]))
        starts_S = starts_S.cumsum(0)
        latents_N = torch.empty(int(starts_S[-1]), dtype=torch.int64)
        screening.collect_above(sums, *screened, *arrays_of(hits_SC, starts_S, latents_N))
        return LiveCode(torch.empty(latents_N.shape), latents_N, starts_S)

    def _exact(self, inputs_BD: Float[Tensor, "B D"], found: LiveCode) -> Float[Tensor, " N"]:
        values_N, weights = torch.empty(found.latents_N.shape), self._weights
        screening.exact(
            *arrays_of(inputs_BD, weights.W_enc_FD, weights.b_enc_F, found.latents_N, found.starts_B, values_N),
            16 * use_torchs_threads(),
        )
        return values_N

    def _screened(self, inputs_BD: Float[Tensor, "B D"]) -> Iterator[_Slice]:
        """The products of some tokens after the other with the encoder, both rounded."""
        size_D = inputs_BD.square().mean(0).sqrt()
        usual = size_D.mean()
        stretch_D = (size_D / usual).clamp_min(_LEAST_SIZE).sqrt() if usual > 0 else torch.ones_like(size_D)
        encoder = _rounded(self._weights.W_enc_FD, stretch_D, self._entries_FD)
        inputs = _rounded(inputs_BD, 1 / stretch_D, torch.empty(inputs_BD.shape, dtype=torch.int8))
        for start in range(0, inputs_BD.shape[0], _SLICE):
            part = slice(start, start + _SLICE)
            entries_SD = inputs.entries_RD[part]
            sums_SF = torch._int_mm(entries_SD, encoder.entries_RD.T, out=self._sums_SF[: entries_SD.shape[0]])
            yield _Slice(
                sums_SF, inputs_BD[part], inputs.step_R[part], inputs.norm_R[part], encoder.step_R, encoder.norm_R
            )


def _rounded(
    rows_RD: Float[Tensor, "R D"], stretch_D: Float[Tensor, " D"], entries_RD: Int8[Tensor, "R D"]
) -> _Rounded:
    """Round rows × `stretch_D` into `entries_RD`."""
    rounded = _Rounded(entries_RD, torch.empty(len(rows_RD)), torch.empty(len(rows_RD)))
    use_torchs_threads()
    screening.quantise(*arrays_of(rows_RD, stretch_D, *rounded))
    return rounded._replace(norm_R=rounded.norm_R * (_SURE / math.sqrt(12)))
