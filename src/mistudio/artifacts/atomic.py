"""Directories and files that appear whole or not at all.

Work goes into a hidden sibling that is renamed at the end. A directory that can be resumed keeps its sibling when the
work is interrupted; any other sibling is removed, also when the disk is full.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from mistudio.errors import ArtifactExists, BadInput, DiskFull

# All that NumPy says when a disk is full.
_NUMPY_WROTE_LESS = re.compile(r"^\d+ requested and \d+ written$")


WORK = ".work"
"""Folder in an unfinished directory for what only its making needs: checkpoints, runs, states. It is removed after the
directory has got its name, so that a process killed while it finishes loses nothing."""


def partial_of(final: Path) -> Path:
    """The hidden sibling in which `final` is being made."""
    return final.with_name(f".{final.name}.partial")


@contextmanager
def disk_full_is_said(where: Path) -> Iterator[None]:
    """Turn the operating system's "no space left" into a sentence.

    Raises:
        DiskFull: a write found no space, or met the limit that a file may grow to.
    """
    try:
        yield
    except (OSError, SafetensorError) as error:
        number, text = getattr(error, "errno", None), str(error)
        if number in (errno.ENOSPC, errno.EDQUOT) or "No space left" in text or _NUMPY_WROTE_LESS.search(text):
            raise DiskFull(f"The disk that holds {where} is full.") from error
        if number == errno.EFBIG or "File too large" in text:
            raise DiskFull(f"A file of {where} grew larger than its disk or this process's limits allow.") from error
        raise


@contextmanager
def new_directory(final: Path | str, *, resumable: bool = False) -> Iterator[Path]:
    """Make the directory `final` atomically; yields the sibling to write into.

    Args:
        final: where the directory shall be.
        resumable: keep the sibling when the work does not finish, and continue in one that is there.

    Raises:
        ArtifactExists: `final` is there already.
        BadInput: no directory can be made there.
        DiskFull: the disk had no room.
    """
    final = Path(final).expanduser().absolute()
    if final.exists():
        raise ArtifactExists(f"{final} exists already.")
    partial = partial_of(final)
    try:
        with disk_full_is_said(final):
            if partial.exists() and not resumable:
                shutil.rmtree(partial)
            _make(partial)
            yield partial
            _sync(partial)
            if final.exists():
                raise ArtifactExists(f"{final} was made by another process in the meantime.")
            os.replace(partial, final)
            shutil.rmtree(final / WORK, ignore_errors=True)
    except BaseException:
        if not resumable:
            shutil.rmtree(partial, ignore_errors=True)
        raise


@contextmanager
def new_file(final: Path) -> Iterator[Path]:
    """Make or replace the file `final` atomically; yields the path to write to.

    Raises:
        DiskFull: the disk had no room.
    """
    partial = partial_of(final)
    try:
        with disk_full_is_said(final):
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(partial, final)
    finally:
        partial.unlink(missing_ok=True)


def write_json(final: Path, content: Mapping[str, Any]) -> None:
    """Write `content` as indented JSON, atomically. NaN and infinity are refused: they are not JSON."""
    with new_file(final) as partial:
        partial.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (PermissionError, NotADirectoryError, FileExistsError, FileNotFoundError) as error:
        raise BadInput(
            f"No directory can be made in {directory.parent}: {error.strerror}.",
            remedy="Choose another place with --out, or another store with --home.",
        ) from error


def _sync(directory: Path) -> None:
    for path in directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
