"""Transcoders: latents that read one hook point and write another (Dunefsky et al. 2024, arXiv 2406.11944).

    z = W_enc x + b_enc        ŷ = W_decᵀ a + b_dec (+ W_skip x)

Which latents are active is another architecture's part, as it is how they are trained. The encoder reads x itself: the
decoder's bias belongs to the target. A skip connection (Paulo et al. 2025, arXiv 2501.18823) takes the part of the map
that is linear, so that latents are left with what is not.

B tokens, D d_in, E d_out, F d_sae.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import SaeConfig
from mistudio.sae.weights import W_SKIP, SparseCode, Weights

Encode = Callable[[Float[Tensor, "B D"], Weights, Any], SparseCode]


def reading(encode: Encode, kind: type[SaeConfig]) -> Encode:
    """The encoder of an SAE without the decoder's bias; `kind` is its configuration."""

    def read(x_BD: Float[Tensor, "B D"], weights: Weights, config: Any) -> SparseCode:
        nothing_D = torch.zeros_like(x_BD[0]) if len(x_BD) else x_BD.new_zeros(x_BD.shape[1])
        own = kind.model_construct(**{name: value for name, value in config if name != "architecture"})
        # No encoder looks at the decoder, which is of the target's width.
        return encode(x_BD, Weights.of(weights.tensors() | {"W_dec_FD": weights.W_enc_FD, "b_dec_D": nothing_D}), own)

    return read


def name_of(architecture: str, *, skip: bool) -> str:
    """What a transcoder is called whose latents are active as those of `architecture`."""
    first = "" if architecture == "standard" else f"{architecture}_"
    return f"{first}{'skip_' if skip else ''}transcoder"


def tensors_of(tensors: tuple[str, ...], *, skip: bool) -> tuple[str, ...]:
    """Names in `Weights.more`, with that of the skip connection."""
    return (*tensors, W_SKIP) if skip else tensors
