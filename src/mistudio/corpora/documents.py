"""Look into a corpus where it lies: a page of its documents, those in which a text occurs, and what they are like.

A page reads the row groups in which its documents are, and of these no more than it must; texts are cut before they
become Python's. A search goes through the corpus once, a row group after the other, and stops whenever it is told to.
"""

from __future__ import annotations

import json
import re
import threading
import time
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Int64

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.corpora.corpus import DOCUMENTS
from mistudio.corpora.description import (
    CharacterBin,
    CharacterLengths,
    DocumentSample,
    DocumentStatistics,
    MetadataField,
    Scalar,
)
from mistudio.errors import ArtifactBroken, NotFound

_BATCH_ROWS = 256
_KEPT_HITS = 500
_METADATA_DOCUMENTS = 10_000
_EXAMPLES = 5
_EXAMPLE_CHARACTERS = 80


class Documents:
    """The documents of a corpus.

    Args:
        path: a corpus artifact.

    Raises:
        NotFound, FormatUnsupported, ArtifactBroken: `path` is no sound corpus.
    """

    def __init__(self, path: Path | str) -> None:
        artifact = open_artifact(path, Kind.CORPUS)
        self.id = artifact.manifest.id
        self._path = artifact.path / DOCUMENTS
        with self._open() as file:
            rows = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self.starts: Int64[np.ndarray, " groups_and_end"] = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)])
        """The number of each row group's first document, and how many documents there are."""

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(self, docs: Sequence[int], *, characters: int, offset: int = 0) -> list[DocumentSample]:
        """Documents by their numbers, which must rise.

        Args:
            characters: how much of each text.
            offset: where to begin in each text.
        """
        found = []
        wanted = np.asarray(docs, dtype=np.int64)
        for group in np.unique(np.searchsorted(self.starts, wanted, side="right") - 1).tolist():
            for first, batch in self._batches(group, int(wanted[-1])):
                inside = wanted[(wanted >= first) & (wanted < first + len(batch))] - first
                if len(inside):
                    found += _samples(batch.take(pa.array(inside)), offset, characters)
        return found

    def document(self, doc: int, *, characters: int, offset: int = 0) -> DocumentSample:
        """One document.

        Raises:
            NotFound: there is no such document.
        """
        if not 0 <= doc < len(self):
            raise NotFound(f"There is no document {doc}.", remedy=f"They are numbered from 0 to {len(self) - 1}.")
        return self.read([doc], characters=characters, offset=offset)[0]

    def group(self, group: int, columns: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
        """A row group in batches, each with the number of its first document."""
        with self._open() as file:
            first = int(self.starts[group])
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=columns):
                yield first, batch
                first += len(batch)

    def _batches(self, group: int, last: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        for first, batch in self.group(group, ["doc", "name", "text", "held_out", "metadata"]):
            yield first, batch
            if first + len(batch) > last:
                return

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self._path)
        except (pa.ArrowInvalid, OSError) as error:
            raise ArtifactBroken(f"{self._path} cannot be read: {str(error).splitlines()[0]}") from error


