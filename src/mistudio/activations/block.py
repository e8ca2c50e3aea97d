"""Activations of some tokens, and which tokens they are of: the unit in which activations travel.

Where several hook points are read at once, their activations stand side by side, and `Part` says whose columns are
which.

B tokens, D width of the hook point, or of all hook points together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float, Int64
from torch import Tensor


class Part(NamedTuple):
    """The columns of a block that belong to one hook point."""

    hook: str
    """The hook point, such as `resid_post.15`."""
    start: int
    end: int
    """One beyond its last column."""

    @property
    def columns(self) -> slice:
        """Where its activations stand: `acts_BD[:, part.columns]`."""
        return slice(self.start, self.end)

    @property
    def width(self) -> int:
        """Width of the hook point."""
        return self.end - self.start


def parts_of(widths: Mapping[str, int]) -> tuple[Part, ...]:
    """The columns of hook points of these widths, side by side in this order."""
    parts, start = [], 0
    for hook, width in widths.items():
        parts.append(Part(hook, start, start + width))
        start += width
    return tuple(parts)


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
