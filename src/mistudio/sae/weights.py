"""The tensors of an SAE and the sparse form of its activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

W_SKIP = "W_skip_ED"
"""Name of a skip connection's matrix, from what is read to what is written."""
_OF_ACTIVATIONS = ("b_enc_F", "b_dec_D", "threshold_F", "b_mag_F")
"""Tensors that are added to activations, or compared with them."""


class SparseCode(NamedTuple):
    """The active latents of each token. A zero value is padding: that latent is not active."""

    values_BK: Float[Tensor, "B K"]
    latents_BK: Int64[Tensor, "B K"]

    @classmethod
    def stack(cls, parts: Sequence[SparseCode]) -> SparseCode:
        """Codes of tokens one after the other, as wide as the widest."""
        widest = max(part.values_BK.shape[1] for part in parts)

        def padded(tensor: Tensor) -> Tensor:
            return torch.nn.functional.pad(tensor, (0, widest - tensor.shape[1]))

        return cls(
            torch.cat([padded(part.values_BK) for part in parts]),
            torch.cat([padded(part.latents_BK) for part in parts]),
        )

    @classmethod
    def of_dense(cls, acts_BF: Float[Tensor, "B F"]) -> SparseCode:
        """The positive activations, strongest first; as wide as the token that has the most."""
        widest = max(1, int((acts_BF > 0).sum(-1).max())) if acts_BF.numel() else 1
        values_BK, latents_BK = acts_BF.topk(widest, dim=-1)
        return cls(values_BK.relu(), latents_BK)


@dataclass
class Weights:
    """Encoder and decoder, latents in rows, so that one latent's weights lie together in memory.

    An SAE writes what it reads, so E is D; a transcoder's decoder and its bias are as wide as its target. `more` holds
    the tensors that only some architectures have, by name: `threshold_F`.
    """

    W_enc_FD: Float[Tensor, "F D"]
    b_enc_F: Float[Tensor, " F"]
    W_dec_FD: Float[Tensor, "F E"]
    b_dec_D: Float[Tensor, " E"]
    more: dict[str, Tensor] = field(default_factory=dict)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {name: tensor for name, tensor in vars(self).items() if name != "more"} | self.more

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Weights:
        """The inverse of `tensors`."""
        first = {name: tensors[name] for name in ("W_enc_FD", "b_enc_F", "W_dec_FD", "b_dec_D")}
        return cls(**first, more={name: tensor for name, tensor in tensors.items() if name not in first})

    def map(self, function: Callable[[Tensor], Tensor]) -> Weights:
        """The same tensors, each passed through `function`."""
        return Weights.of({name: function(tensor) for name, tensor in self.tensors().items()})

    def zeros_like(self) -> Weights:
        """Zero tensors of the same shapes."""
        return self.map(torch.zeros_like)


def pre_activations(x_BD: Float[Tensor, "B D"], weights: Weights) -> Float[Tensor, "B F"]:
    """W_enc (x − b_dec) + b_enc."""
    return torch.nn.functional.linear(x_BD - weights.b_dec_D, weights.W_enc_FD, weights.b_enc_F)


def grow(weights: Weights, factor_F: Float[Tensor, " F"]) -> Weights:
    """The SAE with each latent's activation `factor_F` times as large, and its decoder row as much smaller.

    The reconstruction is the same, unless activations of different latents are compared and factors differ.
    """
    wider = {"b_enc_F", "threshold_F", "b_mag_F"}
    tensors = {name: tensor * factor_F if name in wider else tensor for name, tensor in weights.tensors().items()}
    rows_F1 = factor_F[:, None]
    return Weights.of(tensors | {"W_enc_FD": weights.W_enc_FD * rows_F1, "W_dec_FD": weights.W_dec_FD / rows_F1})


def rescale(weights: Weights, scale: float) -> Weights:
    """The weights that do for x what `weights` do for `scale`·x.

    Exact: every architecture here commutes with a positive factor, once what is added to activations or compared with
    them is divided by it.
    """
    tensors = weights.tensors()
    return Weights.of({name: tensor / scale if name in _OF_ACTIVATIONS else tensor for name, tensor in tensors.items()})
