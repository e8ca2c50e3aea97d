"""One activation as one sortable number: latent, then value from high to low, then position.

1. A value becomes a 16-bit code: float32 with its sign dropped, 6 bits of exponent and 10 of mantissa. That is as
   precise as float16 (2⁻¹¹) and reaches from 2⁻³¹ to 2³³, so that no activation overflows or vanishes; order is kept.
2. latent | inverted code | position go into 64 bits where they fit, which `np.sort` sorts with vector instructions;
   else into a record of two 64-bit numbers. Ascending keys are then latent-major, strongest first, ties by position.

Knows no file and no SAE.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Keys: TypeAlias = NDArray[Any]
"""uint64, or records of (head, position); one dimension."""

_CODE_BITS = 16
_LAST_CODE = (1 << _CODE_BITS) - 1
_DROPPED_BITS = 13
"""Of float32's 23 mantissa bits."""
_LOWEST = (127 - 31) << 10
"""The float32 exponent and mantissa that code 0 would have: 2⁻³¹."""


def code_of(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The codes of positive finite values, rounded to the nearest; never 0, which stands for "not active"."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    rounded = (bits + np.uint32(1 << (_DROPPED_BITS - 1))) >> np.uint32(_DROPPED_BITS)
    codes: NDArray[np.uint32] = np.clip(rounded, _LOWEST + 1, _LOWEST + _LAST_CODE) - np.uint32(_LOWEST)
    return codes.astype(np.uint16)


def value_of(codes: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The values that codes stand for."""
    bits = (codes.astype(np.uint32) + np.uint32(_LOWEST)) << np.uint32(_DROPPED_BITS)
    values: NDArray[np.float32] = bits.view(np.float32)
    return values


class Entries(NamedTuple):
    """Activations, unpacked; all of one length."""

    latents: NDArray[np.int64]
    codes: NDArray[np.uint16]
    positions: NDArray[np.int64]


@dataclass(frozen=True)
class KeyLayout:
    """How many bits a latent and a position take."""

    latent_bits: int
    position_bits: int

    @classmethod
    def of(cls, n_latents: int, n_positions: int) -> KeyLayout:
        """The tightest layout for latents below `n_latents` and positions below `n_positions`."""
        return cls(max(1, (n_latents - 1).bit_length()), max(1, (n_positions - 1).bit_length()))

    @property
    def is_narrow(self) -> bool:
        """Whether a key fits in one 64-bit number."""
        return self.latent_bits + _CODE_BITS + self.position_bits <= 64

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a key."""
        return np.dtype(np.uint64) if self.is_narrow else np.dtype([("head", np.uint64), ("position", np.uint64)])

    def pack(self, latents: NDArray[Any], codes: NDArray[np.uint16], positions: NDArray[Any]) -> Keys:
        """Keys of activations, in the order given; all three of one length."""
        heads = latents.astype(np.uint64)
        heads <<= np.uint64(_CODE_BITS)
        heads |= _LAST_CODE - codes
        if not self.is_narrow:
            keys = np.empty(len(heads), self.dtype)
            keys["head"], keys["position"] = heads, positions
            return keys
        heads <<= np.uint64(self.position_bits)
        heads |= positions.astype(np.uint64)
        return heads

    def unpack(self, keys: Keys) -> Entries:
        """What `pack` was given."""
        if self.is_narrow:
            heads = keys >> np.uint64(self.position_bits)
            positions = keys & np.uint64((1 << self.position_bits) - 1)
        else:
            heads, positions = keys["head"], keys["position"]
        codes = _LAST_CODE - (heads & np.uint64(_LAST_CODE)).astype(np.uint16)
        latents = (heads >> np.uint64(_CODE_BITS)).astype(np.int64)
        return Entries(latents, codes.astype(np.uint16), positions.astype(np.int64))

    def sort(self, keys: Keys) -> Keys:
        """The keys in ascending order; may sort in place."""
        if not self.is_narrow:
            return keys[np.lexsort((keys["position"], keys["head"]))]
        keys.sort()
        return keys

    def merge(self, runs: list[Keys]) -> Keys:
        """One ascending array of several ascending ones."""
        joined = np.concatenate(runs) if runs else np.empty(0, self.dtype)
        if not self.is_narrow:
            return self.sort(joined)
        joined.sort(kind="stable")  # timsort finds the runs and merges them: ten times faster than sorting anew
        return joined
