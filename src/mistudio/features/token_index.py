"""The token-major index: for each token its active latents, and the text around it.

1. Find the contexts of which any token was encoded; they are the rows of this index, in order.
2. Count each token's active latents; the running sum says where its slice begins.
3. Scatter the runs' latents and codes into their slices; copy the rows' token ids and the documents that they touch.

With the ids and documents copied (2 bytes a token, 1 % of the index), a features directory can be read alone.
T tokens in a context; a cell is a row's number × T + the token's place in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from mistudio.corpora.tokens import Tokens
from mistudio.errors import BadInput
from mistudio.features.collection import Collection, Run
from mistudio.features.packed_keys import value_of
from mistudio.progress import Progress

_ROWS_AT_ONCE = 4096
_IDS_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class TokenIndex:
    """The index as read from disk; nothing but the rows' numbers is loaded until it is asked for."""

    context_length: int
    rows: NDArray[np.int64]
    """Contexts of the tokens artifact that are here, ascending."""
    ids: NDArray[Any]
    """Token id of each cell."""
    encoded: NDArray[np.bool_]
    """Whether the SAE saw the cell's token: it did not see those that the filter excludes."""
    starts: NDArray[np.int64]
    """Cell c's active latents are at starts[c] up to starts[c + 1]."""
    latents: NDArray[Any]
    codes: NDArray[np.uint16]

    @classmethod
    def open(cls, directory: Path, context_length: int) -> TokenIndex:
        """Map the files that `write` made."""
        names = ("ids", "encoded", "starts", "latents", "codes")
        mapped = {name: np.asarray(np.load(directory / f"{name}.npy", mmap_mode="r")) for name in names}
        return cls(context_length=context_length, rows=np.load(directory / "rows.npy"), **mapped)

    def counts(self) -> NDArray[np.int64]:
        """How often each token id is in the text; as long as the largest id needs."""
        counts_V = np.zeros(1, np.int64)
        for first in range(0, len(self.ids), _IDS_AT_ONCE):
            more = np.bincount(self.ids[first : first + _IDS_AT_ONCE], minlength=len(counts_V))
            more[: len(counts_V)] += counts_V
            counts_V = more
        return counts_V

    def cells(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The cells of flat positions, all of which must lie in rows that are here."""
        return _cells(self.rows, self.context_length, positions)

    def activations(self, latent: int, cell: int, length: int) -> NDArray[np.float32]:
        """What `latent` is on each of `length` tokens from `cell` on; 0 where it is not active."""
        starts = self.starts[cell : cell + length + 1]
        found = np.flatnonzero(self.latents[starts[0] : starts[-1]] == latent)
        values = np.zeros(length, np.float32)
        tokens = np.searchsorted(starts, found + starts[0], side="right") - 1
        values[tokens] = value_of(self.codes[starts[0] : starts[-1]][found])
        return values


def write(directory: Path, collection: Collection, tokens: Tokens, progress: Progress) -> None:
    """Turn a collection's runs into the index, in `directory`.

    Raises:
        BadInput: the source gave the same token twice.
        Interrupted: `progress` asked to stop; what is in `directory` is not whole.
    """
    directory.mkdir(exist_ok=True)
    length = tokens.context_length
    seen = np.zeros(tokens.n_contexts, np.bool_)
    for run in collection.runs():
        seen[run.positions // length] = True
    rows = np.flatnonzero(seen)
    np.save(directory / "rows.npy", rows)
    _copy_text(directory, rows, tokens)

    n_cells = len(rows) * length
    encoded = open_memmap(directory / "encoded.npy", mode="w+", dtype=np.bool_, shape=(n_cells,))
    starts = open_memmap(directory / "starts.npy", mode="w+", dtype=np.int64, shape=(n_cells + 1,))
    for run in collection.runs():
        cells = _cells(rows, length, run.positions)
        if encoded[cells].any() or len(np.unique(cells)) != len(cells):
            raise BadInput("The source of activations gave the same token twice in one pass.")
        encoded[cells] = True
        starts[cells + 1] = run.counts
    np.cumsum(starts, out=starts)
    shape = (collection.activations,)
    latents = open_memmap(directory / "latents.npy", mode="w+", dtype=collection.latent_type, shape=shape)
    codes = open_memmap(directory / "codes.npy", mode="w+", dtype=np.uint16, shape=shape)
    done = 0
    for run in collection.runs():
        places = _places(run, starts[_cells(rows, length, run.positions)])
        latents[places] = run.latents
        codes[places] = run.codes
        done += len(run.codes)
        progress.advance("index tokens", done, collection.activations)
        progress.checkpoint()
    for array in (encoded, starts, latents, codes):
        array.flush()


def _cells(rows: NDArray[np.int64], length: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    contexts, places = np.divmod(positions, length)
    return np.searchsorted(rows, contexts) * length + places


def _places(run: Run, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each entry of a run goes, when its tokens' slices begin at `starts`."""
    before = np.cumsum(run.counts) - run.counts
    places = np.repeat(starts - before, run.counts)
    places += np.arange(len(places))
    return places


def _copy_text(directory: Path, rows: NDArray[np.int64], tokens: Tokens) -> None:
    length = tokens.context_length
    ids = open_memmap(directory / "ids.npy", mode="w+", dtype=tokens.flat.dtype, shape=(len(rows) * length,))
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[first : first + _ROWS_AT_ONCE]
        ids[first * length : (first + len(some)) * length] = tokens.contexts(some.tolist()).reshape(-1)
    ids.flush()
    documents = tokens.documents
    start, end = (documents[name].to_numpy() for name in ("start", "end"))
    touched = np.searchsorted(rows, start // length) < np.searchsorted(rows, (end - 1) // length, side="right")
    pq.write_table(documents.filter(pa.array(touched)), directory / "documents.parquet")
