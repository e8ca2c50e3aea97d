"""Numbers of every latent, one row a latent, from the totals of the pass and slices of the index.

1. Count, density, maximum and mean come exact from the totals.
2. A second walk over the index, some latents at a time, groups each latent's activations by token: sort (latent, token)
   keys, sum each group, and take the largest sums.
3. The strongest activations of each latent tell how many documents it is found in.

Density is per token: the share of encoded tokens on which the latent is active. A latent that was never active is dead:
its numbers are 0 and its top tokens are none.

F latents, N top tokens.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mistudio.features.collection import Totals
from mistudio.features.index import LatentIndex
from mistudio.features.packed_keys import value_of
from mistudio.progress import Progress

_SPREAD = 32
"""Strongest activations that are looked at for the number of documents."""
_ROWS_IN_GROUP = 1 << 14
"""What is read of the file for the sake of one row."""
NO_TOKEN = -1
"""Stands where a latent has fewer top tokens than there is room for."""


@dataclass(frozen=True)
class LatentStatistics:
    """One latent's numbers."""

    latent: int
    count: int
    """Tokens on which it is active."""
    density: float
    """The same as a share of the tokens encoded."""
    max: float
    mean: float
    """Over the tokens on which it is active."""
    documents: int
    """Distinct documents among its 32 strongest activations."""
    top_tokens: tuple[int, ...]
    """Token ids with the largest sum of activations, largest first."""
    top_token_shares: tuple[float, ...]
    """Of the sum of all its activations."""

    @property
    def is_dead(self) -> bool:
        """Whether it was never active."""
        return self.count == 0


