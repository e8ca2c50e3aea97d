"""A log a process, written by the process itself, so that no line is lost when the supervisor is."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

_LARGEST_BYTES = 10 * 2**20
_KEPT = 3


def open_log(path: Path) -> int:
    """A descriptor that appends to the log; one that forgets everything where the log cannot be opened."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, flags, 0o600)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def rotate(folder: Path, *, largest: int = _LARGEST_BYTES) -> None:
    """Copy logs that have grown too large to `NAME.log.1` and empty them; older copies move up, the oldest goes.

    A log is emptied and not renamed, because its process holds it open.
    """
    for log in folder.glob("*.log"):
        with suppress(OSError):
            if log.stat().st_size <= largest:
                continue
            for number in range(_KEPT - 1, 0, -1):
                with suppress(FileNotFoundError):
                    os.replace(f"{log}.{number}", f"{log}.{number + 1}")
            try:
                shutil.copyfile(log, f"{log}.1")
            finally:
                os.truncate(log, 0)  # Also where there is no room for a copy: then room is what is needed.


def last_lines(path: Path, count: int = 1) -> list[str]:
    """The last lines of a log that say something."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [_words_of(line.strip()) for line in text.splitlines() if line.strip()][-count:]


def _words_of(line: str) -> str:
    """What a line says to people: of a JSON object the event, and the end of its traceback."""
    with suppress(ValueError):
        said = json.loads(line)
        if isinstance(said, dict) and "event" in said:
            trace = str(said.get("exception", "")).strip().splitlines()
            return ": ".join([str(said["event"]), *trace[-1:]])
    return line
