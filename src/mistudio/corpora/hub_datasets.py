"""Texts in data sets of the Hugging Face hub, or in folders that the `datasets` library saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

from mistudio.corpora.config import CorpusConfig
from mistudio.corpora.rows import SourceText, missing_column, text_of_row
from mistudio.errors import BadInput, DownloadFailed, MistudioError, NotFound, reason_of

_REACH_SECONDS = 6.0


def is_saved_dataset(folder: Path) -> bool:
    """Whether the folder was written by `save_to_disk` of the `datasets` library."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


@dataclass(frozen=True)
class DatasetLook:
    """The first rows of a split, and what there is to choose from."""

    bytes: int | None
    documents: int | None
    split: str | None
    splits: tuple[str, ...]
    config_name: str | None
    config_names: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    """Of columns that hold no plain values (images, lists) only their kind."""


def read_dataset(source: str, config: CorpusConfig, token: str | None = None) -> Iterator[SourceText]:
    """The texts of one split, in the data set's own order.

    Args:
        source: id on the hub, or a folder that `datasets` can load.
        token: for data sets that are not open to everyone; the one that `hf auth login` left where None.

    Raises:
        NotFound: there is no such data set, or access to it was not granted.
        BadInput: no such split, configuration or column; the message names those that are there.
        DownloadFailed: the hub could not be reached.
    """
    label = Path(source).name if Path(source).is_dir() else source
    with _errors_said(source):
        dataset = _load(source, config, token)
        names = _columns(dataset)
        if names is not None:
            if config.column not in names:
                raise missing_column(config.column, names, f"The data set {source}")
            # Other columns may hold images or audio that would be decoded in vain.
            dataset = dataset.select_columns(sorted({*_flat_columns(dataset), config.column}))
        for number, row in enumerate(cast("Iterator[Mapping[str, object]]", iter(dataset)), start=1):
            yield text_of_row(row, config.column, name=f"{label}#{number}", origin=f"Row {number} of {source}")


def look_into_dataset(
    source: str, split: str | None, config_name: str | None, revision: str | None, rows: int, token: str | None
) -> DatasetLook:
    """The first rows of a data set, as they arrive; nothing is stored.

    Args:
        split: its `train`, or the first one, where None.
        config_name: its first one where None.

    Raises:
        NotFound, BadInput, DownloadFailed: as `read_dataset`.
    """
    with _errors_said(source):
        if is_saved_dataset(Path(source)):
            return _look_into_saved(source, split, rows)
        return _look_into_hub(source, split, config_name, revision, rows, token)


def _look_into_saved(source: str, split: str | None, rows: int) -> DatasetLook:
    import datasets

    saved = datasets.load_from_disk(source)
    splits = () if isinstance(saved, datasets.Dataset) else tuple(map(str, saved))
    chosen = _chosen(split, splits, source)
    dataset = saved if isinstance(saved, datasets.Dataset) else saved[chosen]
    return DatasetLook(
        bytes=sum(path.stat().st_size for path in Path(source).rglob("*.arrow")),
        documents=len(dataset),
        split=chosen,
        splits=splits,
        config_name=None,
        config_names=(),
        rows=_first_rows(dataset, rows),
    )


def _look_into_hub(
    source: str, split: str | None, config_name: str | None, revision: str | None, rows: int, token: str | None
) -> DatasetLook:
    import datasets

    _reach(source, revision, token)
    names = tuple(datasets.get_dataset_config_names(source, revision=revision, token=token))
    chosen_name = config_name or ("default" if "default" in names else next(iter(names), None))
    builder = datasets.load_dataset_builder(source, name=chosen_name, revision=revision, token=token)
    stated = builder.info.splits or {}
    splits = tuple(map(str, stated or builder.config.data_files or ()))
    chosen = _chosen(split, splits, source)
    dataset = builder.as_streaming_dataset(split=chosen)
    return DatasetLook(
        bytes=builder.info.download_size,
        documents=stated[chosen].num_examples or None if chosen in stated else None,
        split=chosen,
        splits=splits,
        config_name=chosen_name,
        config_names=names,
        rows=_first_rows(dataset, rows),
    )


