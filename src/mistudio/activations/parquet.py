"""Read recorded activations: an activations artifact is a folder of Parquet files for each hook point.

    <artifact>/manifest.json
    <artifact>/<hook point>/part-00000.parquet …
        doc       int32    document, as the token artifact numbers them
        pos       int64    flat position in the token artifact
        token_id  int32
        acts      fixed_size_list<halffloat | float>[D]

Row groups are the unit of access: each is read on its own, uncompressed, and becomes a tensor without a further copy.
Rows lie in the order of recording, whole contexts in random order.

B tokens in a block, D width of the hook point.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64
from torch.utils.dlpack import from_dlpack

from mistudio.activations.block import ActivationBlock
from mistudio.activations.outliers import TokenFilter
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact
from mistudio.errors import ArtifactBroken, BadInput

COLUMNS = ("doc", "pos", "token_id", "acts")
_TYPES = {"float16": pa.float16(), "float32": pa.float32()}
_OPEN_FILES = 64


def schema_of(d: int, dtype: str, **facts: str) -> pa.Schema:
    """The schema of a recording's files; `facts` and the dtype stand in its metadata."""
    # Columns that cannot be null need no validity bits, which makes reading three times as fast.
    fields = [
        pa.field("doc", pa.int32(), nullable=False),
        pa.field("pos", pa.int64(), nullable=False),
        pa.field("token_id", pa.int32(), nullable=False),
        pa.field("acts", pa.list_(pa.field("element", _TYPES[dtype], nullable=False), d), nullable=False),
    ]
    return pa.schema(fields, metadata={"mistudio": json.dumps({"dtype": dtype, "d": d, **facts})})


class RowGroup(NamedTuple):
    """Where the rows of a block lie."""

    file: Path
    number: int
    """Of the row group in its file."""
    rows: int


