"""The library's `Progress`, as a job sees it: reports go to the job's row, requests to stop come from there.

A thread renews the lease and carries the newest report with it, at most a few times a second, so that a step may report
as often as it likes. A database that is away delays reports and stops nothing.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mistudio.errors import Cancelled, Paused
from mistudio.studio.db import jobs
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState, Wanted
from mistudio.studio.db.session import Session
from mistudio.studio.events.catalogue import JobProgress as ProgressEvent
from mistudio.studio.events.publish import publish
from mistudio.studio.queue.portal import Portal

REPORT_SECONDS = 0.25
CANCEL_SECONDS = 1.2
"""How long a cancelled job may go on until its process group is killed."""
_LOG_SECONDS = 5.0
_RATE_SECONDS = 10.0
_FURTHER = 0.05
"""Share of a stage that an attempt must get beyond an earlier one to count as one that got further."""

log = logging.getLogger("job")


class _Reached:
    """Where an earlier attempt broke off."""

    def __init__(self, stage: str | None, done: float | None, total: float | None) -> None:
        self._stage, self._done = stage, done or 0.0
        self._step = _FURTHER * (total or self._done)
        self._is_there = False

    def is_passed_by(self, stage: str, done: float) -> bool:
        """Whether this attempt has got further, by more than chance lets a failure come later."""
        if self._stage is None:
            return False
        if stage == self._stage:
            self._is_there = True
            return done > self._done + self._step
        return self._is_there  # A later stage.


class JobProgress:
    """Progress of the job that this process runs."""

    def __init__(self, portal: Portal, job: Job, *, lease_seconds: float) -> None:
        assert job.lease is not None
        self._portal, self._job, self._lease, self._lease_seconds = portal, job, job.lease, lease_seconds
        self._wanted = Wanted.RUN
        self._requeue = False
        self._report: tuple[str, float, float | None, dict[str, float]] | None = None
        self._histories: defaultdict[str, deque[tuple[float, float]]] = defaultdict(deque)
        self._earlier = _Reached(job.stage, job.done, job.total)
        self._stage: str | None = None
        self._logged = 0.0
        self._is_sealed: Callable[[], bool] = lambda: False
        self._completes = self._is_ending = False
        self._renewing = threading.Lock()
        self._ended = threading.Event()
        self._on_beat: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    # ── the library's side ───────────────────────────────────────────────────────────────────────

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Note the newest report."""
        finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}  # JSON has no other
        self._report = (stage, float(done), None if total is None else float(total), finite)
        if stage != self._stage or time.monotonic() - self._logged > _LOG_SECONDS:
            self._stage, self._logged = stage, time.monotonic()
            of = f" of {total:,.0f}" if total else ""
            numbers = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
            log.info("%s: %s%s  %s", stage, f"{done:,.0f}", of, numbers)

    def checkpoint(self) -> None:
        """Go on, or stop as asked.

        Raises:
            Cancelled: the job is to be given up.
            Paused: the job is to be saved and continued later.
        """
        if self._completes:
            return
        if self._wanted is Wanted.CANCEL:
            raise Cancelled("Cancelled as asked.")
        if self._wanted is Wanted.PAUSE or self._requeue:
            raise Paused("Stopped as asked; what was finished is saved.")

    # ── the job's side ───────────────────────────────────────────────────────────────────────────

    @property
    def state_after_pause(self) -> JobState:
        """Paused if a person asked for it; queued if the studio is being stopped."""
        return JobState.PAUSED if self._wanted is Wanted.PAUSE else JobState.QUEUED

    def stop_for_later(self) -> None:
        """The studio is being stopped: save and go back into the queue."""
        self._requeue = True

    def on_beat(self, function: Callable[[], None]) -> None:
        """Call `function` with every heartbeat, in the heartbeat's thread."""
        self._on_beat.append(function)

    @contextmanager
    def completing_once(self, is_sealed: Callable[[], bool]) -> Iterator[None]:
        """While something is made: from the moment that it is sealed, the job can no longer be cancelled."""
        self._is_sealed = is_sealed
        try:
            yield
        finally:
            self._is_sealed = lambda: False

    def complete(self) -> None:
        """What the job was to make is there: it goes to its end now, whatever is asked of it."""
        self._completes = True

    def start(self) -> None:
        """Begin to renew the lease."""
        self._thread.start()

    @contextmanager
    def ending(self) -> Iterator[None]:
        """While the end of the job is written: its last report is there before, and its lease is renewed until then."""
        self._renew()
        self._is_ending = self._completes = True
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(timeout=self._lease_seconds)

    def _beat(self) -> None:
        asked = None
        # The row says what is wanted: it is asked often enough for a prompt cancel.
        while not self._ended.wait(REPORT_SECONDS):
            self._renew()
            for function in self._on_beat:
                self._guarded(function)
            if self._wanted is Wanted.CANCEL and not self._completes:
                asked = asked or time.monotonic()
                if time.monotonic() - asked > CANCEL_SECONDS and not self._is_sealed():
                    self._end_by_force()

    @staticmethod
    def _guarded(function: Callable[[], None]) -> None:
        try:
            function()
        except Exception as error:  # noqa: BLE001  the lease must be renewed whatever else fails
            log.warning("Not written down at the moment: %s", error)

    def _renew(self) -> None:
        with self._renewing:
            self._renew_alone()

    def _renew_alone(self) -> None:
        report, self._report = self._report, None
        try:
            wanted = self._portal.run(lambda session: self._write(session, report), timeout=self._lease_seconds)
        except Exception as error:  # noqa: BLE001  whatever it is, the work itself is sound
            log.warning("The database does not answer (%s); the work goes on.", type(error).__name__)
            if self._report is None:
                self._report = report
            return
        if wanted is None and self._is_ending:
            self._ended.set()  # The end is written: there is no lease any more.
            return
        if wanted is None:
            log.error("This job was given to another process; this one ends.")
            logging.shutdown()
            os.killpg(0, signal.SIGKILL)
            return
        self._wanted = wanted

    async def _write(self, session: Session, report: tuple[Any, ...] | None) -> Wanted | None:
        values: dict[str, Any] = {}
        if report is not None:
            stage, done, total, metrics = report
            rate = self._rate(stage, done)
            values = {"stage": stage, "done": done, "total": total, "metrics": metrics, "rate": rate}
            if self._earlier.is_passed_by(stage, done):
                values["stalled_attempts"] = 0
        wanted = await jobs.renew(session, self._job.id, self._lease, lease_seconds=self._lease_seconds, **values)
        if report is not None and wanted is not None:
            eta = (total - done) / rate if total is not None and rate else None
            event = ProgressEvent(
                job_id=self._job.id, stage=stage, done=done, total=total, rate=rate, eta_seconds=eta, metrics=metrics
            )
            await publish(session, event, [f"jobs/{self._job.id}", "jobs"])
        return wanted

    def _rate(self, stage: str, done: float) -> float | None:
        now = time.monotonic()
        history = self._histories[stage]  # A training fills its buffer now and then, and goes on.
        if history and done < history[-1][1]:
            history.clear()
        history.append((now, done))
        while now - history[0][0] > _RATE_SECONDS:
            history.popleft()
        (then, before), elapsed = history[0], now - history[0][0]
        return (done - before) / elapsed if elapsed > 0.5 and now > then else None

    def _end_by_force(self) -> None:
        """The work does not come to a checkpoint: kill this process group.

        The worker, or whoever looks at the jobs next, finds that nothing runs and that the job was to be cancelled.
        """
        log.warning("The work did not stop by itself within %s s; it is ended.", CANCEL_SECONDS)
        logging.shutdown()
        os.killpg(0, signal.SIGKILL)
