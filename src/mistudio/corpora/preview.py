"""What a source of text holds, before it is brought in: its columns and its first rows.

1. Of a file the first rows are read, of a folder those of its first files, of the Hub those of the split asked for.
2. The column whose values are texts, and long ones, is proposed as the text.

Nothing is read whole but .json files, and those only up to a size.
"""

from __future__ import annotations

import codecs
import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from itertools import islice
from numbers import Number
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mistudio.corpora.config import FILE_KINDS, CorpusConfig
from mistudio.corpora.description import ColumnType, CorpusPreview, PreviewColumn
from mistudio.corpora.files import files_in, not_utf8, parsed, utf8
from mistudio.corpora.hub_datasets import is_saved_dataset, look_into_dataset
from mistudio.errors import BadInput, EmptyCorpus

_SHOWN_CHARACTERS = 500
_READ_BYTES = 65_536
_LARGEST_JSON = 200 * 2**20
_LONGEST_LINE = 50 * 2**20
_USUAL_NAMES = ("text", "content", "document", "body", "article")


def preview(
    source: str,
    *,
    split: str | None = None,
    config_name: str | None = None,
    revision: str | None = None,
    rows: int = 10,
    token: str | None = None,
) -> CorpusPreview:
    """Look into a file, a folder, or a data set of the Hub.

    Args:
        split: of a data set; its first one, or `train`, where None.
        config_name: of a data set; its first one where None.
        rows: how many to show.
        token: for data sets of the Hub that are not open to everyone.

    Raises:
        NotFound: there is no such source.
        BadInput: a file is of no known kind, or broken; the message names it.
        EmptyCorpus: there is nothing in it.
        DownloadFailed: the Hub could not be reached.
    """
    path = Path(source).expanduser()
    if not path.exists() or is_saved_dataset(path):
        look = look_into_dataset(source, split, config_name, revision, rows, token)
        return CorpusPreview(
            source=source,
            origin="saved" if path.exists() else "hub",
            formats=(),
            files=None,
            bytes=look.bytes,
            documents=look.documents,
            split=look.split,
            splits=look.splits,
            config_name=look.config_name,
            config_names=look.config_names,
            **_table(look.rows),
        )
    files = list(files_in(path)) if path.is_dir() else [path]
    if not files or files[0].suffix.lower() not in FILE_KINDS:
        raise BadInput(f"{path} holds no file of a known kind.", remedy=f"Known kinds are {', '.join(FILE_KINDS)}.")
    first = list(islice((row for file in files for row in _rows(file)), rows))
    if not first:
        raise EmptyCorpus(f"{path} is empty.", remedy="Give a file with text in it.")
    return CorpusPreview(
        source=source,
        origin="folder" if path.is_dir() else "file",
        formats=tuple(sorted({file.suffix.lower()[1:] for file in files})),
        files=len(files),
        bytes=sum(file.stat().st_size for file in files),
        documents=_count(files),
        split=None,
        splits=(),
        config_name=None,
        config_names=(),
        **_table(first),
    )


def _rows(path: Path) -> Iterator[object]:
    """The rows of a file, as they come."""
    match path.suffix.lower():
        case ".jsonl":
            yield from _lines(path)
        case ".json":
            yield from _values(path)
        case ".csv":
            yield from _records(path)
        case ".parquet":
            yield from _table_rows(path)
        case _:
            if path.stat().st_size:
                yield {"text": _beginning(path)}


def _beginning(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(_READ_BYTES)
    try:
        # Not final: the last character may have been cut.
        return codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError as error:
        raise not_utf8(f"{path}, byte {error.start:,},", error) from error


def _lines(path: Path) -> Iterator[object]:
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise BadInput(
                    f"{path} line {number} is longer than {_LONGEST_LINE // 2**20} MiB.",
                    remedy="Check that it is JSON lines: one object a line.",
                )
            if line.strip():
                origin = f"{path} line {number}"
                yield parsed(utf8(line, origin), origin)


def _values(path: Path) -> Iterator[object]:
    if path.stat().st_size > _LARGEST_JSON:
        raise BadInput(
            f"{path} is one JSON value of more than {_LARGEST_JSON // 2**20} MiB, which must be read whole.",
            remedy="Write it as .jsonl, one object a line.",
        )
    text = utf8(path.read_bytes(), str(path))
    if not text.strip():
        return
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg.startswith("Extra data"):
            yield from _lines(path)
            return
        content = parsed(text, str(path))  # Says what is wrong.
    yield from content if isinstance(content, list) else [content]


def _records(path: Path) -> Iterator[object]:
    csv.field_size_limit(_LONGEST_LINE)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, strict=True)
    except UnicodeDecodeError as error:
        raise not_utf8(str(path), error) from error
    except csv.Error as error:
        raise BadInput(f"{path} is not CSV: {error}.", remedy="Check its quotes.") from error


def _table_rows(path: Path) -> Iterator[object]:
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=16):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    except UnicodeDecodeError as error:
        raise not_utf8(str(path), error) from error


def _count(files: Sequence[Path]) -> int | None:
    """Documents in files that tell it without being read: a text is one, Parquet says it."""
    total = 0
    for file in files:
        match file.suffix.lower():
            case ".txt" | ".md":
                total += 1
            case ".parquet":
                total += int(pq.read_metadata(file).num_rows)
            case _:
                return None
    return total


def _table(rows: Iterable[object]) -> dict[str, Any]:
    """Columns, the likeliest of them, and rows that can be shown."""
    default = CorpusConfig.model_fields["column"].default
    objects = [row if isinstance(row, Mapping) else {default: row} for row in rows]
    mappings = [{_sendable(str(name)): value for name, value in row.items()} for row in objects]
    names = list(dict.fromkeys(name for row in mappings for name in row))
    columns = [PreviewColumn(name=name, type=_type([row.get(name) for row in mappings])) for name in names]
    texts = [column.name for column in columns if column.type == "text"]
    usual = [name for name in _USUAL_NAMES if name in texts]
    longest = max(texts, key=lambda name: sum(len(str(row.get(name) or "")) for row in mappings), default=None)
    return {
        "columns": tuple(columns),
        "text_column": usual[0] if usual else longest,
        "rows": tuple({name: _shown(value) for name, value in row.items()} for row in mappings),
    }


def _type(values: Sequence[object]) -> ColumnType:
    known = [value for value in values if value is not None]
    if not known:
        return "empty"
    if all(isinstance(value, str) for value in known):
        return "text"
    if all(isinstance(value, bool) for value in known):
        return "truth value"
    if all(isinstance(value, Number) for value in known):
        return "number"
    return "date" if all(isinstance(value, datetime | date | time) for value in known) else "nested"


def _shown(value: object) -> Any:
    """The value as JSON can hold it, short."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else str(value)
    text = _sendable(text[: _SHOWN_CHARACTERS + 1])
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _sendable(text: str) -> str:
    """The text without half surrogate pairs, which JSON may spell out and UTF-8 cannot hold."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
