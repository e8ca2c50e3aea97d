"""A small studio: a real supervisor, a real database, and processes that start in a moment."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from mistudio.studio.launch.down import stop
from mistudio.studio.launch.identity import Identity, of_studio
from mistudio.studio.launch.status import Report, Running, report
from mistudio.studio.launch.up import settings_for, start
from mistudio.studio.settings import Settings

_SMALL_STUDIO = Path(__file__).with_name("small_studio.py")


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def until(holds: Callable[[], object], seconds: float = 15.0) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.05)


@dataclass
class SmallStudio:
    settings: Settings
    options: tuple[str, ...] = ()
    told: list[str] = field(default_factory=list)

    def up(self) -> bool:
        """Start it; whether it ran already."""
        return start(self.settings, self.told.append, command=self._command)[1]

    def _command(self, listener: int) -> list[str]:
        return [sys.executable, str(_SMALL_STUDIO), *self.options, "--listener", str(listener)]

    def down(self, save_seconds: float = 10.0) -> bool:
        return stop(self.settings, self.told.append, save_seconds=save_seconds)

    def report(self) -> Report:
        return report(self.settings)

    def __getitem__(self, name: str) -> Running:
        return next(process for process in self.report().processes if process.name == name)

    def kill(self, *names: str) -> list[int]:
        """Kill processes, all at once, and see them gone; their numbers."""
        killed = [Identity.of(pid) for name in names if (pid := self[name].pid)]
        for each in killed:
            os.kill(each.pid, signal.SIGKILL)
        until(lambda: not [each for each in killed if each.process()])
        return [each.pid for each in killed]

    def is_whole(self) -> bool:
        found = self.report()
        lives = [process.pid for process in found.processes if process.name != "once"]
        return found.phase == "ready" and len(lives) == 6 and None not in lives

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.port, timeout=10)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        finally:
            connection.close()

    def processes(self) -> list[psutil.Process]:
        """Everything of it that runs; the database's server is known by its folder."""
        server = [each for each in psutil.process_iter() if self._is_server(each)]
        return [*of_studio(self.settings.home), *server]

    def _is_server(self, process: psutil.Process) -> bool:
        try:
            return str(self.settings.postgres_dir) in process.cmdline()
        except psutil.Error:
            return False


@pytest.fixture
def small_studio(tmp_path: Path) -> Iterator[SmallStudio]:
    """One that does not run yet."""
    studio = SmallStudio(settings_for(tmp_path / "home", port=free_port()))
    yield studio
    studio.down(save_seconds=0.0)
    assert not studio.processes()


@pytest.fixture(scope="module")
def running_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStudio]:
    """One that runs, and that tests leave running."""
    studio = SmallStudio(settings_for(tmp_path_factory.mktemp("studio") / "home", port=free_port()))
    studio.up()
    yield studio
    studio.down()
    assert not studio.processes()
