"""Secrets at rest: encrypted with a key that lies in the home, readable by its owner alone."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from mistudio.errors import NotAllowedNow


def encrypt(key_file: Path, secret: str) -> bytes:
    """The secret, encrypted with the key of the home, which is made if there is none."""
    from cryptography.fernet import Fernet

    return Fernet(_key(key_file)).encrypt(secret.encode())


def decrypt(key_file: Path, encrypted: bytes) -> str:
    """The secret.

    Raises:
        NotAllowedNow: the key is not the one that it was encrypted with.
    """
    from cryptography.fernet import Fernet, InvalidToken

    try:
        return Fernet(_key(key_file)).decrypt(encrypted).decode()
    except (InvalidToken, ValueError) as error:
        raise NotAllowedNow(
            f"{key_file.name} is not the key that this secret was encrypted with.",
            remedy="Enter the secret again in the settings.",
        ) from error


def _key(file: Path) -> bytes:
    """The key. Of several processes that find none, one makes it and the others read that one's."""
    from cryptography.fernet import Fernet

    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, written = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # Its mode is 0600.
        try:
            with os.fdopen(descriptor, "wb") as draft:
                draft.write(Fernet.generate_key())
                draft.flush()
                os.fsync(draft.fileno())
            with suppress(FileExistsError):
                os.link(written, file)
        finally:
            os.unlink(written)
    return file.read_bytes().strip()
