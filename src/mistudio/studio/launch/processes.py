"""The processes of a studio, in one table: what runs, what it waits for, and how one sees that it is ready."""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.launch.identity import MARK
from mistudio.studio.settings import Settings

_STEADY_SECONDS = 1.5


@dataclass(frozen=True)
class Process:
    """A process that is kept running."""

    name: str
    """Names it in commands and is the name of its log."""
    title: str
    """What it is, for people."""
    command: tuple[str, ...]
    is_ready: Callable[[int], bool]
    """Whether the process of that number does its work; called until it says so."""
    prepare: Callable[[], Sequence[str]] | None = None
    """Called before each start; returns the command that is really run."""
    after: tuple[str, ...] = ()
    """Processes that must be ready or done before this one starts."""
    once: bool = False
    """It does one thing and ends."""
    answers: bool = False
    """It inherits the socket that browsers connect to."""
    stop_with: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0
    """After how long it is killed if it has not ended as asked; jobs have their own time."""
    stops_last: bool = False
    """The others need it until they have ended."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables that are different for this process."""


def declared(settings: Settings, listener: int) -> tuple[Process, ...]:
    """The studio's processes, in the order in which they start.

    Args:
        settings: of the studio.
        listener: descriptor of the socket that browsers connect to.
    """
    processes = [_postgres(EmbeddedPostgres(settings.postgres_dir))] if settings.database_url is None else []
    after = tuple(process.name for process in processes)
    processes += [_migrate(after), _engine(settings)]
    for number in range(1, settings.api_processes + 1):
        title = _numbered("pages and API", number, settings.api_processes)
        ready_file = settings.run_dir / f"api-{number}.ready"
        processes.append(
            Process(
                f"api-{number}",
                title,
                _python("launch.serve", str(listener), str(ready_file)),
                partial(announced, ready_file),
                after=("migrate",),
                answers=True,
            )
        )
    for number in range(1, settings.workers + 1):
        title, ready_file = _numbered("worker", number, settings.workers), settings.run_dir / f"worker-{number}.ready"
        command, is_ready = _python("worker", "run", str(ready_file)), partial(announced, ready_file)
        processes.append(Process(f"worker-{number}", title, command, is_ready, after=("migrate",)))
    if settings.workers:
        processes.append(
            Process("beat", "timetable", _python("worker", "beat"), _steadily(), after=("migrate",), stop_seconds=3)
        )
    return tuple(processes)


def database_url(settings: Settings) -> str:
    """The database that the studio's processes use."""
    return settings.database_url or EmbeddedPostgres(settings.postgres_dir).url


def _postgres(server: EmbeddedPostgres) -> Process:
    def is_ready(pid: int) -> bool:
        return server.pid == pid and server.is_ready()

    return Process(
        "postgres",
        "database",
        ("postgres", str(server.pgdata)),
        is_ready,
        prepare=server.prepare,
        stop_with=signal.SIGINT,
        stop_seconds=30.0,
        stops_last=True,
        environment={MARK: ""},  # It is known by its data directory, and never killed among strays.
    )


def _migrate(after: tuple[str, ...]) -> Process:
    return Process("migrate", "database schema", _python("db.migrate"), _steadily(), after=after, once=True)


def _engine(settings: Settings) -> Process:
    address = settings.engine_address
    options = ("--address", address, "--home", str(settings.home), "--idle-unload", str(settings.idle_unload_seconds))
    command = _python("engine.server", *options)
    return Process("engine", "engine", command, partial(_connects, address.removeprefix("unix:")))


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"mistudio.studio.{module}", *arguments)


def _numbered(title: str, number: int, of: int) -> str:
    return f"{title} {number}" if of > 1 else title


def _steadily() -> Callable[[int], bool]:
    """Whether a process has run for long enough to have failed, if it were to."""
    since: dict[int, float] = {}
    return lambda pid: time.monotonic() - since.setdefault(pid, time.monotonic()) > _STEADY_SECONDS


def announced(file: Path, pid: int) -> bool:
    """Whether the process has written its number into its ready file."""
    with suppress(OSError):
        return file.read_text(encoding="ascii") == str(pid)
    return False


def _connects(address: str, _pid: int) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX) as trial:
        trial.settimeout(0.2)
        trial.connect(address)
        return True
    return False
