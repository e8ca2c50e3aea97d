"""Which process is meant: its number and the moment it began, because numbers are used again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel

from mistudio.studio.db.embedded import is_dead

MARK = "MISTUDIO_STUDIO"
"""Variable in the environment of every process of a studio; its value is the studio's home."""
JOB = ("-m", "mistudio.studio.worker", "job")
"""How the command of a job's process begins, after the interpreter."""
# A clock that is set while the studio runs moves the moments that the system reports.
_TOLERANCE_SECONDS = 2.0


class Identity(BaseModel, frozen=True):
    """One process, and no later one that got its number."""

    pid: int
    started: float
    """Seconds since the epoch."""

    @classmethod
    def of(cls, pid: int) -> Identity:
        """The process that has the number now.

        Raises:
            psutil.NoSuchProcess: there is none.
        """
        return cls(pid=pid, started=psutil.Process(pid).create_time())

    def process(self) -> psutil.Process | None:
        """The process, if it still runs."""
        with suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started) < _TOLERANCE_SECONDS and not is_dead(process):
                return process
        return None


def of_studio(home: Path) -> Iterator[psutil.Process]:
    """The processes that carry the studio's mark: those it started and what they started, but not this one."""
    this = psutil.Process()
    own = {this.pid, *(each.pid for each in this.parents())}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid not in own and process.environ().get(MARK) == str(home) and not is_dead(process):
                yield process


def is_job(process: psutil.Process) -> bool:
    """Whether the process does a job."""
    try:
        return tuple(process.cmdline()[1:4]) == JOB
    except psutil.Error:
        return False


def jobs_of(home: Path) -> list[psutil.Process]:
    """The processes that do the studio's jobs."""
    return [process for process in of_studio(home) if is_job(process)]


def family_of(process: psutil.Process) -> list[psutil.Process]:
    """The process and what belongs to it: what it started in its session; of the database's server, all it started.

    Raises:
        psutil.Error: it has ended.
    """
    children = process.children(recursive=True)
    if not process.name().startswith("postgres"):
        children = [child for child in children if session_of(child) == process.pid]
    return [process, *children]


def session_of(process: psutil.Process) -> int:
    """The process that leads its session; 0 if it has ended."""
    with suppress(OSError):
        return os.getsid(process.pid)
    return 0


def resident_and_proportional(processes: Sequence[psutil.Process]) -> tuple[int, int]:
    """Bytes in memory: the sum of what each can see, and the sum with shared pages shared out (0 where not known)."""
    resident = proportional = 0
    for process in processes:
        with suppress(psutil.Error):
            resident += process.memory_info().rss
            proportional += getattr(process.memory_full_info(), "pss", 0)
    return resident, proportional
