"""The manifest that makes a directory an artifact: what it is, what it was made from, and what is in it.

1. `seal` hashes every file of a finished directory and writes `manifest.json` beside them.
2. `open_artifact` reads the manifest, checks that each file is there and of the right size, and with
   `deep=True` that its sha256 is right.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mistudio.artifacts.atomic import WORK, write_json
from mistudio.artifacts.digest import sha256_of
from mistudio.artifacts.kinds import Kind
from mistudio.config import Config
from mistudio.errors import ArtifactBroken, FormatUnsupported, NotFound

MANIFEST = "manifest.json"
FORMAT_VERSION = 1
_number: ContextVar[str | None] = ContextVar("number", default=None)


class Input(Config):
    """An artifact that this one was made from."""

    kind: Kind
    id: str
    sha256: str
    """Of the input's manifest file."""


class File(Config):
    """A file of the artifact."""

    bytes: int
    sha256: str


class Manifest(Config):
    """What stands in `manifest.json`."""

    kind: Kind
    format_version: int
    id: str
    created_at: str
    """UTC, ISO 8601."""
    mistudio_version: str
    inputs: tuple[Input, ...] = ()
    config: dict[str, Any] = {}
    metrics: dict[str, Any] = {}
    files: dict[str, File] = {}


class Artifact(Config):
    """A sealed directory and its manifest."""

    path: Path
    manifest: Manifest

    def as_input(self) -> Input:
        """How the manifest of a later artifact names this one."""
        digest = hashlib.sha256((self.path / MANIFEST).read_bytes()).hexdigest()
        return Input(kind=self.manifest.kind, id=self.manifest.id, sha256=digest)


@contextmanager
def numbered(number: str) -> Iterator[None]:
    """Let what is sealed inside have `number` in its id, by which its maker knows it again after it was killed."""
    token = _number.set(number)
    try:
        yield
    finally:
        _number.reset(token)


def seal(
    directory: Path,
    kind: Kind,
    *,
    config: Mapping[str, Any],
    inputs: Iterable[Input] = (),
    metrics: Mapping[str, Any] | None = None,
) -> Manifest:
    """Write the manifest of a directory whose files are all in place; its work folder is no part of it."""
    files = {}
    for path in sorted(directory.rglob("*")):
        name = path.relative_to(directory).as_posix()
        if path.is_file() and name != MANIFEST and not name.startswith(f"{WORK}/"):
            files[name] = File(bytes=path.stat().st_size, sha256=sha256_of(path))
    manifest = Manifest(
        kind=kind,
        format_version=FORMAT_VERSION,
        id=f"{kind.value}-{_number.get() or uuid.uuid4().hex[:12]}",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        mistudio_version=version("mistudio"),
        inputs=tuple(inputs),
        config=dict(config),
        metrics=dict(metrics or {}),
        files=files,
    )
    write_json(directory / MANIFEST, manifest.model_dump(mode="json"))
    return manifest


def open_artifact(directory: Path | str, kind: Kind | None = None, *, deep: bool = False) -> Artifact:
    """Read and check an artifact.

    Args:
        directory: where it lies.
        kind: what it must be; any kind where None.
        deep: also compare every file's sha256, which reads it whole.

    Raises:
        NotFound: no such directory, or it has no manifest.
        FormatUnsupported: it is of another kind, or was written by a later version.
        ArtifactBroken: a file is missing, truncated or changed; the message names it.
    """
    directory = Path(directory).expanduser()
    path = directory / MANIFEST
    if not path.is_file():
        raise NotFound(f"{directory} is not a miStudio artifact: it has no {MANIFEST}.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        _check_version(directory, content)
        manifest = Manifest.model_validate(content)
    except (ValidationError, ValueError) as error:
        raise ArtifactBroken(f"{path} cannot be read: {str(error).splitlines()[0].rstrip('.')}.") from error
    if kind is not None and manifest.kind is not kind:
        raise FormatUnsupported(
            f"{directory} is of kind {manifest.kind.value}, and {kind.value} is wanted.",
            remedy=f"Give a directory of kind {kind.value}.",
        )
    for name, file in manifest.files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ArtifactBroken(f"{path} names a file outside its directory: {name}.")
        _check(directory / name, file, deep=deep)
    return Artifact(path=directory, manifest=manifest)


def _check_version(directory: Path, content: Any) -> None:
    # Before all else: a later version may know kinds and fields that this one does not.
    found = content.get("format_version") if isinstance(content, dict) else None
    if isinstance(found, int) and found > FORMAT_VERSION:
        raise FormatUnsupported(
            f"{directory} has format {found}; this version reads up to {FORMAT_VERSION}.",
            remedy="Upgrade with `pip install --upgrade mistudio`.",
        )


def _check(path: Path, file: File, *, deep: bool) -> None:
    if not path.is_file():
        raise ArtifactBroken(f"{path} is missing.")
    size = path.stat().st_size
    if size != file.bytes:
        raise ArtifactBroken(f"{path} has {size:,} bytes, and its manifest says {file.bytes:,}.")
    if deep and sha256_of(path) != file.sha256:
        raise ArtifactBroken(f"{path} was changed after it was written: its sha256 differs from its manifest's.")
