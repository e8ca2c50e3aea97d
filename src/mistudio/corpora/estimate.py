"""What bringing text in and tokenizing it will need: memory and disk, part by part. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from mistudio.corpora.config import FILE_KINDS, CorpusConfig, TokenizeConfig
from mistudio.hardware import Estimate, Part

READER = Part("program", 200 << 20, "The process itself: Python and what reads and writes Parquet.")
TOKENIZER = Part("program", 400 << 20, "The process itself: Python, the tokenizer and the libraries that it brings.")
CHARACTERS_A_TOKEN = 3.0
"""Assumed where no text was tokenized for the model yet; English has about four."""
_UNTIMED = "unknown: reading and tokenizing text are not timed"
_WHOLE = {".txt": 4, ".md": 4, ".json": 8}
"""Kinds of file that are read as a whole, and how many bytes of memory one of theirs takes at most."""
_GROUP_BYTES, _GROUP_COPIES = 16_000_000, 6
_DOCUMENT_BYTES, _BATCH_BYTES = 64, 64 << 20


def of_sources(config: CorpusConfig) -> Estimate:
    """What bringing text in will need. Of data sets of the Hub nothing is known before they are fetched."""
    files: list[tuple[str, int]] = []
    unknown = []
    for source in config.sources:
        path = Path(source).expanduser()
        if path.exists():
            files += _files(path)
        else:
            unknown.append(source)
    size = sum(each for _, each in files)
    whole = max((_WHOLE.get(kind, 0) * each for kind, each in files), default=0)
    group = _GROUP_COPIES * (_GROUP_BYTES if unknown else min(_GROUP_BYTES, size))
    disk = [Part("documents", size, "The text, which is compressed: at most as much as its files.")]
    if config.held_out:
        disk.append(Part("marking", size, "A second copy while documents are held out; removed at the end."))
    disk += [Part(each, 0, "Unknown: a data set of the Hub says its size when it is fetched.") for each in unknown]
    return Estimate(
        memory=(
            READER,
            Part("row group", group, "Documents that are gathered, compressed and written at a time."),
            Part("largest file", whole, "Files of plain text and JSON are read as a whole."),
        ),
        disk=tuple(disk),
        seconds_basis=_UNTIMED,
        facts={"source_bytes": size, "unknown_sources": len(unknown)},
    )


def of_tokens(
    config: TokenizeConfig, *, characters: int, documents: int, vocab_size: int, characters_a_token: float | None = None
) -> Estimate:
    """What tokenizing a corpus will need.

    Args:
        characters_a_token: as an earlier tokenization for this model had them.
    """
    tokens = characters / (characters_a_token or CHARACTERS_A_TOKEN) + documents
    if config.truncate is not None and config.stride is not None:
        tokens *= max(1.0, config.truncate / config.stride)
    tokens *= config.context_length / (config.context_length - int(config.prepend_bos))
    if characters_a_token:
        known = "as long as in an earlier tokenization for this model"
    else:
        known = f"which is assumed to have {CHARACTERS_A_TOKEN:g} characters"
    value_bytes = 2 if vocab_size <= 2**16 else 4
    return Estimate(
        memory=(
            TOKENIZER,
            Part("batch", config.processes * _BATCH_BYTES, "Documents that are tokenized and packed at a time."),
        ),
        disk=(
            Part("tokens", int(tokens) * value_bytes, f"{value_bytes} bytes a token, {known}."),
            Part("documents", documents * _DOCUMENT_BYTES, "Where each document begins and ends."),
        ),
        seconds_basis=_UNTIMED,
        facts={"tokens": int(tokens)},
    )


def _files(path: Path) -> Iterable[tuple[str, int]]:
    """Ending and size, in bytes, of a file, or of the files of a folder that hold text."""
    if path.is_file():
        return [(path.suffix.lower(), path.stat().st_size)]
    found = []
    for folder, _, names in os.walk(path):
        for name in names:
            kind = os.path.splitext(name)[1].lower()
            if kind in (*FILE_KINDS, ".arrow"):
                try:
                    found.append((kind, os.stat(os.path.join(folder, name)).st_size))
                except OSError:  # It went away, or is a link to nothing.
                    continue
    return found
