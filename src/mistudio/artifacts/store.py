"""The local store: one folder a kind, one directory an artifact, names chosen by the user.

`MISTUDIO_HOME` is read where commands start, never here.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST, Artifact, open_artifact
from mistudio.errors import BadInput, MistudioError, NotFound

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DELETED = ".deleted"


def deleted_of(folder: Path, artifact_id: str) -> Path:
    """The hidden name under which an artifact of a folder is removed, file by file."""
    return folder / f".{artifact_id}{_DELETED}"


@dataclass(frozen=True)
class Broken:
    """A directory of the store that has a manifest and cannot be used."""

    path: Path
    message: str
    """What is wrong."""


class Look(NamedTuple):
    """The artifacts of a kind, by name."""

    sound: list[Artifact]
    broken: list[Broken]


class LocalStore:
    """Artifacts by kind and name under one home directory."""

    def __init__(self, home: Path) -> None:
        self.home = home.expanduser()

    def path(self, kind: Kind, name: str) -> Path:
        """Where the artifact of that name is or shall be.

        Raises:
            BadInput: the name would leave the store or is not portable.
        """
        if not _NAME.fullmatch(name):
            raise BadInput(
                f"{name!r} is not a name for the store.",
                remedy="Use letters, digits, dots, dashes and underscores, and begin with a letter or digit.",
            )
        if not self.home.exists():
            self.home.mkdir(mode=0o700, parents=True)
        return self.home / kind.folder / name

    def find(self, kind: Kind, reference: str) -> Path:
        """The directory that `reference` means: a path if it exists, else a name in the store.

        Raises:
            NotFound: there is neither.
        """
        given = Path(reference).expanduser()
        if (given / MANIFEST).is_file():
            return given
        if _NAME.fullmatch(reference):
            stored = self.home / kind.folder / reference
            if (stored / MANIFEST).is_file():
                return stored
        known = ", ".join(artifact.path.name for artifact in self.list(kind)) or "none yet"
        raise NotFound(
            f"There is no {kind.value} called {reference!r}, neither as a directory nor in {self.home / kind.folder}.",
            remedy=f"Known here: {known}.",
        )

    def list(self, kind: Kind) -> list[Artifact]:
        """The sound artifacts of that kind, by name; broken ones are left out."""
        return self.look(kind).sound

    def look(self, kind: Kind) -> Look:
        """The sound artifacts of that kind and the broken ones, by name. What is being made or removed is neither."""
        sound, broken = look = Look([], [])
        for directory in _directories(self.home / kind.folder):
            try:
                if not directory.name.startswith(".") and (directory / MANIFEST).is_file():
                    sound.append(open_artifact(directory, kind))
            except MistudioError as error:
                broken.append(Broken(directory, error.message))
            except OSError as error:
                broken.append(Broken(directory, f"{directory} cannot be read: {error.strerror}."))
        return look

    def sweep(self) -> None:
        """Remove what a deletion that was cut off has left."""
        for kind in Kind:
            for directory in _directories(self.home / kind.folder):
                if directory.name.startswith(".") and directory.name.endswith(_DELETED):
                    shutil.rmtree(directory, ignore_errors=True)


def _directories(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
