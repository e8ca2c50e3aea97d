"""The studio's own processes, found by what they were started as."""

from __future__ import annotations

import re
from contextlib import suppress

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


class Processes:
    """The studio's processes of this home."""

    def __init__(self, home: str, database_folder: str) -> None:
        self._home, self._database_folder = home, database_folder
        self._known: dict[int, tuple[psutil.Process, str, str | None]] = {}
        self._looked = -_LOOK_SECONDS

    def sample(self, seconds: float) -> tuple[ProcessSample, ...]:
        """How each one is.

        Args:
            seconds: a clock that only goes on.
        """
        if seconds - self._looked >= _LOOK_SECONDS:
            self._looked = seconds
            self._look()
        found = []
        for pid, (process, name, job_id) in list(self._known.items()):
            try:
                with process.oneshot():
                    memory, percent = process.memory_info().rss, process.cpu_percent()
            except psutil.Error:
                del self._known[pid]
                continue
            found.append(ProcessSample(name=name, pid=pid, cpu_percent=percent, memory_bytes=memory, job_id=job_id))
        return tuple(sorted(found, key=lambda each: -each.memory_bytes))

    def _look(self) -> None:
        seen = set()
        for process in psutil.process_iter():
            seen.add(process.pid)
            known = self._known.get(process.pid)
            if known is not None and known[0] == process:
                continue
            self._known.pop(process.pid, None)
            with suppress(psutil.Error):
                named = self._name(process)
                if named is not None:
                    process.cpu_percent()  # The first answer only sets the clock.
                    self._known[process.pid] = (process, *named)
        for pid in self._known.keys() - seen:
            del self._known[pid]

    def _name(self, process: psutil.Process) -> tuple[str, str | None] | None:
        command = " ".join(process.cmdline())
        if not command:
            return None
        if process.name().startswith("postgres"):
            # One line for the server; its helpers share its memory.
            return ("database", None) if self._database_folder in command else None
        for name, pattern in _NAMES:
            if match := pattern.search(command):
                if process.environ().get("MISTUDIO_HOME", self._home) != self._home:
                    return None
                return name, match.groupdict().get("job")
        return None
