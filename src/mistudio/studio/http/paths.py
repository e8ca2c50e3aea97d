"""Which files a request may name: those below the studio's readable roots, uploads, and nothing else.

Paths are resolved before they are compared, so that neither `..` nor a link leads out. What only the studio keeps (its
key, its database, its logs) is never readable, although it lies in the home.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from mistudio.corpora.config import FILE_KINDS
from mistudio.errors import BadInput, Forbidden, NotFound
from mistudio.studio.settings import Settings

UPLOAD = "upload:"
"""What begins the name of an uploaded file: `upload:ID/NAME`."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_FILE_ENDINGS = (*FILE_KINDS, ".gguf", ".safetensors", ".bin", ".pt", ".pth")
_LONGEST = 4096


def source_of(settings: Settings, text: str, seconds: float = 60.0) -> str:
    """What a source means: the path of a file or folder that may be read, or a Hub id, which is returned as it is.

    Args:
        seconds: how long a folder may be looked through for links.

    Raises:
        BadInput: it is neither, or the folder holds too much.
        NotFound: there is no such file.
        Forbidden: it lies outside of the readable roots.
    """
    return text if is_hub_id(text) else str(readable(settings, text, seconds))


def is_hub_id(text: str) -> bool:
    """Whether a source is the id of something on the Hub, such as `owner/name`."""
    local = text.startswith((UPLOAD, ".", "/", "~")) or text.lower().endswith(_FILE_ENDINGS)
    return not local and _HUB_ID.fullmatch(text) is not None and not os.path.lexists(text)


def readable(settings: Settings, text: str, seconds: float = 60.0) -> Path:
    """A file or folder that a request names, without links.

    Args:
        seconds: how long a folder may be looked through for links.

    Raises:
        BadInput: it is no path, or the folder holds too much.
        NotFound: there is nothing.
        Forbidden: it, or a link in the folder, leads out of the readable roots.
    """
    given = settings.uploads_dir / text.removeprefix(UPLOAD) if text.startswith(UPLOAD) else Path(text)
    try:
        if len(text) > _LONGEST:
            raise ValueError
        path = given.expanduser().resolve()
        present = path.exists()
    except (ValueError, OSError, RuntimeError) as error:
        raise BadInput(f"{text[:80]!r} is not a path.", remedy="Give the path of a file or folder.") from error
    if not present and not text.startswith((UPLOAD, "~")) and not given.is_absolute() and ".." not in given.parts:
        raise NotFound(
            f"{text[:80]!r} is neither the path of a file or folder here nor a name on the Hugging Face Hub.",
            remedy="Give a whole path, such as /data/texts, or name a model or data set of the Hub as owner/name.",
        )
    # Before it is said whether there is anything: what lies outside stays unknown.
    _check(settings, path, text)
    if not present:
        raise NotFound(
            f"There is no file or folder {text}.",
            remedy="Check the path; something on the Hugging Face Hub is named owner/name.",
        )
    if path.is_dir():
        until = time.monotonic() + seconds
        for link in _links_in(path, until):
            _check(settings, link.resolve(), str(link))
    return path


def _check(settings: Settings, path: Path, named: str) -> None:
    own, uploads = settings.studio_dir.resolve(), settings.uploads_dir.resolve()
    if path.is_relative_to(uploads) and path != uploads:
        return
    roots = settings.readable_roots()
    if not any(path.is_relative_to(root) for root in roots):
        raise Forbidden(
            f"{named} is outside of the folders that this studio may read.",
            remedy="Move it into one of them, or start the studio with MISTUDIO_DATA_ROOTS naming the folders that it "
            "may read, separated by colons.",
        )
    if path.is_relative_to(own) or own.is_relative_to(path):
        raise Forbidden(
            f"{named} holds what only the studio itself may read.", remedy="Choose a file or folder of your data."
        )


def _links_in(folder: Path, until: float) -> Iterator[Path]:
    for directory, folders, files in os.walk(folder):
        if time.monotonic() > until:
            raise BadInput(
                f"{folder} holds too many files to be looked through in time.",
                remedy="Name a folder further down, or a file.",
            )
        for name in (*folders, *files):
            if os.path.islink(os.path.join(directory, name)):
                yield Path(directory) / name
