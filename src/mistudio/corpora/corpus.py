"""A corpus: documents of text with names and metadata, some of them held out.

1. Read the sources one text at a time and write them to `documents.parquet`, keeping an 8-byte fingerprint of each.
2. If a share is held out, mark the documents with the smallest fingerprints in a second, streaming pass.

Memory is bounded by one row group plus 8 bytes a document. Knows nothing of tokens.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool

from mistudio.artifacts.atomic import new_directory
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact, open_artifact, seal
from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.description import Scalar
from mistudio.corpora.files import LeftOut
from mistudio.corpora.held_out import fingerprint, held_out
from mistudio.corpora.rows import SourceText
from mistudio.corpora.sources import read_sources
from mistudio.errors import EmptyCorpus
from mistudio.progress import Progress, Silent

DOCUMENTS = "documents.parquet"
_SCHEMA = pa.schema(
    [
        ("doc", pa.int64()),
        ("name", pa.string()),
        ("text", pa.large_string()),
        ("held_out", pa.bool_()),
        ("metadata", pa.string()),
    ]
)
_GROUP_CHARACTERS = 16_000_000
_GROUP_DOCUMENTS = 16_384
_REPORT_EVERY = 32


@dataclass(frozen=True, slots=True)
class Document:
    """A text of a corpus. `doc` counts from 0 in the order in which the sources were read."""

    doc: int
    name: str
    text: str
    held_out: bool
    metadata: dict[str, Scalar]


def add_corpus(
    config: CorpusConfig,
    out: Path | str,
    *,
    progress: Progress | None = None,
    token: str | None = None,
    left_out: LeftOut | None = None,
) -> Artifact:
    """Bring text in and write it as a corpus artifact.

    Args:
        out: directory to make.
        token: for data sets of the Hub that are not open to everyone; it stands in no manifest.
        left_out: told of each file that cannot be read, which is left out then; without it the first one raises.

    Raises:
        NotFound: a source does not exist.
        BadInput: a source cannot be read as what it is; the message names the file and, where it can, the line.
        EmptyCorpus: the sources hold no text.
        ArtifactExists: `out` is there already.
        Interrupted: `progress` stopped the work; nothing is left of it.
    """
    progress = progress or Silent()
    with new_directory(out) as partial:
        unread: list[Exception] = []

        def skip(path: str, error: Exception) -> None:
            unread.append(error)
            assert left_out is not None
            left_out(path, error)

        found = read_sources(config, token, skip if left_out is not None else None)
        tally = _write_documents(config, partial / DOCUMENTS, progress, found)
        if tally.documents == 0:
            raise unread[0] if unread else EmptyCorpus(f"There is no text in {', '.join(config.sources)}.")
        marked = held_out(np.frombuffer(tally.fingerprints, dtype=np.uint64), config.held_out)
        if marked.any():
            _mark(partial / DOCUMENTS, marked, progress)
        metrics = {
            "documents": tally.documents,
            "held_out_documents": int(marked.sum()),
            "characters": tally.characters,
            "empty_documents_left_out": tally.empty,
            "documents_repaired": tally.repaired,
            "files_left_out": len(unread),
        }
        seal(partial, Kind.CORPUS, config=config.model_dump(mode="json"), metrics=metrics)
    return open_artifact(out, Kind.CORPUS)


def read_documents(path: Path, *, held_out: bool | None = None) -> Iterator[Document]:
    """The documents of a corpus in their order; with `held_out` only those on that side of the split.

    Raises:
        NotFound, FormatUnsupported, ArtifactBroken: `path` is no sound corpus.
    """
    artifact = open_artifact(path, Kind.CORPUS)
    with pq.ParquetFile(artifact.path / DOCUMENTS) as file:
        # Group by group, since a batch of long documents may otherwise gather several groups in memory.
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(batch_size=64, row_groups=[group]):
                wanted = batch if held_out is None else batch.filter(pc.equal(batch["held_out"], held_out))
                for row in wanted.to_pylist():
                    yield Document(**{**row, "metadata": json.loads(row["metadata"])})


@dataclass
class _Tally:
    fingerprints: array[int]
    documents: int = 0
    characters: int = 0
    empty: int = 0
    repaired: int = 0


def _write_documents(config: CorpusConfig, path: Path, progress: Progress, texts: Iterator[SourceText]) -> _Tally:
    tally = _Tally(fingerprints=array("Q"))
    with _DocumentWriter(path) as writer:
        for number, found in enumerate(texts):
            if number % _REPORT_EVERY == 0:
                progress.advance("read documents", number, config.limit, characters=tally.characters)
                progress.checkpoint()
            if not found.text.strip():
                tally.empty += 1
                continue
            text = _encodable(found.text)
            name = _encodable(found.name)
            tally.repaired += text != found.text
            metadata = _encodable(json.dumps(found.metadata, ensure_ascii=False, allow_nan=False))
            writer.add({"doc": tally.documents, "name": name, "text": text, "held_out": False, "metadata": metadata})
            tally.fingerprints.append(fingerprint(text))
            tally.documents += 1
            tally.characters += len(text)
    progress.advance("read documents", tally.documents, tally.documents, characters=tally.characters)
    return tally


class _DocumentWriter:
    """Writes rows to Parquet in groups of bounded size."""

    def __init__(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, _SCHEMA, compression="zstd", use_dictionary=False)
        self._rows: list[dict[str, Any]] = []
        self._characters = 0

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        self._characters += len(row["text"])
        if self._characters >= _GROUP_CHARACTERS or len(self._rows) >= _GROUP_DOCUMENTS:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=_SCHEMA))
        self._rows, self._characters = [], 0

    def __enter__(self) -> _DocumentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
        finally:
            self._writer.close()


def _mark(path: Path, marked: Bool[np.ndarray, " documents"], progress: Progress) -> None:
    beside = path.with_suffix(".marked")
    column = _SCHEMA.get_field_index("held_out")
    start = 0
    with (
        pq.ParquetFile(path) as file,
        pq.ParquetWriter(beside, _SCHEMA, compression="zstd", use_dictionary=False) as out,
    ):
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            flags = pa.array(marked[start : start + table.num_rows])
            out.write_table(table.set_column(column, _SCHEMA.field(column), flags))
            start += table.num_rows
            progress.advance("hold out documents", start, len(marked))
            progress.checkpoint()
    beside.replace(path)


def _encodable(text: str) -> str:
    """The text with half surrogate pairs, which UTF-8 cannot hold, replaced by U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
