"""Texts in local files.

1. A folder is every file of a known kind below it, in the order of the relative paths; hidden files are left out.
2. A .txt or .md file is one document. A .json file beside it with the same stem holds its metadata.
3. A .jsonl, .json, .csv or .parquet file holds one document a row.

Files are read row by row, save .txt, .md and .json, which are read whole. Line ends are kept as they are; a leading
byte-order mark is not text.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mistudio.corpora.config import FILE_KINDS
from mistudio.corpora.description import Scalar
from mistudio.corpora.rows import SourceText, missing_column, scalars, text_of_row
from mistudio.errors import BadInput, EmptyCorpus

_WHOLE = frozenset({".txt", ".md"})
_KNOWN = f"Known kinds are {', '.join(FILE_KINDS)}."
_BOM = b"\xef\xbb\xbf"
_LONGEST_CSV_FIELD = 2**31 - 1
_ROWS_AT_ONCE = 256
_READ_AHEAD_BYTES = 2**20


LeftOut = Callable[[str, Exception], None]
"""Told the path of a file that cannot be read, and why."""


def read_path(path: Path, column: str, left_out: LeftOut | None = None) -> Iterator[SourceText]:
    """The texts of a file, or of every file of a known kind in a folder.

    Args:
        left_out: told of each file that cannot be read; of one that breaks off, what stands before the fault counts.
            Without it the first such file raises.

    Raises:
        BadInput: a file is of no known kind, broken, not UTF-8, or lacks the column; the message names it.
        EmptyCorpus: the folder holds no file of a known kind, or the file is empty.
    """
    if path.is_dir():
        files = list(files_in(path))
        if not files:
            raise EmptyCorpus(f"{path} holds no file of a known kind.", remedy=_KNOWN)
        for file in files:
            name = file.relative_to(path).as_posix()
            yield from _or_left_out(str(file), partial(_read_file, file, name, column), left_out)
        return
    yield from _or_left_out(str(path), partial(_read_named, path, column), left_out)


def _or_left_out(path: str, read: Callable[[], Iterator[SourceText]], left_out: LeftOut | None) -> Iterator[SourceText]:
    try:
        yield from read()
    except (BadInput, EmptyCorpus, OSError) as error:
        if left_out is None:
            raise
        left_out(path, error)


def _read_named(path: Path, column: str) -> Iterator[SourceText]:
    if path.suffix.lower() not in FILE_KINDS:
        raise BadInput(f"{path} is of no known kind.", remedy=_KNOWN)
    if path.stat().st_size == 0:
        raise EmptyCorpus(f"{path} is empty.", remedy="Give a file with text in it.")
    yield from _read_file(path, path.name, column)


def files_in(folder: Path) -> Iterator[Path]:
    """The files of a known kind in a folder, in order; not those that hold the metadata of another."""
    visible = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in FILE_KINDS
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    documents = {path.with_suffix("") for path in visible if path.suffix.lower() in _WHOLE}
    for path in sorted(visible, key=lambda path: path.relative_to(folder).as_posix()):
        is_metadata = path.suffix.lower() == ".json" and path.with_suffix("") in documents
        if not is_metadata:
            yield path


def _read_file(path: Path, name: str, column: str) -> Iterator[SourceText]:
    if path.stat().st_size == 0:
        yield SourceText(name, "", {})
        return
    yield from _READERS[path.suffix.lower()](path, name, column)


def _read_whole(path: Path, name: str, column: str) -> Iterator[SourceText]:
    yield SourceText(name, utf8(path.read_bytes(), str(path)), _metadata_beside(path, column))


def _metadata_beside(path: Path, column: str) -> dict[str, Scalar]:
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    content = parsed(utf8(beside.read_bytes(), str(beside)), str(beside))
    if not isinstance(content, dict):
        raise BadInput(
            f"{beside} holds the metadata of {path.name} and must be an object.",
            remedy="Make it an object of named values, or give it another name.",
        )
    return scalars(content, without=column)


def _read_jsonl(path: Path, name: str, column: str) -> Iterator[SourceText]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                origin = f"{path} line {number}"
                row = parsed(utf8(line, origin), origin)
                yield text_of_row(row, column, name=f"{name}#{number}", origin=origin)


def _read_json(path: Path, name: str, column: str) -> Iterator[SourceText]:
    text = utf8(path.read_bytes(), str(path))
    try:
        content: Any = json.loads(text)
    except json.JSONDecodeError as error:
        if not error.msg.startswith("Extra data"):
            raise _broken_json(f"{path} line {error.lineno}", error) from error
        # Several values one after another: JSON lines under the name .json.
        yield from _read_jsonl(path, name, column)
        return
    if isinstance(content, list):
        for number, row in enumerate(content, start=1):
            yield text_of_row(row, column, name=f"{name}#{number}", origin=f"{path} entry {number}")
    else:
        yield text_of_row(content, column, name=name, origin=str(path))


def _read_csv(path: Path, name: str, column: str) -> Iterator[SourceText]:
    # The module's own limit of 128 KiB a field is meant for tables, not for documents.
    csv.field_size_limit(_LONGEST_CSV_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            if column not in (reader.fieldnames or ()):
                raise missing_column(column, reader.fieldnames or (), str(path))
            for number, row in enumerate(reader, start=1):
                yield text_of_row(row, column, name=f"{name}#{number}", origin=f"{path} row {number}")
        except UnicodeDecodeError as error:
            raise not_utf8(f"{path} near line {reader.line_num + 1}", error) from error
        except csv.Error as error:
            raise BadInput(
                f"{path} near line {reader.line_num}: not CSV: {error}.",
                remedy="Check the quotes: a field that holds a quote or a line end must be quoted, and quotes doubled.",
            ) from error


def _read_parquet(path: Path, name: str, column: str) -> Iterator[SourceText]:
    try:
        with pq.ParquetFile(path, buffer_size=_READ_AHEAD_BYTES) as file:
            schema = file.schema_arrow
            if column not in schema.names:
                raise missing_column(column, schema.names, str(path))
            flat = [field.name for field in schema if not pa.types.is_nested(field.type)]
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=sorted({*flat, column})):
                for row in batch.to_pylist():
                    number += 1
                    yield text_of_row(row, column, name=f"{name}#{number}", origin=f"{path} row {number}")
    except pa.ArrowInvalid as error:
        raise BadInput(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from error
    except UnicodeDecodeError as error:
        raise not_utf8(str(path), error) from error


def utf8(content: bytes, origin: str) -> str:
    """The text in a file's bytes; `origin` names the place in errors."""
    try:
        return content.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise not_utf8(f"{origin}, byte {error.start:,},", error) from error


def parsed(text: str, origin: str) -> Any:
    """The value in a JSON text; `origin` names the place in errors."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _broken_json(origin, error) from error


def _broken_json(origin: str, error: Exception) -> BadInput:
    reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
    return BadInput(f"{origin} is not JSON: {reason}.", remedy="Mend or remove it and run the same command again.")


def not_utf8(origin: str, error: UnicodeDecodeError) -> BadInput:
    """The error for bytes that are no text."""
    return BadInput(
        f"{origin} is not UTF-8 text: {error.reason}.",
        remedy="Convert the file first, for example with `iconv -f LATIN1 -t UTF-8`.",
    )


_READERS: dict[str, Callable[[Path, str, str], Iterator[SourceText]]] = {
    ".txt": _read_whole,
    ".md": _read_whole,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
