"""Activations of some tokens, and which tokens they are of: the unit in which activations travel.

B tokens, D width of the hook point.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True)
class ActivationBlock:
    """Rows of activations; row i of each tensor belongs to one token."""

    acts_BD: Float[Tensor, "B D"]
    """In the number format of the source."""
    token_ids_B: Int64[Tensor, " B"]
    positions_B: Int64[Tensor, " B"]
    """Flat positions in the token artifact: context × context length + position in the context."""

    def __len__(self) -> int:
        return len(self.positions_B)
