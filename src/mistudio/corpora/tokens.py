"""Packed tokens on disk: contexts of equal length in a memory map, and where each document lies in them.

`tokens.bin` is a C-order array [contexts, context_length]; `documents.parquet` has a row a piece of a document, in the
order of its flat positions. Training contexts come first, held-out ones after them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64, Integer
from pydantic import ValidationError

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, Artifact, open_artifact
from mistudio.corpora.layout import Layout
from mistudio.errors import ArtifactBroken

TOKENS = "tokens.bin"
SPANS = "documents.parquet"
SPAN_SCHEMA = pa.schema(
    [
        ("doc", pa.int64()),
        ("name", pa.string()),
        ("held_out", pa.bool_()),
        ("metadata", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("tokens", pa.int64()),
        ("first_token", pa.int64()),
    ]
)


class Tokens:
    """A token artifact, memory-mapped: opening one costs nothing, whatever its size."""

    def __init__(self, artifact: Artifact, layout: Layout) -> None:
        self.artifact = artifact
        self.layout = layout
        self.context_length = layout.context_length
        self.n_contexts = layout.n_contexts
        self.bos_id = layout.bos_id
        self.special_ids = frozenset(layout.special_ids)
        self.tokenizer_source = layout.tokenizer_source
        self.vocab_size = layout.vocab_size
        kind = np.dtype(layout.dtype).newbyteorder("<")
        shape = (self.n_contexts * self.context_length,)
        self.flat: np.memmap = np.memmap(artifact.path / TOKENS, dtype=kind, mode="r", shape=shape)
        """Every token, by flat position."""

    @classmethod
    def open(cls, path: Path | str, deep: bool = False) -> Tokens:
        """Open and check a token artifact.

        Args:
            deep: compare the files' sha256 too, which reads them whole.

        Raises:
            NotFound, FormatUnsupported: `path` is no token artifact.
            ArtifactBroken: a file is missing, truncated or changed.
        """
        artifact = open_artifact(path, Kind.TOKENS, deep=deep)
        try:
            layout = Layout.model_validate(artifact.manifest.metrics.get("layout"))
        except ValidationError as error:
            raise ArtifactBroken(f"{artifact.path / MANIFEST} does not say how the tokens lie.") from error
        expected = layout.n_contexts * layout.context_length * np.dtype(layout.dtype).itemsize
        size = (artifact.path / TOKENS).stat().st_size
        if size != expected:
            raise ArtifactBroken(f"{artifact.path / TOKENS} has {size:,} bytes, and its layout takes {expected:,}.")
        return cls(artifact, layout)

    def rows(self, split: Literal["train", "held_out", "all"] = "all") -> range:
        """The contexts of a split; no document has tokens in both."""
        train = self.layout.contexts_train
        return {"train": range(train), "held_out": range(train, self.n_contexts), "all": range(self.n_contexts)}[split]

    def contexts(self, indices: Sequence[int] | Integer[np.ndarray, " C"] | slice) -> Int64[np.ndarray, "C T"]:
        """Copies of the contexts asked for, as ids that torch can index with."""
        table = self.flat.reshape(self.n_contexts, self.context_length)
        if isinstance(indices, range) and indices.step == 1:
            indices = slice(indices.start, indices.stop)
        chosen = indices if isinstance(indices, slice) else np.asarray(indices, dtype=np.int64)
        return np.array(table[chosen], dtype=np.int64)

    def document_of(self, positions: Integer[np.ndarray, "*shape"]) -> Int64[np.ndarray, "*shape"]:
        """The document (`doc`) that each flat position belongs to; a BOS belongs to the token that follows it.

        Raises:
            IndexError: a position is not in the artifact.
        """
        if positions.size and (positions.min() < 0 or positions.max() >= len(self.flat)):
            raise IndexError(f"Flat positions run from 0 to {len(self.flat) - 1}.")
        starts, docs = self._starts
        return docs[np.searchsorted(starts, positions, side="right") - 1]

    def documents_in(self, context: int) -> list[dict[str, Any]]:
        """The rows of `documents` that have tokens in a context; reads only the row groups in which they are."""
        first, last = context * self.context_length, (context + 1) * self.context_length
        rows = []
        with pq.ParquetFile(self.artifact.path / SPANS) as file:
            names = file.schema_arrow.names
            start, end = names.index("start"), names.index("end")
            for group in range(file.num_row_groups):
                # Pieces lie in the order of their positions, so a group's bounds are those of its rows.
                bounds = file.metadata.row_group(group)
                if bounds.column(end).statistics.max <= first or bounds.column(start).statistics.min >= last:
                    continue
                table = file.read_row_group(group)
                low = np.searchsorted(table["end"].to_numpy(), first, side="right")
                high = np.searchsorted(table["start"].to_numpy(), last, side="left")
                rows += table.slice(int(low), int(high - low)).to_pylist()
        return rows

    @cached_property
    def documents(self) -> pa.Table:
        """A row a piece: doc, name, held_out, metadata (JSON), start, end (flat positions), tokens, first_token."""
        return pq.read_table(self.artifact.path / SPANS)

    @cached_property
    def _starts(self) -> tuple[Int64[np.ndarray, " pieces"], Int64[np.ndarray, " pieces"]]:
        table = pq.read_table(self.artifact.path / SPANS, columns=["start", "doc"])
        return table["start"].to_numpy(), table["doc"].to_numpy()
