"""What runs of a studio now, as it is and not as it was written down."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.launch.identity import family_of, is_job, jobs_of, of_studio, resident_and_proportional
from mistudio.studio.launch.lock import is_running
from mistudio.studio.launch.state import Phase, ProcessState, read_state
from mistudio.studio.settings import Settings


@dataclass(frozen=True)
class Running:
    """One process, with what it started."""

    name: str
    title: str
    phase: str
    pid: int | None
    seconds: float | None
    """Since it began."""
    resident_bytes: int
    """Memory that it can see; shared pages count in every process."""
    proportional_bytes: int
    """Memory with shared pages shared out; 0 where the system does not tell."""
    restarts: int
    ended: str | None
    """How it ended the last time."""


@dataclass(frozen=True)
class Report:
    """The studio of one home."""

    running: bool
    phase: str
    home: Path
    url: str | None
    port: int | None
    processes: tuple[Running, ...] = ()
    jobs: tuple[str, ...] = ()
    """Numbers of the jobs that run."""
    left_over: int = 0
    """Processes, apart from jobs, that run without a supervisor."""
    failure: str | None = None
    """Why the last start failed."""

    def as_json(self) -> dict[str, Any]:
        """The report in plain values, with the sums."""
        sums = {"resident_bytes": self.resident_bytes, "proportional_bytes": self.proportional_bytes}
        return asdict(self) | {"home": str(self.home)} | sums

    @property
    def resident_bytes(self) -> int:
        """Of all processes but jobs."""
        return sum(process.resident_bytes for process in self.processes)

    @property
    def proportional_bytes(self) -> int:
        """Of all processes but jobs."""
        return sum(process.proportional_bytes for process in self.processes)


def report(settings: Settings) -> Report:
    """Look at the studio."""
    lives, state = is_running(settings), read_state(settings)
    jobs = tuple(_job_ids(jobs_of(settings.home)))
    if lives and state is None:
        return Report(True, Phase.STARTING.value, settings.home, None, None, jobs=jobs)
    if not lives or state is None:
        failure = state.failure.message if state is not None and state.failure is not None else None
        return Report(
            False,
            Phase.FAILED.value if failure else "stopped",
            settings.home,
            None,
            None,
            jobs=jobs,
            left_over=_left_over(settings),
            failure=failure,
        )
    found = [
        _running(ProcessState(name=name, title=title, command=(), identity=identity, phase=Phase.READY))
        for name, title, identity in (
            ("supervisor", "supervisor", state.supervisor),
            ("standby", "stands in for the supervisor", state.standby),
        )
        if identity is not None
    ]
    found += map(_running, state.processes)
    return Report(True, state.phase.value, settings.home, state.url, state.port, tuple(found), jobs)


def _left_over(settings: Settings) -> int:
    server = settings.database_url is None and EmbeddedPostgres(settings.postgres_dir).is_running()
    return server + sum(not is_job(process) for process in of_studio(settings.home))


def _running(state: ProcessState) -> Running:
    process, phase = state.identity.process() if state.identity else None, state.phase
    if process is None and phase in (Phase.READY, Phase.STARTING):
        phase = Phase.WAITING
    seconds, family = None, []
    if process is not None:
        with suppress(psutil.Error):
            seconds, family = time.time() - process.create_time(), family_of(process)
    return Running(
        state.name,
        state.title,
        phase.value,
        process.pid if process is not None else None,
        seconds,
        *resident_and_proportional(family),
        state.restarts,
        state.ended,
    )


def _job_ids(processes: Iterable[psutil.Process]) -> Iterable[str]:
    for process in processes:
        with suppress(psutil.Error, IndexError):
            yield process.cmdline()[4]
