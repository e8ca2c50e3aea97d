"""Turn what the user calls a model into files that are safe to load, before any of them is loaded.

1. A .gguf file and a local directory are taken as they are; anything else is a Hub id, whose configuration,
   tokenizer and safetensors weights are brought into the Hub's local cache (unchanged files are not fetched again).
2. The weight files are checked: safetensors only, none missing, none truncated. Pickled weights are never opened.
3. The files get a digest: the Hub's commit, the sha256 in an artifact's manifest, or the sha256 of the weights.

Knows nothing of torch.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from mistudio.artifacts.digest import sha256_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.errors import ArtifactBroken, FormatUnsupported
from mistudio.language_models.hub import fetch
from mistudio.progress import Progress, Silent

_INDEX = "model.safetensors.index.json"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True)
class Checkpoint:
    """Where a model's files lie."""

    directory: Path
    gguf_file: str | None
    """The file's name in `directory`, where the weights are in GGUF format."""
    name: str
    """What people call the model: the Hub id, the artifact's, or the file's own name."""
    commit: str | None
    """The Hub's commit."""

    @property
    def gguf_path(self) -> Path | None:
        """The .gguf file."""
        return self.directory / self.gguf_file if self.gguf_file else None

    def digest(self) -> str:
        """A stable identity of the weights: equal for equal files, wherever they lie."""
        if self.commit is not None:
            return f"hub:{self.name}@{self.commit}"
        if self.gguf_path is not None:
            return f"sha256:{sha256_of(self.gguf_path)}"
        weights = self.weight_files()
        if (self.directory / MANIFEST).is_file():
            files = open_artifact(self.directory, Kind.MODEL).manifest.files
            sums = [files[path.name].sha256 if path.name in files else sha256_of(path) for path in weights]
        else:
            sums = [sha256_of(path) for path in weights]
        return f"sha256:{hashlib.sha256(' '.join(sums).encode()).hexdigest() if len(sums) != 1 else sums[0]}"

    def weight_files(self) -> list[Path]:
        """The safetensors files that make up the model.

        Raises:
            FormatUnsupported: there is no safetensors file.
            ArtifactBroken: the index names a file that is not there, or cannot be read.
        """
        index = self.directory / _INDEX
        if index.is_file():
            try:
                names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise ArtifactBroken(f"{index} cannot be read.") from error
            missing = [name for name in names if not (self.directory / name).is_file()]
            if missing:
                raise ArtifactBroken(f"{self.directory / missing[0]} is missing: {_INDEX} names it.")
            return [self.directory / name for name in names]
        single = self.directory / "model.safetensors"
        if single.is_file():
            return [single]
        pickled = sorted(path.name for pattern in _PICKLES for path in self.directory.glob(pattern))
        found = f"only {pickled[0]}, which is pickled and never loaded" if pickled else "none"
        raise FormatUnsupported(
            f"{self.name} must have its weights as model.safetensors, and there is {found}.",
            remedy="Ask its author for safetensors weights, or convert the file yourself if you trust it.",
        )


def locate(
    source: str,
    revision: str | None = None,
    *,
    weights: bool = True,
    progress: Progress | None = None,
    token: str | None = None,
) -> Checkpoint:
    """Find, and where needed fetch, the files of the model that `source` names.

    Args:
        source: a Hub id, a model directory (an artifact or any other), or a .gguf file.
        revision: branch, tag or commit; Hub ids only.
        weights: also fetch and check the weights; False is enough for the configuration and the tokenizer.
        token: for models of the Hub that are not open to everyone.

    Raises:
        UnknownModel: it is none of these.
        FormatUnsupported: it is a file that is not GGUF, a directory that holds no model, or its weights are pickled.
        ArtifactBroken: a weight file is missing or truncated; the message names it.
        DownloadFailed: the Hub broke off.
    """
    path = Path(source).expanduser()
    if path.is_file():
        checkpoint = _gguf(path)
    elif path.is_dir():
        checkpoint = _local(path)
    else:
        snapshot = fetch(source, revision, weights=weights, progress=progress or Silent(), token=token)
        checkpoint = Checkpoint(directory=snapshot, gguf_file=None, name=source, commit=snapshot.name)
    if weights and checkpoint.gguf_file is None:
        for file in checkpoint.weight_files():
            check_safetensors(file)
    return checkpoint


def check_safetensors(path: Path) -> None:
    """Compare a safetensors file's size with what its header promises, without reading the tensors.

    Raises:
        ArtifactBroken: it is truncated, or no safetensors file at all.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= size - 8:
                raise ValueError("the header is longer than the file")
            header = json.loads(file.read(length))
        tensors = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactBroken(f"{path} is not a sound safetensors file: its header cannot be read.") from error
    promised = 8 + length + max(tensors, default=0)
    if size != promised:
        state = "truncated" if size < promised else "too long"
        raise ArtifactBroken(f"{path} is {state}: it has {size:,} bytes, and its header promises {promised:,}.")


def _gguf(path: Path) -> Checkpoint:
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        kind = "is pickled, and pickled weights are never loaded" if path.match("*.bin") else "is not a GGUF file"
        raise FormatUnsupported(
            f"{path} {kind}.",
            remedy="Give a .gguf file, or the directory that holds config.json and the weights.",
        )
    return Checkpoint(directory=path.parent.absolute(), gguf_file=path.name, name=path.stem, commit=None)


def _local(path: Path) -> Checkpoint:
    name = path.absolute().name
    if (path / MANIFEST).is_file():
        name = str(open_artifact(path, Kind.MODEL).manifest.config.get("name", name))
    if not (path / "config.json").is_file():
        raise FormatUnsupported(
            f"{path} holds no model: it has no config.json.",
            remedy="Give the directory that holds config.json, model.safetensors and the tokenizer's files.",
        )
    return Checkpoint(directory=path, gguf_file=None, name=name, commit=None)
