"""Selecting from the activations of a whole batch.

B tokens, K latents looked at per token, N = B·K.
"""

from __future__ import annotations

from mistudio.sae.weights import SparseCode


def keep_largest(code: SparseCode, wanted: int) -> tuple[SparseCode, float]:
    """The `wanted` largest activations of all tokens together; of equals at the cut, those that come first.

    Returns:
        The code, and the smallest activation kept; 0 where none is positive.
    """
    values_N = code.values_BK.flatten()
    if int((values_N > 0).sum()) <= wanted:
        positive_N = values_N[values_N > 0]
        return code, float(positive_N.min()) if positive_N.numel() else 0.0
    cut = values_N.topk(wanted, sorted=False).values.min()
    room = wanted - (values_N > cut).sum()
    at_cut_N = values_N == cut
    kept_N = (values_N > cut) | (at_cut_N & (at_cut_N.cumsum(0) <= room))
    return SparseCode((values_N * kept_N).view_as(code.values_BK), code.latents_BK), float(cut)