def _chosen(split: str | None, splits: tuple[str, ...], source: str) -> str | None:
    if split is not None and splits and split not in splits:
        raise _no_such_split(source, split, splits)
    return split or ("train" if "train" in splits else next(iter(splits), None))


def _first_rows(dataset: Any, rows: int) -> tuple[dict[str, Any], ...]:
    if dataset.features is None:
        return tuple(islice(iter(dataset), rows))
    flat = _flat_columns(dataset)
    others = {name: {"kind": type(kind).__name__} for name, kind in dataset.features.items() if name not in flat}
    # Images and sounds are not decoded: that takes packages of their own.
    shown = islice(iter(dataset.select_columns(flat)), rows) if flat else ()
    order = list(dataset.features)
    return tuple({name: {**row, **others}[name] for name in order} for row in shown)


def _load(source: str, config: CorpusConfig, token: str | None) -> Any:
    # Loading the library takes a second that local files need not wait for.
    import datasets

    if not is_saved_dataset(Path(source)):
        if config.streaming:
            _reach(source, config.revision, token)
        return datasets.load_dataset(
            source,
            name=config.config_name,
            split=config.split,
            revision=config.revision,
            streaming=config.streaming,
            token=token,
        )
    saved = datasets.load_from_disk(source)
    if isinstance(saved, datasets.Dataset):
        return saved
    if config.split not in saved:
        raise _no_such_split(source, config.split, saved)
    return saved[config.split]


def _reach(source: str, revision: str | None, token: str | None) -> None:
    """Ask the Hub for the data set once: `datasets` asks a Hub that cannot be reached for half a minute."""
    import datasets
    from huggingface_hub import HfApi

    if not Path(source).exists():
        api = HfApi(endpoint=datasets.config.HF_ENDPOINT, token=token)
        api.dataset_info(source, revision=revision, timeout=_REACH_SECONDS)


def _columns(dataset: Any) -> list[str] | None:
    names = dataset.column_names
    return list(names) if names is not None else None


def _flat_columns(dataset: Any) -> list[str]:
    import datasets

    features = dataset.features or {}
    return [name for name, feature in features.items() if isinstance(feature, datasets.Value | datasets.ClassLabel)]


def _no_such_split(source: str, split: str, splits: Iterable[object]) -> BadInput:
    known = ", ".join(map(str, splits))
    return BadInput(f"{source} has no split {split!r}; it has {known}.", remedy="Choose one of them with --split.")


@contextmanager
def _errors_said(source: str) -> Iterator[None]:
    try:
        yield
    except MistudioError:
        raise
    except Exception as error:
        said = _said(error, source)
        if said is None:
            raise
        raise said from error


def _said(error: Exception, source: str) -> MistudioError | None:
    """The error as a sentence, or None if it is not the user's or the network's."""
    from datasets.exceptions import DatasetNotFoundError, DatasetsError
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    first = reason_of(error)
    if isinstance(error, DatasetNotFoundError | RepositoryNotFoundError | RevisionNotFoundError):
        return NotFound(
            f"{source!r} is no file or folder here, and the Hub has no such data set and revision open to you.",
            remedy="Check the spelling; for a gated data set accept its terms on its page and run `hf auth login`.",
        )
    # The Hub is asked through httpx, or what it is called this year.
    if isinstance(error, ConnectionError | TimeoutError | HfHubHTTPError) or type(error).__module__.startswith("httpx"):
        return DownloadFailed(f"{source!r} is no file or folder here, and reading it from the Hub failed: {first}.")
    if isinstance(error, ValueError | DatasetsError | FileNotFoundError | RuntimeError):
        return BadInput(
            f"The data set {source} cannot be read: {first}.",
            remedy="Check --split, --config-name and --revision.",
        )
    return None
