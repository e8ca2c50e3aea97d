"""The tokens that each latent promotes and suppresses most, as the logit lens found them and as they lie on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLUMNS = ("promoted_ids", "promoted", "suppressed_ids", "suppressed")
"""A file each."""


@dataclass(frozen=True)
class TokenLogit:
    """A token and how much one unit of the latent's direction adds to its logit."""

    token_id: int
    logit: float


@dataclass(frozen=True)
class TokenLogits:
    """The extreme tokens of every latent, most extreme first."""

    promoted_ids: NDArray[np.int32]
    promoted: NDArray[np.float32]
    suppressed_ids: NDArray[np.int32]
    suppressed: NDArray[np.float32]

    @classmethod
    def open(cls, directory: Path) -> TokenLogits:
        """Map the files that `write` made."""
        return cls(**{name: np.load(directory / f"{name}.npy", mmap_mode="r") for name in COLUMNS})

    def write(self, directory: Path) -> None:
        """Write one file an array."""
        directory.mkdir(exist_ok=True)
        for name in COLUMNS:
            np.save(directory / f"{name}.npy", getattr(self, name))

    def promoted_by(self, latent: int) -> tuple[TokenLogit, ...]:
        """Tokens with the largest logits."""
        return _pairs(self.promoted_ids[latent], self.promoted[latent])

    def suppressed_by(self, latent: int) -> tuple[TokenLogit, ...]:
        """Tokens with the smallest logits."""
        return _pairs(self.suppressed_ids[latent], self.suppressed[latent])


def _pairs(ids: NDArray[Any], logits: NDArray[Any]) -> tuple[TokenLogit, ...]:
    return tuple(TokenLogit(int(i), float(x)) for i, x in zip(ids.tolist(), logits.tolist(), strict=True))
