"""At most one process works on a job on this machine: it holds a lock on a file of the job's folder.

The operating system frees the lock when the process ends, however it ends. The file names its holder.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


@contextmanager
def job_lock(folder: Path, *, wait_seconds: float = 10.0) -> Iterator[None]:
    """Hold a job's lock. A holder that lost its lease is ended first: only who has the lease comes here.

    Raises:
        TimeoutError: another process does not let go.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        until = time.monotonic() + wait_seconds
        while not _take(file.fileno()):
            end_holder(folder)
            if time.monotonic() > until:
                raise TimeoutError(f"another process still holds {folder}")
            time.sleep(0.05)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "started": psutil.Process().create_time()}))
        file.flush()
        yield


def is_held(folder: Path) -> bool:
    """Whether a process works on the job."""
    try:
        with (folder / "lock").open("a+") as file:
            return not _take(file.fileno())
    except FileNotFoundError:
        return False


def remove_folder(folder: Path, *, wait_seconds: float = 2.0) -> bool:
    """Remove a job's folder, with its log; False if a process still holds its lock after a while."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as file:
        until = time.monotonic() + wait_seconds
        while not _take(file.fileno()):
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        shutil.rmtree(folder, ignore_errors=True)
    return True


def holder(folder: Path) -> psutil.Process | None:
    """The process that wrote its name into the lock, if it still runs."""
    with suppress(OSError, ValueError, KeyError, psutil.NoSuchProcess):
        content = json.loads((folder / "lock").read_text())
        process = psutil.Process(content["pid"])
        if abs(process.create_time() - content["started"]) < 2.0:
            return process
    return None


def runs(pid: int) -> bool:
    """Whether there is a process of that number that has not ended; one whose end nobody has asked for has."""
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def end_holder(folder: Path) -> None:
    """Kill the process group of the job's process."""
    process = holder(folder)
    if process is not None and process.pid != os.getpid():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