class Recorded:
    """The recorded activations of one hook point, by block; a block is a row group."""

    def __init__(self, artifacts: Sequence[Artifact], hook: str) -> None:
        facts = [_hook_facts(artifact, hook) for artifact in artifacts]
        self.artifacts = tuple(artifacts)
        self.hook = hook
        self.d: int = facts[0]["d"]
        """Width of the activations."""
        self.dtype: str = artifacts[0].manifest.config["dtype"]
        """`float16` or `float32`."""
        self.filter = TokenFilter.from_description(facts[0]["filter"])
        """What was left out."""
        self.model_name: str = artifacts[0].manifest.config["model"]["name"]
        self._open: OrderedDict[Path, pq.ParquetFile] = OrderedDict()
        self._groups = [group for artifact in artifacts for group in self._row_groups(artifact)]
        self.n_tokens = sum(group.rows for group in self._groups)
        self.n_blocks = len(self._groups)
        promised = sum(one["tokens"] for one in facts)
        if self.n_tokens != promised:
            names = ", ".join(str(artifact.path) for artifact in artifacts)
            raise ArtifactBroken(f"{names} holds {self.n_tokens:,} tokens, and its manifest says {promised:,}.")

    @classmethod
    def open(cls, paths: Path | str | Sequence[Path | str], hook: str | None = None, *, deep: bool = False) -> Recorded:
        """Open a recording, or the shards of one.

        Args:
            paths: an activations artifact, or several that differ in nothing but their shard.
            hook: which hook point; may be left out where only one was recorded.
            deep: compare the files' sha256 too, which reads them whole.

        Raises:
            NotFound, FormatUnsupported: a path is no activations artifact.
            ArtifactBroken: a file is missing, truncated or changed.
            BadInput: the hook point was not recorded, or the paths are not shards of one recording.
        """
        given = [paths] if isinstance(paths, Path | str) else list(paths)
        artifacts = [open_artifact(path, Kind.ACTIVATIONS, deep=deep) for path in given]
        if not artifacts:
            raise BadInput("No recording is named.", remedy="Give the directory of at least one.")
        _check_shards(artifacts)
        return cls(artifacts, _choose_hook(artifacts[0], hook))

    def read_block(self, index: int) -> ActivationBlock:
        """The tokens of one row group.

        Raises:
            ArtifactBroken: the file cannot be read; the message names it.
        """
        group = self._groups[index]
        try:
            table = self._file(group.file).read_row_group(group.number, columns=list(COLUMNS[1:]), use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise _broken(group.file, error) from error
        acts = table["acts"].combine_chunks()
        if len(acts) != group.rows:
            raise ArtifactBroken(f"{group.file} has a row group of {len(acts):,} rows instead of {group.rows:,}.")
        return ActivationBlock(
            from_dlpack(acts.flatten()).view(group.rows, self.d),
            from_dlpack(table["token_id"].combine_chunks()).long(),
            from_dlpack(table["pos"].combine_chunks()),
        )

    @property
    def row_groups(self) -> Sequence[RowGroup]:
        """The row groups in the order of recording; block i is row group i."""
        return self._groups

    def positions(self, index: int) -> Int64[np.ndarray, " B"]:
        """The flat positions of the tokens of one row group.

        Raises:
            ArtifactBroken: the file cannot be read; the message names it.
        """
        group = self._groups[index]
        try:
            table = self._file(group.file).read_row_group(group.number, columns=["pos"], use_threads=False)
        except (OSError, pa.ArrowException) as error:
            raise _broken(group.file, error) from error
        found: np.ndarray = table["pos"].to_numpy()
        return found

    def blocks(self) -> Iterator[ActivationBlock]:
        """All blocks, in the order of recording."""
        for index in range(self.n_blocks):
            yield self.read_block(index)

    def _row_groups(self, artifact: Artifact) -> list[RowGroup]:
        found = []
        for name in sorted(artifact.manifest.files):
            if name.startswith(f"{self.hook}/"):
                path = artifact.path / name
                file = self._file(path)
                schema = file.schema_arrow
                if tuple(schema.names) != COLUMNS or schema.field("acts").type.list_size != self.d:
                    raise ArtifactBroken(f"{path} does not hold {self.d} activations a token.")
                metadata = file.metadata
                found += [RowGroup(path, i, metadata.row_group(i).num_rows) for i in range(metadata.num_row_groups)]
        return found

    def _file(self, path: Path) -> pq.ParquetFile:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        try:
            file = pq.ParquetFile(path, memory_map=True)
        except (OSError, pa.ArrowException) as error:
            raise _broken(path, error) from error
        self._open[path] = file
        if len(self._open) > _OPEN_FILES:
            self._open.popitem(last=False)[1].close()
        return file


def _broken(path: Path, error: Exception) -> ArtifactBroken:
    return ArtifactBroken(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}")


def _hook_facts(artifact: Artifact, hook: str) -> dict[str, Any]:
    facts: dict[str, Any] = artifact.manifest.metrics["hooks"][hook]
    return facts


def _choose_hook(artifact: Artifact, hook: str | None) -> str:
    recorded = sorted(artifact.manifest.metrics["hooks"])
    if hook is None and len(recorded) == 1:
        return str(recorded[0])
    if hook is None:
        raise BadInput(f"{artifact.path} holds several hook points.", remedy=f"Name one of {', '.join(recorded)}.")
    if hook not in recorded:
        raise BadInput(
            f"{artifact.path} does not hold {hook}.", remedy=f"It holds {', '.join(recorded)}; record {hook} anew."
        )
    return hook


def _check_shards(artifacts: Sequence[Artifact]) -> None:
    """Check that the recordings are different shards of one."""
    first = artifacts[0]
    seen = set()
    for artifact in artifacts:
        if _without_shard(artifact) != _without_shard(first):
            raise BadInput(
                f"{artifact.path} and {first.path} are not shards of one recording.",
                remedy="Open together only what was recorded with the same model, tokens and options.",
            )
        index = tuple(artifact.manifest.config["shard"])
        if index in seen:
            raise BadInput(f"Shard {index[0]}/{index[1]} is named twice.", remedy="Name each shard once.")
        seen.add(index)


def _without_shard(artifact: Artifact) -> dict[str, Any]:
    config = {name: value for name, value in artifact.manifest.config.items() if name not in ("shard", "model")}
    model = artifact.manifest.config["model"]
    inputs = [one.model_dump() for one in artifact.manifest.inputs]
    shards = artifact.manifest.config["shard"][1]
    return {**config, "digest": model["digest"], "model_dtype": model["dtype"], "inputs": inputs, "shards": shards}
