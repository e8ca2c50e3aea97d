"""The tensors of an SAE and the sparse form of its activations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor


class SparseCode(NamedTuple):
    """The active latents of each token. A zero value is padding: that latent is not active."""

    values_BK: Float[Tensor, "B K"]
    latents_BK: Int64[Tensor, "B K"]


@dataclass
class Weights:
    """Encoder and decoder, latents in rows, so that one latent's weights lie together in memory."""

    W_enc_FD: Float[Tensor, "F D"]
    b_enc_F: Float[Tensor, " F"]
    W_dec_FD: Float[Tensor, "F D"]
    b_dec_D: Float[Tensor, " D"]

    def tensors(self) -> dict[str, Tensor]:
        """The four tensors by name."""
        return dict(vars(self))

    def map(self, function: Callable[[Tensor], Tensor]) -> Weights:
        """The same four tensors, each passed through `function`."""
        return Weights(**{name: function(tensor) for name, tensor in self.tensors().items()})

    def zeros_like(self) -> Weights:
        """Four zero tensors of the same shapes."""
        return self.map(torch.zeros_like)
