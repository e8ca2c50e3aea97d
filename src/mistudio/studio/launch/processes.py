"""The processes of a studio, in one table: what runs, what it waits for, and how one sees that it is ready."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.launch.identity import MARK
from mistudio.studio.settings import Settings


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
    processes += [_api(settings, number, listener) for number in range(1, settings.api_processes + 1)]
    for number in range(1, settings.workers + 1):
        title = _numbered("worker", number, settings.workers)
        processes.append(_announcing(settings, f"worker-{number}", title, "worker", "run"))
    if settings.workers:
        processes.append(_announcing(settings, "beat", "timetable", "worker", "beat"))
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
    return Process("migrate", "database schema", _python("db.migrate"), lambda _: False, after=after, once=True)


def _engine(settings: Settings) -> Process:
    address = settings.engine_address
    options = ("--address", address, "--home", str(settings.home), "--idle-unload", str(settings.idle_unload_seconds))
    command = _python("engine.server", *options)
    return Process("engine", "engine", command, partial(_connects, address.removeprefix("unix:")))


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"mistudio.studio.{module}", *arguments)


def _api(settings: Settings, number: int, listener: int) -> Process:
    title = _numbered("pages and API", number, settings.api_processes)
    return replace(_announcing(settings, f"api-{number}", title, "launch.serve", str(listener)), answers=True)


def _announcing(settings: Settings, name: str, title: str, module: str, *arguments: str) -> Process:
    """A process that needs the schema, and writes its number into a file when it does its work."""
    ready_file = settings.run_dir / f"{name}.ready"
    command = _python(module, *arguments, str(ready_file))
    return Process(name, title, command, partial(announced, ready_file), after=("migrate",))


def _numbered(title: str, number: int, of: int) -> str:
    return f"{title} {number}" if of > 1 else title


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
