"""Whether this machine can run a studio, for `mistudio doctor`."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mistudio.errors import MistudioError
from mistudio.studio.db.postgres_programs import MAJOR, who_runs_it
from mistudio.studio.launch.listener import listen
from mistudio.studio.launch.lock import take_lock
from mistudio.studio.launch.services import services_of
from mistudio.studio.launch.status import report
from mistudio.studio.settings import Settings


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
    if settings.database_url is None:
        found.append(_own_database())
    for service in services_of(settings):
        why = service.refusal()
        says = f"{service} does not answer: {why}" if why else str(service)
        found.append(Prerequisite(service.purpose, says, service.remedy if why else None))
    if settings.redis_url is None:
        found.append(Prerequisite("queue", "folders in the home"))
    if not now.running:
        found += [_home(settings), _address(settings)]
    return [*found, _pages()]


def _own_database() -> Prerequisite:
    try:
        user = who_runs_it()
    except MistudioError as error:
        return Prerequisite("database", error.message, error.remedy)
    return Prerequisite("database", f"PostgreSQL {MAJOR} of its own, run as {user}")


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
