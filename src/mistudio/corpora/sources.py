"""What a corpus is made from: files, folders and data sets, told apart by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from mistudio.corpora.config import FILE_KINDS, CorpusConfig
from mistudio.corpora.files import LeftOut, read_path
from mistudio.corpora.hub_datasets import is_saved_dataset, read_dataset
from mistudio.corpora.rows import SourceText
from mistudio.errors import BadInput, NotFound

_DATASET_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")


def read_sources(
    config: CorpusConfig, token: str | None = None, left_out: LeftOut | None = None
) -> Iterator[SourceText]:
    """The texts of every source, one source after another, at most `config.limit` of them.

    Args:
        left_out: told of each file that cannot be read; without it the first one raises.

    Raises:
        NotFound: a source is not there; said before anything is read, unless only the hub can know it.
        BadInput: a source is given twice, or is of no known kind.
    """
    if len(set(config.sources)) < len(config.sources):
        raise BadInput("A source is given twice.", remedy="Name each source once: its texts would count double.")
    readers = [_reader(source, config, token, left_out) for source in config.sources]
    return islice((text for reader in readers for text in reader()), config.limit)


def _reader(
    source: str, config: CorpusConfig, token: str | None, left_out: LeftOut | None
) -> partial[Iterator[SourceText]]:
    path = Path(source).expanduser()
    if path.is_dir() and is_saved_dataset(path):
        return partial(read_dataset, str(path), config)
    if path.exists():
        return partial(read_path, path, config.column, left_out)
    looks_local = path.suffix.lower() in FILE_KINDS or source.startswith((".", "/", "~")) or source.endswith("/")
    if looks_local or not _DATASET_ID.fullmatch(source):
        raise NotFound(
            f"There is no file or folder {source}.",
            remedy="Check the path; a data set of the Hugging Face hub is named owner/name.",
        )
    return partial(read_dataset, source, config, token)
