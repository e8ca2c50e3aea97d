"""Fetch a model's files from the Hugging Face Hub into its local cache.

Configuration, tokenizer and safetensors weights of the top folder only: pickles, other frameworks' copies and
sub-folders stay where they are. Files that are there already are not fetched again; without a network, what was
fetched before is used.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import tqdm

from mistudio.artifacts.atomic import disk_full_is_said
from mistudio.errors import DownloadFailed, FormatUnsupported, MistudioError, UnknownModel, reason_of
from mistudio.language_models.description import HubModel
from mistudio.progress import Progress

_SETTINGS = ["*.json", "*.txt", "*.model", "*.jinja", "*.py"]
_WEIGHTS = ["model.safetensors", "model-*-of-*.safetensors"]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?", re.ASCII)
_FILE_ENDINGS = (".gguf", ".safetensors", ".bin", ".pt", ".pth")


def fetch(source: str, revision: str | None, *, weights: bool, progress: Progress, token: str | None = None) -> Path:
    """The folder that holds the files of the Hub's model `source`; its name is the commit.

    Args:
        revision: branch, tag or commit; the default branch where None.
        weights: also the weights, not only configuration and tokenizer.
        token: for models that are not open to everyone; the one that `hf auth login` left where None.

    Raises:
        UnknownModel: the Hub does not know the model or revision, guards it, or cannot be reached.
        FormatUnsupported: the repository is not a model for transformers.
        DownloadFailed: the Hub broke off.
        DiskFull: the cache's disk had no room.
    """
    return _download(source, revision, [*_SETTINGS, *(_WEIGHTS if weights else [])], _bar_for(progress), token)


def fetch_config(source: str, revision: str | None, *, token: str | None = None) -> HubModel:
    """Fetch nothing but the configuration, and ask how large the rest is; raises what `fetch` raises."""
    snapshot = _download(source, revision, ["config.json"], None, token)
    try:
        files = HfApi(token=token).model_info(source, revision=snapshot.name, files_metadata=True).siblings or []
        top = [file for file in files if "/" not in file.rfilename]
        sizes = [file.size for file in top if any(fnmatch(file.rfilename, one) for one in (*_SETTINGS, *_WEIGHTS))]
        total = sum(filter(None, sizes)) or None
    except Exception:  # noqa: BLE001  the configuration may come from the cache, without a network
        total = None
    return HubModel(directory=str(snapshot), commit=snapshot.name, download_bytes=total)


def _download(
    source: str, revision: str | None, patterns: Sequence[str], bar: type[tqdm] | None, token: str | None
) -> Path:
    if not _HUB_ID.fullmatch(source) or source.lower().endswith(_FILE_ENDINGS):
        raise UnknownModel(f"There is no file or directory {source}.")
    try:
        with disk_full_is_said(Path("the Hub's cache")):
            directory = snapshot_download(
                source,
                revision=revision,
                allow_patterns=list(patterns),
                ignore_patterns=["*/*"],
                tqdm_class=bar,
                token=token,
            )
    except GatedRepoError as error:
        raise UnknownModel(
            f"{source} is on the Hub, but its authors ask you to accept their terms first.",
            remedy="Accept the terms on the model's page, log in with `hf auth login`, and run the same command again.",
        ) from error
    except RevisionNotFoundError as error:
        raise UnknownModel(f"{source} has no revision {revision!r} on the Hub.") from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UnknownModel(
            f"There is no model {source}: it is no directory and no .gguf file here, and the Hub does not know it."
        ) from error
    except LocalEntryNotFoundError as error:
        raise UnknownModel(
            f"There is no directory or .gguf file {source} here, it was not downloaded before, "
            "and the Hub cannot be reached.",
            remedy="Check the network connection, or give the path of a local model directory or .gguf file.",
        ) from error
    except MistudioError:
        raise
    except Exception as error:  # whatever HTTP library the Hub's client is built on this year
        raise DownloadFailed(f"The download of {source} from the Hub broke off: {reason_of(error)}.") from error
    snapshot = Path(directory)
    if not (snapshot / "config.json").is_file():
        raise FormatUnsupported(
            f"{source} on the Hub is not a model for transformers: it has no config.json.",
            remedy="From a repository of GGUF files, download the .gguf file and give its path.",
        )
    return snapshot


def cached_file(source: str, revision: str | None, name: str) -> Path | None:
    """A file of a Hub's model that was fetched before; None where it was not. Asks no network."""
    if not _HUB_ID.fullmatch(source):
        return None
    found = try_to_load_from_cache(source, name, revision=revision)
    return Path(found) if isinstance(found, str) else None


def _bar_for(progress: Progress) -> type[tqdm]:
    """A progress bar that draws nothing and passes the bytes written on to `progress`."""

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **{**kwargs, "file": io.StringIO(), "disable": False})  # type: ignore[no-untyped-call]

        def display(self, *_args: Any, **_kwargs: Any) -> None:
            pass

        def update(self, n: float | None = 1) -> bool | None:
            drawn: bool | None = super().update(n)
            if str(self.desc).startswith("Reconstruct"):
                progress.advance("model: download", self.n, self.total or None)
                progress.checkpoint()
            return drawn

    return Bar