@dataclass(frozen=True)
class Statistics:
    """All latents' numbers as columns; see `LatentStatistics` for what they mean."""

    count: NDArray[np.int64]
    density: NDArray[np.float64]
    max: NDArray[np.float64]
    mean: NDArray[np.float64]
    documents: NDArray[np.int64]
    top_tokens_FN: NDArray[np.int64]
    """`NO_TOKEN` where there are fewer."""
    top_token_shares_FN: NDArray[np.float64]
    """0 where there are fewer."""

    def __len__(self) -> int:
        return len(self.count)

    @property
    def alive(self) -> NDArray[np.bool_]:
        """Which latents were ever active."""
        return self.count > 0

    def interest(self, n_documents: int, counts_V: NDArray[np.int64]) -> NDArray[np.float64]:
        """How well each latent suits a first look, 0 to 4: a heuristic, to order latents by and nothing else.

        One point for each of these, as long as those before it hold too: alive with a density of 1e-5 to 1e-2 and at
        least 16 activations; its strongest 32 activations come from at least 8 of the `n_documents` documents, or from
        half of them; no token has more than 60 % of its activation. To that is added how much its top tokens stand out
        from the text: the sum of share * log2(share / frequency), the latent's share of activation on a token against
        the token's own frequency, as a part of the most that it can be. 0 if the latent is dead.

        Args:
            n_documents: in which the latents could be active.
            counts_V: how often each token of the vocabulary is in their text.
        """
        n_tokens = max(2, int(counts_V.sum()))
        ids_FN, shares_FN = self.top_tokens_FN, self.top_token_shares_FN
        conditions = (
            (self.density >= 1e-5) & (self.density <= 1e-2) & (self.count >= 16),
            self.documents >= min(8, max(1, n_documents // 2)),
            shares_FN[:, 0] <= 0.6,
        )
        points = np.cumprod(conditions, axis=0).sum(axis=0)
        frequency_FN = np.maximum(counts_V[np.maximum(ids_FN, 0)], 1) / n_tokens
        lift_FN = np.log2(np.maximum(shares_FN, 1e-12) / frequency_FN)
        stands_out = (shares_FN * lift_FN).sum(axis=1).clip(0.0) / np.log2(n_tokens)
        return np.asarray(np.where(self.alive, points + stands_out, 0.0))

    def of(self, latent: int) -> LatentStatistics:
        """One row."""
        ids = self.top_tokens_FN[latent]
        n_tokens = int((ids != NO_TOKEN).sum())
        return LatentStatistics(
            latent=latent,
            count=int(self.count[latent]),
            density=float(self.density[latent]),
            max=float(self.max[latent]),
            mean=float(self.mean[latent]),
            documents=int(self.documents[latent]),
            top_tokens=tuple(ids[:n_tokens].tolist()),
            top_token_shares=tuple(self.top_token_shares_FN[latent, :n_tokens].tolist()),
        )

    def write(self, path: Path) -> None:
        """Write a Parquet file with a row a latent."""
        width = self.top_tokens_FN.shape[1]
        columns = {
            "latent": pa.array(np.arange(len(self))),
            "count": pa.array(self.count),
            "density": pa.array(self.density),
            "max": pa.array(self.max),
            "mean": pa.array(self.mean),
            "documents": pa.array(self.documents),
            "top_tokens": pa.FixedSizeListArray.from_arrays(pa.array(self.top_tokens_FN.ravel()), width),
            "top_token_shares": pa.FixedSizeListArray.from_arrays(pa.array(self.top_token_shares_FN.ravel()), width),
        }
        pq.write_table(pa.table(columns), path, row_group_size=_ROWS_IN_GROUP)

    @classmethod
    def of_table(cls, table: pa.Table) -> Statistics:
        """Read what `write` wrote."""

        def flat(name: str) -> Any:
            column = table[name].combine_chunks()
            return (column.flatten() if pa.types.is_fixed_size_list(column.type) else column).to_numpy()

        wide = ("top_tokens", "top_token_shares")
        narrow = {name: flat(name) for name in ("count", "density", "max", "mean", "documents")}
        return cls(**narrow, **{f"{name}_FN": flat(name).reshape(len(table), -1) for name in wide})


class StatisticsFile:
    """The table on disk. One row costs as much with a million latents as with thousands."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._metadata = pq.read_metadata(path)
        sizes = [self._metadata.row_group(i).num_rows for i in range(self._metadata.num_row_groups)]
        self._ends = list(accumulate(sizes, initial=0))

    def __len__(self) -> int:
        return int(self._metadata.num_rows)

    def row(self, latent: int) -> LatentStatistics:
        """One latent's numbers."""
        group = bisect_right(self._ends, latent) - 1
        with pq.ParquetFile(self._path, metadata=self._metadata, memory_map=True) as file:
            some = Statistics.of_table(file.read_row_group(group, use_threads=False))
        return replace(some.of(latent - self._ends[group]), latent=latent)

    def table(self, columns: list[str] | None = None) -> pa.Table:
        """Some columns of all latents, or everything."""
        return pq.read_table(self._path, columns=columns)

    def read(self) -> Statistics:
        """All of it."""
        return Statistics.of_table(self.table())


class TopTokens(NamedTuple):
    """Tokens on which each latent is active the most."""

    ids_FN: NDArray[np.int64]
    shares_FN: NDArray[np.float64]


def describe(
    totals: Totals,
    n_tokens: int,
    top: TopTokens,
    index: LatentIndex,
    starts: NDArray[np.int64],
    docs: NDArray[np.int64],
) -> Statistics:
    """Put every latent's numbers together.

    Args:
        n_tokens: tokens encoded.
        starts: first flat position of each piece of a document, ascending.
        docs: the document of each piece.
    """
    active = np.maximum(totals.counts, 1)
    return Statistics(
        count=totals.counts,
        density=totals.counts / max(1, n_tokens),
        max=totals.maxima.astype(np.float64),
        mean=totals.sums / active,
        documents=_documents(index, starts, docs),
        top_tokens_FN=top.ids_FN,
        top_token_shares_FN=top.shares_FN,
    )


def top_tokens(
    index: LatentIndex, token_ids: NDArray[Any], n_top: int, activations_at_once: int, progress: Progress
) -> TopTokens:
    """The tokens with the largest sums of activations, for every latent.

    Args:
        token_ids: by flat position.
        activations_at_once: bounds the memory; of a latent with more than these, the strongest ones count.

    Raises:
        Interrupted: `progress` asked to stop.
    """
    n_latents = len(index.starts) - 1
    ids_FN = np.full((n_latents, n_top), NO_TOKEN, np.int64)
    shares_FN = np.zeros((n_latents, n_top))
    first = 0
    while first < n_latents:
        fits = int(np.searchsorted(index.starts, index.starts[first] + activations_at_once, side="right")) - 1
        last = min(max(first + 1, fits), n_latents)
        counts = np.minimum(np.diff(index.starts[first : last + 1]), activations_at_once)
        begin = int(index.starts[first])
        end = begin + int(counts.sum())
        ids = token_ids[index.positions[begin:end]]
        part = _top_of_slice(
            np.repeat(np.arange(last - first), counts), ids, index.codes[begin:end], last - first, n_top
        )
        ids_FN[first:last], shares_FN[first:last] = part
        first = last
        progress.advance("count tokens", end, int(index.starts[-1]))
        progress.checkpoint()
    return TopTokens(ids_FN, shares_FN)


def _top_of_slice(
    latents: NDArray[np.int64], ids: NDArray[Any], codes: NDArray[np.uint16], n_latents: int, n_top: int
) -> TopTokens:
    """`top_tokens` of the latents 0 … n_latents − 1. A tie goes to the lower id."""
    token_range = int(ids.max(initial=0)) + 1
    keys = (latents.astype(np.uint64) * np.uint64(token_range) + ids.astype(np.uint64)) << np.uint64(16)
    keys |= codes  # the value travels in the low bits, so that a plain sort brings it along
    keys.sort()
    groups = keys >> np.uint64(16)
    begins = np.flatnonzero(np.concatenate(([len(groups) > 0], groups[1:] != groups[:-1])))
    values = value_of((keys & np.uint64(0xFFFF)).astype(np.uint16)).astype(np.float64)
    sums = np.add.reduceat(values, begins) if len(begins) else np.empty(0)
    group_latents, group_ids = np.divmod(groups[begins].astype(np.int64), token_range)
    totals = np.bincount(group_latents, sums, minlength=n_latents)

    ids_FN = np.full((n_latents, n_top), NO_TOKEN, np.int64)
    shares_FN = np.zeros((n_latents, n_top))
    alive, segment_begins, segment_sizes = np.unique(group_latents, return_index=True, return_counts=True)
    for rank in range(n_top if len(alive) else 0):
        best = np.maximum.reduceat(sums, segment_begins)
        is_best = (sums == np.repeat(best, segment_sizes)) & (sums > 0)
        winners = np.flatnonzero(is_best)
        of_latent, first = np.unique(group_latents[winners], return_index=True)
        chosen = winners[first]
        ids_FN[of_latent, rank] = group_ids[chosen]
        shares_FN[of_latent, rank] = sums[chosen] / totals[of_latent]
        sums[chosen] = 0.0
    return TopTokens(ids_FN, shares_FN)


def _documents(index: LatentIndex, starts: NDArray[np.int64], docs: NDArray[np.int64]) -> NDArray[np.int64]:
    n_latents = len(index.starts) - 1
    n_docs = int(docs.max(initial=0)) + 1
    found = np.zeros(n_latents, np.int64)
    for first in range(0, n_latents, 1 << 14):
        begins = index.starts[first : min(first + (1 << 14), n_latents) + 1]
        counts = np.minimum(np.diff(begins), _SPREAD)
        latents = np.repeat(np.arange(len(counts)), counts)
        places = np.repeat(begins[:-1] - (np.cumsum(counts) - counts), counts) + np.arange(len(latents))
        pieces = np.searchsorted(starts, index.positions[places].astype(np.int64), side="right") - 1
        pairs = np.unique(latents * n_docs + docs[pieces])
        found[first : first + len(counts)] = np.bincount(pairs // n_docs, minlength=len(counts))
    return found
