"""The user's own PostgreSQL and Redis: where they are, and whether they answer."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from mistudio.errors import StudioFailed
from mistudio.studio.settings import Settings

_ANSWER_SECONDS = 10.0
"""For so long they are waited for: after a reboot, all start at once."""


@dataclass(frozen=True)
class Service:
    """A server that the studio uses and does not start."""

    purpose: str
    program: str
    variable: str
    url: str
    default_port: int

    @property
    def remedy(self) -> str:
        """What to do if it does not answer."""
        return f"Start {self.program}, or correct {self.variable}."

    def __str__(self) -> str:
        """The program and its place, without the user and password of its address."""
        place = self._place()
        return f"{self.program} at {place if isinstance(place, str) else f'{place[0]}:{place[1]}'}"

    def refusal(self) -> str | None:
        """Why no connection can be made; None if one can."""
        place = self._place()
        try:
            with (
                socket.socket(socket.AF_UNIX)
                if isinstance(place, str)
                else socket.create_connection(place, 2.0) as trial
            ):
                if isinstance(place, str):
                    trial.connect(place)
        except OSError as error:
            return error.strerror or str(error)
        return None

    def _place(self) -> str | tuple[str, int]:
        """The path of its socket, or its host and port."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "localhost", parts.port or self.default_port
        given = parse_qs(parts.query).get("host", [host])[0]
        if given.startswith("/"):
            return f"{given}/.s.PGSQL.{port}"
        return parts.path if parts.scheme == "unix" else (given, port)


def services_of(settings: Settings) -> list[Service]:
    """The servers that the environment names."""
    found = []
    if settings.database_url is not None:
        found.append(Service("database", "PostgreSQL", "DATABASE_URL", settings.database_url, 5432))
    if settings.redis_url is not None:
        found.append(Service("queue", "Redis", "REDIS_URL", settings.redis_url, 6379))
    return found


def wait_for_services(settings: Settings, tell: Callable[[str], None]) -> None:
    """Wait until all answer.

    Raises:
        StudioFailed: one does not.
    """
    until = time.monotonic() + _ANSWER_SECONDS
    for service in services_of(settings):
        told = False
        while why := service.refusal():
            if time.monotonic() > until:
                raise StudioFailed(f"{service} does not answer: {why}.", remedy=service.remedy)
            if not told:
                tell(f"{service} does not answer yet; waiting …")
                told = True
            time.sleep(0.2)
