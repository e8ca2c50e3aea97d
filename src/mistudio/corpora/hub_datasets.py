"""Texts in data sets of the Hugging Face hub, or in folders that the `datasets` library saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.rows import SourceText, missing_column, text_of_row
from mistudio.errors import BadInput, DownloadFailed, MistudioError, NotFound


def is_saved_dataset(folder: Path) -> bool:
    """Whether the folder was written by `save_to_disk` of the `datasets` library."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def read_dataset(source: str, config: CorpusConfig) -> Iterator[SourceText]:
    """The texts of one split, in the data set's own order.

    Args:
        source: id on the hub, or a folder that `datasets` can load.

    Raises:
        NotFound: there is no such data set, or access to it was not granted.
        BadInput: no such split, configuration or column; the message names those that are there.
        DownloadFailed: the hub could not be reached.
    """
    label = Path(source).name if Path(source).is_dir() else source
    try:
        dataset = _load(source, config)
        names = _columns(dataset)
        if names is not None:
            if config.column not in names:
                raise missing_column(config.column, names, f"The data set {source}")
            # Other columns may hold images or audio that would be decoded in vain.
            dataset = dataset.select_columns(_flat_columns(dataset, config.column))
        for number, row in enumerate(cast("Iterator[Mapping[str, object]]", iter(dataset)), start=1):
            yield text_of_row(row, config.column, name=f"{label}#{number}", origin=f"Row {number} of {source}")
    except MistudioError:
        raise
    except Exception as error:
        said = _said(error, source)
        if said is None:
            raise
        raise said from error


def _load(source: str, config: CorpusConfig) -> Any:
    # Loading the library takes a second that local files need not wait for.
    import datasets

    if not is_saved_dataset(Path(source)):
        return datasets.load_dataset(
            source, name=config.config_name, split=config.split, revision=config.revision, streaming=config.streaming
        )
    saved = datasets.load_from_disk(source)
    if isinstance(saved, datasets.Dataset):
        return saved
    if config.split not in saved:
        raise BadInput(
            f"{source} has no split {config.split!r}; it has {', '.join(map(str, saved))}.",
            remedy="Choose one of them with --split.",
        )
    return saved[config.split]


def _columns(dataset: Any) -> list[str] | None:
    names = dataset.column_names
    return list(names) if names is not None else None


def _flat_columns(dataset: Any, column: str) -> list[str]:
    import datasets

    features = dataset.features or {}
    flat = [name for name, feature in features.items() if isinstance(feature, datasets.Value | datasets.ClassLabel)]
    return sorted({*flat, column})


def _said(error: Exception, source: str) -> MistudioError | None:
    """The error as a sentence, or None if it is not the user's or the network's."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    if isinstance(error, DatasetNotFoundError | RepositoryNotFoundError | RevisionNotFoundError):
        return NotFound(
            f"{source!r} is no file or folder here, and the Hub has no such data set and revision open to you.",
            remedy="Check the spelling; for a gated data set accept its terms on its page and run `hf auth login`.",
        )
    if isinstance(error, ConnectionError | TimeoutError | HfHubHTTPError) or type(error).__module__ == "httpx":
        return DownloadFailed(f"{source!r} is no file or folder here, and reading it from the Hub failed: {first}.")
    if isinstance(error, ValueError | DatasetsError | FileNotFoundError | RuntimeError):
        return BadInput(
            f"The data set {source} cannot be read: {first}.",
            remedy="Check --split, --config-name and --revision.",
        )
    return None
