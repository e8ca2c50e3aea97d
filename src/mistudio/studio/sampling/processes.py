"""The studio's own processes, found by what they were started as."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from mistudio.studio.events.catalogue import ProcessSample

_LOOK_SECONDS = 10.0
"""Between two walks over all processes of the machine; in between only those found are asked."""
_NAMES = (
    ("API", re.compile(r"mistudio\.studio\.(launch\.serve|app)\b")),
    ("job", re.compile(r"mistudio\.studio\.worker job (?P<job>\S+)")),
    ("worker", re.compile(r"mistudio\.studio\.worker run\b")),
    ("timetable", re.compile(r"mistudio\.studio\.worker beat\b")),
    ("engine", re.compile(r"mistudio\.studio\.engine\.server\b")),
    ("supervisor", re.compile(r"mistudio\.studio\.launch\b")),
)


@dataclass
class _Known:
    process: psutil.Process
    name: str
    job_id: str | None = None
    helpers: list[psutil.Process] = field(default_factory=list)
    """Processes that it started and that share its memory."""

    def sample(self) -> ProcessSample:
        with self.process.oneshot():
            memory, percent = self.process.memory_info().rss, self.process.cpu_percent()
        for helper in self.helpers:
            with suppress(psutil.Error):
                used = helper.memory_info()
                memory += max(0, used.rss - getattr(used, "shared", used.rss))
                percent += helper.cpu_percent()
        return ProcessSample(
            name=self.name,
            pid=self.process.pid,
            cpu_percent=round(percent, 1),
            memory_bytes=memory,
            job_id=self.job_id,
        )


class Processes:
    """The studio's processes of one home."""

    def __init__(self, home: str, database_folder: str) -> None:
        self._home, self._database_folder = home, database_folder
        self._known: dict[int, _Known] = {}
        self._looked: float | None = None

    def sample(self, clock: float) -> tuple[ProcessSample, ...]:
        """How each one is.

        Args:
            clock: seconds that only go up.
        """
        if self._looked is None or clock - self._looked >= _LOOK_SECONDS:
            self._looked = clock
            self._look()
        found = []
        for pid, known in list(self._known.items()):
            try:
                found.append(known.sample())
            except psutil.Error:
                del self._known[pid]
        return tuple(sorted(found, key=lambda each: -each.memory_bytes))

    def _look(self) -> None:
        before, self._known = self._known, {}
        everything = list(psutil.process_iter())
        for process in everything:
            same = before.get(process.pid)
            if same is not None and same.process == process:
                self._known[process.pid] = same
                continue
            with suppress(psutil.Error):
                if named := self._name(process):
                    process.cpu_percent()  # The first answer only sets the clock.
                    self._known[process.pid] = named
        self._find_helpers(everything)

    def _find_helpers(self, everything: list[psutil.Process]) -> None:
        servers = {pid: known for pid, known in self._known.items() if known.name == "database"}
        if not servers:
            return
        kept = {helper.pid: helper for known in servers.values() for helper in known.helpers}
        for known in servers.values():
            known.helpers = []
        for process in everything:
            with suppress(psutil.Error):
                if server := servers.get(process.ppid()):
                    server.helpers.append(kept.get(process.pid, process))

    def _name(self, process: psutil.Process) -> _Known | None:
        command = " ".join(process.cmdline())
        if process.name().startswith("postgres"):
            return _Known(process, "database") if self._database_folder in command else None
        for name, pattern in _NAMES:
            if match := pattern.search(command):
                is_ours = _home_of(process, command) == self._home
                return _Known(process, name, match.groupdict().get("job")) if is_ours else None
        return None


def _home_of(process: psutil.Process, command: str) -> str:
    """The home that a process works for; several studios may run on one machine."""
    named = re.search(r"--home (\S+)", command)
    return named[1] if named else process.environ().get("MISTUDIO_HOME") or str(Path("~/.mistudio").expanduser())
