"""Whether this machine can run a studio, for `mistudio doctor`."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from mistudio.errors import MistudioError
from mistudio.studio.db.postgres_programs import MAJOR, who_runs_it
from mistudio.studio.launch.listener import listen
from mistudio.studio.launch.lock import take_lock
from mistudio.studio.launch.status import report
from mistudio.studio.settings import Settings

_DEFAULT_PORTS = {"redis": 6379, "rediss": 6379}


@dataclass(frozen=True)
class Prerequisite:
    """One thing that a studio needs."""

    name: str
    found: str
    problem: str | None = None
    """What to do where it is not as it must be."""


def prerequisites(settings: Settings) -> list[Prerequisite]:
    """Look at everything that a studio needs, and at the studio itself if it runs."""
    now = report(settings)
    state = f"{now.phase} at {now.url}" if now.url else now.phase
    found = [Prerequisite("studio", state, "See `mistudio status`." if now.running and now.phase != "ready" else None)]
    found.append(_database(settings))
    if settings.redis_url:
        found.append(_reachable("queue", "Redis", settings.redis_url))
    else:
        found.append(Prerequisite("queue", "folders in the home"))
    if not now.running:
        found += [_home(settings), _address(settings)]
    return [*found, _pages()]


def _database(settings: Settings) -> Prerequisite:
    if settings.database_url is not None:
        return _reachable("database", "PostgreSQL", settings.database_url)
    try:
        user = who_runs_it()
    except MistudioError as error:
        return Prerequisite("database", error.message, error.remedy)
    return Prerequisite("database", f"PostgreSQL {MAJOR} of its own, run as {user}")


def _reachable(name: str, program: str, url: str) -> Prerequisite:
    """Whether something listens where the address points; the address's password is not repeated."""
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port or _DEFAULT_PORTS.get(parts.scheme, 5432)
    folder = parse_qs(parts.query).get("host", [""])[0]
    place = folder if folder.startswith("/") else f"{host}:{port}"
    try:
        if folder.startswith("/"):
            with socket.socket(socket.AF_UNIX) as trial:
                trial.connect(f"{folder}/.s.PGSQL.{port}")
        else:
            socket.create_connection((host, port), timeout=2.0).close()
    except OSError as error:
        problem = f"Start {program}, or correct its address in the environment."
        return Prerequisite(name, f"{program} at {place} does not answer: {error.strerror or error}", problem)
    return Prerequisite(name, f"{program} at {place}")


def _home(settings: Settings) -> Prerequisite:
    if not settings.home.exists():
        return Prerequisite("home", f"{settings.home}, made at the first start")
    try:
        lock = take_lock(settings)
    except MistudioError as error:
        return Prerequisite("home", error.message, error.remedy)
    if lock is not None:
        with suppress(OSError):
            os.close(lock)
    return Prerequisite("home", str(settings.home))


def _address(settings: Settings) -> Prerequisite:
    try:
        listen(settings).close()
    except MistudioError as error:
        return Prerequisite("address", error.message, error.remedy)
    return Prerequisite("address", f"{settings.host}, port {settings.port}, is free")


def _pages() -> Prerequisite:
    built = (Path(__file__).parents[1] / "static" / "index.html").is_file()
    problem = None if built else "Install a released wheel, or build the pages with `make ui`."
    return Prerequisite("pages", "built" if built else "not built: the API works, the browser shows none", problem)
