"""Write the activations of one hook point as Parquet files that grow row group by row group.

1. Rows are gathered, in the format of the disk, in memory for one row group.
2. A full row group goes to the writer's thread, which writes it while the model runs on; the next one waits for it, so
   memory is bounded by two row groups.
3. A finished file is flushed to the disk and only then gets its name; one that is not finished is worth nothing.

B tokens, D width of the hook point.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.activations.parquet import schema_of
from mistudio.errors import BadInput

_DTYPES = {"float16": torch.float16, "float32": torch.float32}


def part_name(number: int) -> str:
    """The name of a hook point's file."""
    return f"part-{number:05d}.parquet"


class _RowGroup:
    """Room for the rows of one row group."""

    def __init__(self, rows: int, d: int, dtype: torch.dtype) -> None:
        self.filled = 0
        self.acts_BD = torch.empty((rows, d), dtype=dtype)
        self.token_ids_B = np.empty(rows, dtype=np.int32)
        self.positions_B = np.empty(rows, dtype=np.int64)
        self.docs_B = np.empty(rows, dtype=np.int32)


class PartWriter:
    """The files of one hook point.

    Args:
        folder: where the files go; made if missing.
        d: width of the activations.
        dtype: on disk.
        row_group_tokens: rows in a full row group.
        facts: for the metadata of every file.
    """

    def __init__(self, folder: Path, d: int, dtype: str, row_group_tokens: int, **facts: str) -> None:
        self.hook = folder.name
        self.rows_in_part = 0
        """Rows given to the file that is open."""
        self._folder = folder
        self._dtype = _DTYPES[dtype]
        self._rows = row_group_tokens
        self._d = d
        self._schema = schema_of(d, dtype, hook=self.hook, **facts)
        self._gathered: _RowGroup | None = None
        self._file: pq.ParquetWriter | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="parquet")
        self._waiting: Future[None] | None = None
        folder.mkdir(exist_ok=True)

    def append(
        self,
        acts_BD: Float[Tensor, "B D"],
        token_ids_B: Int64[np.ndarray, " B"],
        positions_B: Int64[np.ndarray, " B"],
        docs_B: Int64[np.ndarray, " B"],
    ) -> None:
        """Add rows to the open part.

        Raises:
            BadInput: a value does not fit the format of the disk.
            DiskFull: a row group could not be written.
        """
        done = 0
        while done < len(positions_B):
            if self._gathered is None:
                self._gathered = _RowGroup(self._rows, self._d, self._dtype)
            group = self._gathered
            count = min(self._rows - group.filled, len(positions_B) - done)
            here, there = slice(group.filled, group.filled + count), slice(done, done + count)
            group.acts_BD[here].copy_(acts_BD[there])
            self._refuse_overflow(acts_BD[there], group.acts_BD[here])
            group.token_ids_B[here] = token_ids_B[there]
            group.positions_B[here] = positions_B[there]
            group.docs_B[here] = docs_B[there]
            group.filled += count
            done += count
            if group.filled == self._rows:
                self._hand_over(group)
        self.rows_in_part += done

    def finish_part(self, number: int) -> None:
        """Close the open file, flush it to the disk, and give it its name."""
        if self._gathered is not None:
            self._hand_over(self._gathered)
        self._wait()
        if self._file is None:
            return
        self._file.close()
        self._file = None
        with self._open_path.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self._open_path, self._folder / part_name(number))
        self.rows_in_part = 0

    def abandon(self) -> None:
        """Remove the file that is open, and stop the thread; nothing where all parts are finished."""
        self._thread.shutdown(cancel_futures=True)
        if self._file is not None:
            with suppress(OSError, pa.ArrowException):  # Closing writes a footer, and the disk may be full.
                self._file.close()
            self._file = None
        self._open_path.unlink(missing_ok=True)

    @property
    def _open_path(self) -> Path:
        return self._folder / "open.parquet"

    def _hand_over(self, group: _RowGroup) -> None:
        """Give the gathered row group to the thread, once it has finished the one before."""
        self._wait()
        self._waiting = self._thread.submit(self._write, group)
        self._gathered = None

    def _wait(self) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.result()

    def _write(self, group: _RowGroup) -> None:
        if self._file is None:
            self._file = pq.ParquetWriter(
                self._open_path, self._schema, compression="none", use_dictionary=False, write_statistics=False
            )
        values = pa.array(group.acts_BD[: group.filled].reshape(-1).numpy())
        columns: list[Any] = [
            pa.array(group.docs_B[: group.filled]),
            pa.array(group.positions_B[: group.filled]),
            pa.array(group.token_ids_B[: group.filled]),
            pa.FixedSizeListArray.from_arrays(values, type=self._schema.field("acts").type),
        ]
        self._file.write_table(pa.Table.from_arrays(columns, schema=self._schema), row_group_size=group.filled)

    def _refuse_overflow(self, given_BD: Float[Tensor, "B D"], stored_BD: Float[Tensor, "B D"]) -> None:
        if bool(torch.isfinite(stored_BD).all()):
            return
        if bool(torch.isfinite(given_BD).all()):
            raise BadInput(
                f"Activations at {self.hook} reach {float(given_BD.abs().max()):,.0f}, and float16 ends at 65,504.",
                remedy="Record with --dtype float32.",
            )
        raise BadInput(
            f"The model gives NaN or infinity at {self.hook}.",
            remedy="Load the model with --dtype float32 or bfloat16.",
        )
