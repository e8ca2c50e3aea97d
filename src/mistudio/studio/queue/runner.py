"""A worker's side of a job: claim the best one of a queue, start its process, and notice how the process ends."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from mistudio.studio.db import jobs, options
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.events.publish import publish_state
from mistudio.studio.queue.leftovers import clear
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.reconcile import reconcile
from mistudio.studio.queue.requests import QUEUES
from mistudio.studio.settings import Settings, job_environment

_POLL_SECONDS = 0.1
_CLEAR_SECONDS = 600.0
log = logging.getLogger(__name__)


class Runner:
    """Runs at most one job of each queue at a time, each in a process of its own.

    A job goes on when its worker ends, and counts as one of the worker's that takes its place.
    """

    def __init__(self, settings: Settings, portal: Portal) -> None:
        self._settings, self._portal = settings, portal
        self._busy: dict[str, threading.Lock] = {queue: threading.Lock() for queue in QUEUES}
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Take no further jobs. Processes that run are left to end by themselves: they hold their own leases."""
        self._stopping.set()

    def work(self, queue: str) -> None:
        """Run the jobs of a queue until none waits; return at once if this worker is at it already."""
        if not self._busy[queue].acquire(blocking=False):
            return
        try:
            while not self._stopping.is_set() and (job := self._claim(queue)):
                self._run(job)
        finally:
            self._busy[queue].release()

    def reconcile(self) -> list[str]:
        """Release jobs of dead processes, and leave a sign of life.

        Returns:
            The queues in which jobs wait.
        """

        async def look(session: Session) -> list[Job]:
            await options.leave_sign(session, "worker")
            return await reconcile(session, self._settings)

        changed = self._portal.run(look)
        for job in changed:
            self._clear(job)
        return self._portal.run(jobs.queues_with_work)

    def _claim(self, queue: str) -> Job | None:
        async def claim(session: Session) -> Job | None:
            job = await jobs.claim(
                session,
                queue,
                lease_seconds=max(self._settings.lease_seconds, 15.0),
                host=socket.gethostname(),
                at_most=self._settings.workers,
            )
            if job is not None:
                await publish_state(session, job, JobState.QUEUED)
            return job

        return self._portal.run(claim)

    def _run(self, job: Job) -> None:
        folder = self._settings.jobs_dir / job.id
        folder.mkdir(parents=True, exist_ok=True)
        kills = _out_of_memory_kills()
        command = [sys.executable, "-m", "mistudio.studio.worker", "job", job.id, job.lease or ""]
        with (folder / "log.txt").open("ab") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=job_environment(),
                start_new_session=True,
            )
        log.info("job started", extra={"job_id": job.id, "pid": process.pid})
        self._note_pid(job, process.pid)
        while process.poll() is None:
            if self._stopping.is_set():
                return
            time.sleep(_POLL_SECONDS)
        with suppress(ProcessLookupError):
            _end_group(process.pid)
        self._after(job, process.returncode, _out_of_memory_kills() > kills)

    def _note_pid(self, job: Job, pid: int) -> None:
        with suppress(Exception):
            self._portal.run(
                lambda session: jobs.renew(
                    session, job.id, job.lease or "", lease_seconds=max(self._settings.lease_seconds, 15.0), pid=pid
                )
            )

    def _after(self, job: Job, code: int, out_of_memory: bool) -> None:
        """The process is gone. If it did not write down its end, that is done here; if the database is away, later."""
        killed = code == -signal.SIGKILL and not out_of_memory
        why = "the machine ran out of memory" if out_of_memory else _said(code)

        async def release(session: Session) -> Job | None:
            released = await jobs.release(session, job.id, job.lease, why, blame=not killed)
            if released is not None:
                await publish_state(session, released, JobState.RUNNING)
            return await jobs.get(session, job.id)

        try:
            now = self._portal.run(release)
        except Exception as error:  # noqa: BLE001  the reconciler does it once the database is back
            log.warning("could not release job %s: %s", job.id, error)
            return
        if now is not None:
            self._clear(now)

    def _clear(self, job: Job) -> None:
        try:
            self._portal.run(lambda session: clear(session, self._settings, job), timeout=_CLEAR_SECONDS)
        except Exception as error:  # noqa: BLE001  the worker goes on with the next job
            log.warning("what job %s left is not cleared away: %s", job.id, error)


def _said(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name} ended it"
    return f"it ended with code {code}"


def _end_group(group: int) -> None:
    """End what the job's process may have left behind in its group."""
    os.killpg(group, signal.SIGKILL)


def _out_of_memory_kills() -> int:
    """Processes that the kernel has killed for memory, on Linux."""
    for path, key in ((Path("/sys/fs/cgroup/memory.events"), "oom_kill"), (Path("/proc/vmstat"), "oom_kill")):
        with suppress(OSError):
            for line in path.read_text().splitlines():
                name, _, value = line.partition(" ")
                if name == key:
                    return int(value)
    return 0
