"""Read several hook points of a recording at once: the tokens that all of them kept, activations side by side.

Each hook point has a filter of its own, so their row groups hold different tokens. But all hook points of a recording
begin a new file at the same context, and keep its order in every file. So files of one number are matched by position,
and a block is a row group of the first hook point, less the tokens that another one lacks.

B tokens in a block, D width of all hook points together, R rows of a file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from mistudio.activations.block import ActivationBlock, Part, parts_of
from mistudio.activations.outliers import JointFilter
from mistudio.activations.parquet import Recorded

_Key = tuple[Path, str]
"""A recording and the name of a file that every hook point has in it."""


class _Row(NamedTuple):
    """A row of one hook point's recording."""

    block: int
    offset: int


class JoinedRecording:
    """The recorded activations of several hook points, by block.

    Args:
        recorded: each hook point's own recording, of the same artifacts.
    """

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self.recorded = tuple(recorded)
        self.parts: tuple[Part, ...] = parts_of({one.hook: one.d for one in recorded})
        self.filter = JointFilter(tuple((part, one.filter) for part, one in zip(self.parts, recorded, strict=True)))
        self.n_blocks = self.recorded[0].n_blocks
        self._spans: list[tuple[tuple[_Row, _Row] | None, ...]] = []
        """For each block and other hook point: the rows between which its tokens lie; None where there are none."""
        self.n_tokens = self._match()

    @property
    def d(self) -> int:
        """Width of all hook points together."""
        return self.parts[-1].end

    def read_block(self, index: int) -> ActivationBlock:
        """The tokens of a row group of the first hook point that all others have too.

        Raises:
            ArtifactBroken: a file cannot be read; the message names it.
        """
        first = self.recorded[0].read_block(index)
        others = []
        for one, span in zip(self.recorded[1:], self._spans[index], strict=True):
            if span is None:
                return _nothing(first, self.d)
            others.append(_rows(one, *span))
        positions_B = first.positions_B.numpy()
        kept_B = np.ones(len(positions_B), dtype=bool)
        for other in others:
            kept_B &= np.isin(positions_B, other.positions_B.numpy())
        keep_B = torch.from_numpy(kept_B)
        acts_BD = torch.empty((int(kept_B.sum()), self.d), dtype=first.acts_BD.dtype)
        for part, block in zip(self.parts, (first, *others), strict=True):
            rows_B = torch.from_numpy(np.isin(block.positions_B.numpy(), positions_B[kept_B]).nonzero()[0])
            acts_BD[:, part.columns] = block.acts_BD.index_select(0, rows_B)
        return ActivationBlock(acts_BD, first.token_ids_B[keep_B], first.positions_B[keep_B])

    def blocks(self) -> Iterator[ActivationBlock]:
        """All blocks, in the order of recording."""
        for index in range(self.n_blocks):
            yield self.read_block(index)

    def _match(self) -> int:
        """Find the spans of every block; the number of tokens that all hook points kept."""
        groups = [_by_file(one) for one in self.recorded]
        total = 0
        for key, indices in groups[0].items():
            own = [self.recorded[0].positions(index) for index in indices]
            theirs = [
                _Column([one.positions(index) for index in of_file[key]], of_file[key])
                for one, of_file in zip(self.recorded[1:], groups[1:], strict=True)
            ]
            for positions_B in own:
                found = [column.find(positions_B) for column in theirs]
                self._spans.append(tuple(map(_Column.span, theirs, found)))
                total += int(np.logical_and.reduce([each >= 0 for each in found]).sum())
        return total


class _Column:
    """The positions of one hook point in one file, and how to find a row by its position."""

    def __init__(self, groups: list[np.ndarray], blocks: list[int]) -> None:
        positions_R = np.concatenate([*groups, np.empty(0, np.int64)])
        self._order_R = positions_R.argsort()
        self._sorted_R = positions_R[self._order_R]
        self._blocks = blocks
        self._ends = np.cumsum([len(group) for group in groups])

    def find(self, positions_B: Int64[np.ndarray, " B"]) -> Int64[np.ndarray, " B"]:
        """The row of each position; -1 where it has none."""
        if len(self._sorted_R) == 0:
            return np.full(len(positions_B), -1)
        places_B = np.searchsorted(self._sorted_R, positions_B).clip(max=len(self._sorted_R) - 1)
        return np.where(self._sorted_R[places_B] == positions_B, self._order_R[places_B], -1)

    def span(self, rows_B: Int64[np.ndarray, " B"]) -> tuple[_Row, _Row] | None:
        """The first and the last of the rows found."""
        rows_N = rows_B[rows_B >= 0]
        return (self._row(int(rows_N.min())), self._row(int(rows_N.max()))) if len(rows_N) else None

    def _row(self, row: int) -> _Row:
        group = int(np.searchsorted(self._ends, row, side="right"))
        return _Row(self._blocks[group], row - (int(self._ends[group - 1]) if group else 0))


def _by_file(recorded: Recorded) -> dict[_Key, list[int]]:
    found: dict[_Key, list[int]] = defaultdict(list)
    for index, group in enumerate(recorded.row_groups):
        found[group.file.parent.parent, group.file.name].append(index)
    return found


def _rows(recorded: Recorded, first: _Row, last: _Row) -> ActivationBlock:
    """The rows from `first` to `last`, of however many row groups."""
    blocks = [recorded.read_block(index) for index in range(first.block, last.block + 1)]

    def cut(tensors: list[Tensor]) -> Tensor:
        whole, before = (torch.cat(tensors), sum(map(len, tensors[:-1]))) if len(tensors) > 1 else (tensors[0], 0)
        return whole[first.offset : before + last.offset + 1]

    return ActivationBlock(
        cut([block.acts_BD for block in blocks]),
        cut([block.token_ids_B for block in blocks]),
        cut([block.positions_B for block in blocks]),
    )


def _nothing(like: ActivationBlock, d: int) -> ActivationBlock:
    return ActivationBlock(like.acts_BD.new_empty((0, d)), like.token_ids_B[:0], like.positions_B[:0])
