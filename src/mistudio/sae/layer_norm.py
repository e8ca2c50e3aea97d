"""Each token brought to mean 0 and deviation 1, and what it takes to undo that.

It depends on the token, so that no affine weights can hold it: an SAE trained on such activations keeps doing it, and
says so in its file. The numbers are SAELens 6's: deviation with d − 1 below, and a constant that is added to it where
it divides, and not where it multiplies.

B tokens, D d_in.
"""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

_EPS = 1e-5


class TokenNorm(NamedTuple):
    """What was taken from each token."""

    mean_B1: Float[Tensor, "B 1"]
    deviation_B1: Float[Tensor, "B 1"]

    @classmethod
    def of(cls, x_BD: Float[Tensor, "B D"]) -> TokenNorm:
        """Mean and deviation over each token's dimensions."""
        return cls(x_BD.mean(-1, keepdim=True), x_BD.std(-1, keepdim=True))

    def apply(self, x_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """The normalised activations."""
        return (x_BD - self.mean_B1) / (self.deviation_B1 + _EPS)

    def undo(self, z_BD: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Activations as they were, from normalised ones."""
        return z_BD * self.deviation_B1 + self.mean_B1
