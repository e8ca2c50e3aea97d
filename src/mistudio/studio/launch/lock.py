"""One supervisor a home: whoever holds the lock on a file of the home. It is free as soon as its holder ends."""

from __future__ import annotations

import fcntl
import os

from mistudio.errors import BadInput
from mistudio.studio.settings import Settings


def take_lock(settings: Settings) -> int | None:
    """The open file that holds the lock, or None where another process holds it.

    Raises:
        BadInput: the home cannot be written, or its file system knows no locks.
    """
    path = settings.run_dir / "supervisor.lock"
    try:
        settings.home.parent.mkdir(parents=True, exist_ok=True)
        for folder in (settings.home, settings.studio_dir, settings.run_dir):
            folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadInput(
            f"The home {settings.home} cannot be written: {error.strerror}.",
            remedy="Choose another place with --home or MISTUDIO_HOME.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise BadInput(
            f"The file system of {settings.home} cannot lock files: {error.strerror}.",
            remedy="Choose a home on a local disk with --home or MISTUDIO_HOME.",
        ) from error
    return descriptor


def is_running(settings: Settings) -> bool:
    """Whether a supervisor, or one that is about to be, holds the home's lock."""
    if not settings.run_dir.is_dir():
        return False
    descriptor = take_lock(settings)
    if descriptor is None:
        return True
    os.close(descriptor)
    return False
