"""The latent-major index: for each latent its activations, strongest first.

1. Sample the sorted runs for keys that cut all of them into ranges of about one shard.
2. Merge each range of the runs, and append its positions and value codes to two memory-mapped arrays.
3. `starts` says where each latent's slice begins, so any latent's activations are one slice.

Memory is bounded by the size of a range, however often one latent is active.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mistudio.features.collection import Collection
from mistudio.features.packed_keys import KeyLayout, Keys, code_of, value_of
from mistudio.progress import Progress

_SAMPLES = 8
"""Samples that a run gives for each of its shares in a range."""


class Hits(NamedTuple):
    """Activations of one latent."""

    positions: NDArray[np.int64]
    """Flat positions of the tokens."""
    values: NDArray[np.float32]


@dataclass(frozen=True)
class Histogram:
    """How values are spread, in bins of equal width. The counts sum to the number of values."""

    edges: NDArray[np.float64]
    """One more than there are bins; a bin holds its upper edge."""
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class LatentIndex:
    """The index as read from disk; nothing is loaded until it is asked for."""

    starts: NDArray[np.int64]
    """Latent f's activations are at starts[f] up to starts[f + 1]."""
    positions: NDArray[Any]
    codes: NDArray[np.uint16]
    """Descending within a latent; equal codes are in the order of positions."""

    @classmethod
    def open(cls, directory: Path) -> LatentIndex:
        """Map the files that `write` made."""
        # Not memmap objects but plain arrays over them, whose slices cost a tenth.
        positions = np.asarray(np.load(directory / "positions.npy", mmap_mode="r"))
        codes = np.asarray(np.load(directory / "codes.npy", mmap_mode="r"))
        return cls(np.asarray(np.load(directory / "starts.npy", mmap_mode="r")), positions, codes)

    def count(self, latent: int) -> int:
        """How often it is active."""
        return int(self.starts[latent + 1] - self.starts[latent])

    def hits(self, latent: int, limit: int | None = None) -> Hits:
        """Its strongest activations, descending; all of them where there is no limit."""
        start, end = int(self.starts[latent]), int(self.starts[latent + 1])
        if limit is not None:
            end = min(end, start + limit)
        return Hits(self.positions[start:end].astype(np.int64), value_of(self.codes[start:end]))

    def histogram(self, latent: int, maximum: float, bins: int = 64) -> Histogram:
        """Its activations from 0 to the largest. Exact counts by bisection: the values are sorted already."""
        edges = np.linspace(0.0, maximum, bins + 1)
        start, end = int(self.starts[latent]), int(self.starts[latent + 1])
        ascending = self.codes[start:end][::-1]
        inside = code_of(edges[1:-1].astype(np.float32))  # the largest code that is not above the edge
        inside -= value_of(inside) > edges[1:-1]
        up_to = np.array([0, *(bisect_right(ascending, code) for code in inside), end - start], np.int64)
        return Histogram(edges, up_to[1:] - up_to[:-1])


def write(directory: Path, collection: Collection, n_positions: int, range_size: int, progress: Progress) -> None:
    """Merge a collection's runs into `directory`.

    Raises:
        Interrupted: `progress` asked to stop; what is in `directory` is not whole.
    """
    directory.mkdir(exist_ok=True)
    total = collection.activations
    np.save(directory / "starts.npy", np.concatenate(([0], np.cumsum(collection.totals.counts))))
    position_type = np.uint32 if n_positions <= 1 << 32 else np.uint64
    positions = open_memmap(directory / "positions.npy", mode="w+", dtype=position_type, shape=(total,))
    codes = open_memmap(directory / "codes.npy", mode="w+", dtype=np.uint16, shape=(total,))
    done = 0
    for keys in merged([run.keys for run in collection.runs()], collection.layout, range_size):
        entries = collection.layout.unpack(keys)
        positions[done : done + len(keys)] = entries.positions
        codes[done : done + len(keys)] = entries.codes
        done += len(keys)
        progress.advance("sort", done, total)
        progress.checkpoint()
    positions.flush()
    codes.flush()


def merged(runs: list[Keys], layout: KeyLayout, range_size: int) -> Iterator[Keys]:
    """All keys of ascending runs, ascending, in pieces of about `range_size`; keys differ from each other."""
    step = max(1, range_size // (_SAMPLES * max(1, len(runs))))
    samples = layout.sort(np.concatenate([np.asarray(run[step - 1 :: step]) for run in runs] or [np.empty(0)]))
    cuts = samples[:: max(1, range_size // step)][1:]
    bounds = [np.concatenate(([0], np.searchsorted(run, cuts), [len(run)])) for run in runs]
    for i in range(len(cuts) + 1):
        pieces = [np.asarray(run[bound[i] : bound[i + 1]]) for run, bound in zip(runs, bounds, strict=True)]
        keys = layout.merge(pieces)
        if len(keys):
            yield keys