class Selection:
    """The documents in which a text occurs, or those of one side of the split; found as far as they are asked for.

    Args:
        text: must occur in the text or the name, in upper or lower case.
        held_out: which side of the split; both where None.
        characters: how much of a text is shown, from just before the first place where it occurs.
    """

    def __init__(
        self, documents: Documents, *, text: str | None, held_out: bool | None, characters: int = 1000
    ) -> None:
        self._documents, self._text, self._held_out, self._characters = documents, text, held_out, characters
        self._found = array("q")
        self._samples: list[DocumentSample] = []
        self._groups = 0
        self._lock = threading.Lock()

    @property
    def total(self) -> int:
        """Documents found so far."""
        return len(self._found)

    @property
    def searched(self) -> int:
        """Documents that were looked at."""
        return int(self._documents.starts[self._groups])

    @property
    def complete(self) -> bool:
        """Whether all were looked at."""
        return self.searched == len(self._documents)

    def page(self, offset: int, limit: int, *, seconds: float) -> list[DocumentSample]:
        """Some of them, in their order; fewer where the search has not come so far in `seconds`."""
        with self._lock:
            until = time.monotonic() + seconds
            # One more than is shown tells whether there is a next page.
            # A side of the split is told from one small column.
            enough = offset + limit + 1 if self._text else len(self._documents)
            while not self.complete and len(self._found) < enough:
                self._look_into(self._groups)
                self._groups += 1
                if time.monotonic() > until:
                    break
            wanted = self._found[offset : offset + limit].tolist()
            kept = self._samples[offset : offset + limit]
        rest = wanted[len(kept) :]
        return kept + ([self._around(each) for each in self._documents.read(rest, characters=2**31)] if rest else [])

    def _look_into(self, group: int) -> None:
        columns = ["doc", "name", "text", "held_out", "metadata"] if self._text else ["held_out"]
        for first, batch in self._documents.group(group, columns):
            mask = self._mask(batch)
            rows = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
            self._found.extend((first + rows).tolist())
            if self._text and len(rows) and len(self._samples) < _KEPT_HITS:
                hits = _samples(batch.take(pa.array(rows)), 0, None)
                self._samples += [self._around(each) for each in hits[: _KEPT_HITS - len(self._samples)]]

    def _mask(self, batch: pa.RecordBatch) -> Any:
        masks = []
        if self._text:
            here = [pc.match_substring(batch[name], self._text, ignore_case=True) for name in ("text", "name")]
            masks.append(pc.or_(*here))
        if self._held_out is not None:
            masks.append(pc.equal(batch["held_out"], self._held_out))
        return pc.and_(*masks) if len(masks) == 2 else masks[0]

    def _around(self, sample: DocumentSample) -> DocumentSample:
        """The sample of a whole text, cut to where the text that was searched for occurs first."""
        match = re.search(re.escape(self._text or ""), sample.text, re.IGNORECASE)
        offset = max(0, (match.start() if match else 0) - self._characters // 4)
        offset = min(offset, max(0, sample.characters - self._characters))
        return sample.model_copy(update={"text": sample.text[offset : offset + self._characters], "offset": offset})


def statistics(path: Path | str) -> DocumentStatistics:
    """Describe a corpus, in one pass over its texts.

    Raises:
        NotFound, FormatUnsupported, ArtifactBroken: `path` is no sound corpus.
    """
    documents = Documents(path)
    lengths: list[Int64[np.ndarray, " rows"]] = []
    utf8_bytes = held_out = 0
    having: Counter[str] = Counter()
    examples: dict[str, list[Scalar]] = {}
    for group in range(len(documents.starts) - 1):
        for first, batch in documents.group(group, ["text", "held_out", "metadata"]):
            lengths.append(pc.utf8_length(batch["text"]).to_numpy())
            utf8_bytes += pc.sum(pc.binary_length(batch["text"])).as_py()
            held_out += batch["held_out"].true_count
            if first < _METADATA_DOCUMENTS:
                _note(batch["metadata"].to_pylist(), having, examples)
    all_lengths = np.concatenate(lengths)
    return DocumentStatistics(
        documents=len(documents),
        documents_held_out=held_out,
        characters=int(all_lengths.sum()),
        utf8_bytes=utf8_bytes,
        lengths=_describe(all_lengths),
        metadata=tuple(
            MetadataField(name=name, documents=count, examples=tuple(examples[name]))
            for name, count in having.most_common()
        ),
    )


def _samples(batch: pa.RecordBatch, offset: int, characters: int | None) -> list[DocumentSample]:
    stop = None if characters is None else offset + characters
    shown = pc.utf8_slice_codeunits(batch["text"], offset, stop).to_pylist()
    lengths = pc.utf8_length(batch["text"]).to_pylist()
    rows = batch.select(["doc", "name", "held_out", "metadata"]).to_pylist()
    return [
        DocumentSample(
            doc=row["doc"],
            name=row["name"],
            text=text,
            offset=min(offset, length),
            characters=length,
            held_out=row["held_out"],
            metadata=json.loads(row["metadata"]),
        )
        for row, text, length in zip(rows, shown, lengths, strict=True)
    ]


def _note(rows: list[str], having: Counter[str], examples: dict[str, list[Scalar]]) -> None:
    for row in rows:
        for name, value in json.loads(row).items():
            having[name] += 1
            known = examples.setdefault(name, [])
            short = value[:_EXAMPLE_CHARACTERS] if isinstance(value, str) else value
            if len(known) < _EXAMPLES and short is not None and short not in known:
                known.append(short)


def _describe(lengths: Int64[np.ndarray, " documents"]) -> CharacterLengths:
    edges = [0, *(2**power for power in range(int(lengths.max()).bit_length() + 1))]
    counts, _ = np.histogram(lengths, bins=np.array(edges))
    bars = tuple(
        CharacterBin(low=low, high=high, documents=int(count))
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    )
    first = next(index for index, bar in enumerate(bars) if bar.documents)
    return CharacterLengths(
        min=int(lengths.min()),
        median=float(np.median(lengths)),
        mean=float(lengths.mean()),
        max=int(lengths.max()),
        histogram=bars[first:],
    )
