"""The latents of a batch that a training step looks at, without padding: tokens may have very different numbers.

B tokens, F d_sae, N latents looked at in all tokens together.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


class LiveCode(NamedTuple):
    """Latents token by token, ascending within each; those of token b stand at starts_B[b] : starts_B[b + 1]."""

    values_N: Float[Tensor, " N"]
    latents_N: Int64[Tensor, " N"]
    starts_B: Int64[Tensor, " B1"]
    """Where each token begins, and where the last one ends: one more than there are tokens."""

    @property
    def tokens(self) -> int:
        """B."""
        return self.starts_B.shape[0] - 1

    @property
    def tokens_N(self) -> Int64[Tensor, " N"]:
        """The token of each entry."""
        numbers_B = torch.arange(self.tokens, device=self.starts_B.device)
        return numbers_B.repeat_interleave(self.starts_B.diff(), output_size=self.values_N.shape[0])

    def with_values(self, values_N: Float[Tensor, " N"]) -> LiveCode:
        """The same latents with other activations."""
        return self._replace(values_N=values_N)

    def where(self, kept_N: Bool[Tensor, " N"]) -> LiveCode:
        """Some of the entries."""
        before_N = torch.nn.functional.pad(kept_N.cumsum(0), (1, 0))
        return LiveCode(self.values_N[kept_N], self.latents_N[kept_N], before_N[self.starts_B])

    def per_latent(self, each_N: Float[Tensor, " N"], d_sae: int) -> Float[Tensor, " F"]:
        """The sum of one number an entry over the entries of each latent."""
        return torch.zeros(d_sae, device=each_N.device).index_add_(0, self.latents_N, each_N)

    @classmethod
    def join(cls, parts: Sequence[LiveCode]) -> LiveCode:
        """Codes of tokens one after the other."""
        offsets = accumulate((part.values_N.shape[0] for part in parts), initial=0)
        starts = [part.starts_B[:-1] + offset for part, offset in zip(parts, offsets, strict=False)]
        values_N = torch.cat([part.values_N for part in parts])
        end = torch.tensor([values_N.shape[0]], device=values_N.device)
        return cls(values_N, torch.cat([part.latents_N for part in parts]), torch.cat([*starts, end]))
