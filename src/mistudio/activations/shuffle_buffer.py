"""Mix a stream of activations: batches are drawn at random from a large buffer that is refilled in place.

1. Fill the preallocated buffer with blocks from the source.
2. For a batch, draw `batch_size` distinct rows at random, copy them out, and move rows from the buffer's end into the
   holes; then append as many new rows as there is room for. The buffer is full until an epoch runs out of tokens.
3. When fewer rows than a batch are left, the next epoch fills the buffer again. So every token is used once an epoch,
   and only the batch at the turn of an epoch mixes two.

Saved and loaded, a stream goes on with exactly the batches that it would have given: the state holds the buffer, the
generator and the place in the source. Memory is the buffer and one block.

B tokens in a batch, D width of the hook point, N rows of the buffer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int64
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mistudio.activations.block import ActivationBlock
from mistudio.activations.config import StreamConfig
from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.atomic import new_file
from mistudio.errors import ArtifactBroken, ConfigConflict, DiskFull, EmptyCorpus
from mistudio.progress import Progress, Silent

_FACTS = "stream"
_STATE_VERSION = 1
_LONG_SECONDS = 2.0
"""A refill that takes longer is told; others pass unseen."""


class StreamState(NamedTuple):
    """All that decides the batches to come."""

    tensors: dict[str, Tensor]
    """The rows in the buffer: `acts`, `token_ids`, `positions`."""
    facts: dict[str, Any]
    """JSON-able: place in the source, generator, what the stream is of."""


class ShuffledStream:
    """An endless stream of shuffled batches of one size.

    Args:
        source: where activations come from.
        config: buffer, batch size and seed.
        progress: told how far the buffer is filled, asked between blocks whether to stop.
    """

    def __init__(self, source: ActivationSource, config: StreamConfig, *, progress: Progress | None = None) -> None:
        self.source = source
        self.config = config
        self._progress = progress or Silent()
        # The source's number may be an estimate; a batch must fit in any case.
        self._capacity = max(min(config.buffer_tokens, source.n_tokens), config.batch_size)
        self._filled = 0
        self._rows: _Rows | None = None
        self._generator = np.random.default_rng(config.seed)
        self._cursor = _Cursor(source)

    @property
    def epoch(self) -> int:
        """The epoch that the buffer is being filled from, counted from 0."""
        return self._cursor.epoch

    def __iter__(self) -> Iterator[ActivationBlock]:
        while True:
            yield self.next_batch()

    def next_batch(self) -> ActivationBlock:
        """The next `batch_size` tokens, in copies that belong to the caller.

        Raises:
            EmptyCorpus: a whole epoch of the source has fewer tokens than a batch.
            Interrupted: `progress` asked to stop; the stream's state is sound and can be saved.
        """
        size = self.config.batch_size
        rows = self._fill()
        while rows is None or self._filled < size:
            if self._cursor.tokens < size:
                raise _too_few(self._cursor.tokens, size)
            self._cursor = _Cursor(self.source, self._cursor.epoch + 1)
            rows = self._fill()
        drawn_B = torch.from_numpy(self._generator.choice(self._filled, size, replace=False))
        batch = rows.copy_of(drawn_B)
        rows.close_holes(drawn_B, self._filled)
        self._filled -= size
        return batch

    def _fill(self) -> _Rows | None:
        """Append rows from the source until the buffer is full or the epoch is exhausted."""
        first, began = self._rows is None, time.monotonic()
        while self._filled < self._capacity:
            piece = self._cursor.take(self._capacity - self._filled, self._progress)
            if piece is None:
                break
            self._rows = self._rows or _Rows.like(piece.block, self._capacity, device=self.source.device)
            self._rows.put(piece, at=self._filled)
            self._filled += piece.rows
            if first or time.monotonic() - began > _LONG_SECONDS:
                self._progress.advance("fill the buffer", self._filled, self._capacity)
        return self._rows

    def state_dict(self) -> StreamState:
        """A snapshot that later batches leave as it is."""
        state = self._state()
        return StreamState({name: tensor.clone() for name, tensor in state.tensors.items()}, state.facts)

    def load_state_dict(self, state: StreamState) -> None:
        """Go on where the stream was when `state` was taken.

        Raises:
            ConfigConflict: the state is of another source, seed, buffer or batch size.
        """
        tensors, facts = state
        if facts.get("version") != _STATE_VERSION or facts["stream"] != self._identity():
            raise ConfigConflict("The saved stream is of another source, seed, buffer size or batch size.")
        self._capacity, self._filled = facts["capacity"], facts["filled"]
        self._rows = None
        if tensors:
            saved = ActivationBlock(tensors["acts"], tensors["token_ids"], tensors["positions"])
            self._rows = _Rows.like(saved, self._capacity, device=self.source.device)
            self._rows.put(_Piece(saved, 0, len(saved)), at=0)
        self._generator.bit_generator.state = facts["generator"]
        self._cursor = _Cursor(self.source, **facts["cursor"])

    def save(self, path: Path) -> None:
        """Write the state as one safetensors file, whole or not at all.

        Raises:
            DiskFull: it does not fit.
        """
        tensors, facts = self._state()
        with new_file(path) as partial:
            try:
                save_file(tensors, partial, metadata={_FACTS: json.dumps(facts)})
            except SafetensorError as error:
                if "No space left" not in str(error):
                    raise
                raise DiskFull(f"The disk that holds {path} is full.") from error

    def load(self, path: Path) -> None:
        """Go on where the stream was when it was saved.

        Raises:
            ArtifactBroken: the file is missing, truncated or of something else.
            ConfigConflict: the state is of another source, seed, buffer or batch size.
        """
        try:
            with safe_open(path, framework="pt") as file:
                facts = json.loads((file.metadata() or {})[_FACTS])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise ArtifactBroken(f"{path} is no sound state of a shuffled stream: {error}.") from error
        self.load_state_dict(StreamState(tensors, facts))

    def _state(self) -> StreamState:
        facts = {
            "version": _STATE_VERSION,
            "stream": self._identity(),
            "generator": self._generator.bit_generator.state,
            "capacity": self._capacity,
            "filled": self._filled,
            "cursor": self._cursor.place(),
        }
        return StreamState(self._rows.first(self._filled) if self._rows else {}, facts)

    def _identity(self) -> dict[str, Any]:
        config = self.config.model_dump(mode="json", include={"buffer_tokens", "batch_size", "seed"})
        identity: dict[str, Any] = json.loads(json.dumps({**config, "source": self.source.identity}))
        return identity


class _Piece(NamedTuple):
    """Some rows of a block."""

    block: ActivationBlock
    offset: int
    rows: int


class _Cursor:
    """A place in one epoch of the source, from which rows are taken in order.

    Args:
        block: number of the block to begin in.
        offset: row of that block to begin at.
        tokens: taken from the epoch before that place.
    """

    def __init__(
        self, source: ActivationSource, epoch: int = 0, *, block: int = 0, offset: int = 0, tokens: int = 0
    ) -> None:
        self.epoch = epoch
        self.tokens = tokens
        """Taken from the epoch so far."""
        self._block, self._offset = block, offset
        self._held: ActivationBlock | None = None
        self._blocks = source.blocks(epoch, block)

    def take(self, limit: int, progress: Progress) -> _Piece | None:
        """The next rows, at most `limit`; None where the epoch is exhausted."""
        while self._held is None or self._offset >= len(self._held):
            if self._held is not None:
                self._held, self._offset = None, 0
                self._block += 1
            progress.checkpoint()
            self._held = next(self._blocks, None)
            if self._held is None:
                return None
        piece = _Piece(self._held, self._offset, min(limit, len(self._held) - self._offset))
        self._offset += piece.rows
        self.tokens += piece.rows
        return piece

    def place(self) -> dict[str, int]:
        """The arguments that make a cursor at this place."""
        consumed = self._held is not None and self._offset >= len(self._held)
        block, offset = (self._block + 1, 0) if consumed else (self._block, self._offset)
        return {"epoch": self.epoch, "block": block, "offset": offset, "tokens": self.tokens}


@dataclass(frozen=True)
class _Rows:
    """The buffer's memory: three tensors of N rows."""

    acts_ND: Float[Tensor, "N D"]
    token_ids_N: Int64[Tensor, " N"]
    positions_N: Int64[Tensor, " N"]

    @classmethod
    def like(cls, block: ActivationBlock, rows: int, *, device: torch.device) -> _Rows:
        """Room for `rows` rows such as those of `block`."""
        numbers = torch.empty((2, rows), dtype=torch.int64, device=device)
        acts_ND = torch.empty((rows, block.acts_BD.shape[1]), dtype=block.acts_BD.dtype, device=device)
        return cls(acts_ND, numbers[0], numbers[1])

    def put(self, piece: _Piece, *, at: int) -> None:
        """Write the piece to rows `at` and following."""
        block, there = piece.block, slice(piece.offset, piece.offset + piece.rows)
        here = slice(at, at + piece.rows)
        self.acts_ND[here].copy_(block.acts_BD[there])
        self.token_ids_N[here].copy_(block.token_ids_B[there])
        self.positions_N[here].copy_(block.positions_B[there])

    def copy_of(self, rows_B: Int64[Tensor, " B"]) -> ActivationBlock:
        """Those rows, in that order."""
        rows_B = rows_B.to(self.acts_ND.device)
        return ActivationBlock(
            self.acts_ND.index_select(0, rows_B),
            self.token_ids_N.index_select(0, rows_B),
            self.positions_N.index_select(0, rows_B),
        )

    def close_holes(self, holes_B: Int64[Tensor, " B"], filled: int) -> None:
        """Move rows from the end of the first `filled` into `holes_B`, so that the rows left are without gaps."""
        left = filled - len(holes_B)
        stays_B = torch.ones(len(holes_B), dtype=torch.bool)
        stays_B[holes_B[holes_B >= left] - left] = False
        movers = (stays_B.nonzero().flatten() + left).to(self.acts_ND.device)
        holes = holes_B[holes_B < left].to(self.acts_ND.device)
        for rows in (self.acts_ND, self.token_ids_N, self.positions_N):
            rows.index_copy_(0, holes, rows.index_select(0, movers))

    def first(self, count: int) -> dict[str, Tensor]:
        """The first `count` rows, by name; views."""
        return {
            "acts": self.acts_ND[:count],
            "token_ids": self.token_ids_N[:count],
            "positions": self.positions_N[:count],
        }


def _too_few(tokens: int, batch_size: int) -> EmptyCorpus:
    return EmptyCorpus(
        f"An epoch has {tokens:,} tokens after the filter, fewer than a batch of {batch_size:,}.",
        remedy="Add text, or choose a smaller --batch-size.",
    )
