"""One declared process over its starts, ends and restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from mistudio.errors import MistudioError
from mistudio.studio.launch.identity import Identity
from mistudio.studio.launch.logs import open_log
from mistudio.studio.launch.processes import Process
from mistudio.studio.launch.state import Phase, ProcessState

_LONGEST_WAIT_SECONDS = 30.0
_STEADY_SECONDS = 5.0
"""When it was ready for so long, the next end counts as the first one."""


class Slot:
    """Starts its process, sees how it goes, and starts it again when it has ended: at once, then after longer waits.

    Args:
        process: what runs here.
        logs: folder of the logs.
        environment: of the process, but for what it changes there.
        inherits: descriptor that it inherits, if it answers browsers.
    """

    def __init__(self, process: Process, logs: Path, environment: Mapping[str, str], inherits: int) -> None:
        self.process = process
        self.log = logs / f"{process.name}.log"
        self.state = ProcessState(name=process.name, title=process.title, command=process.command)
        self.error: MistudioError | None = None
        """Why it could not be started the last time, where that is known."""
        self.failures = 0
        """Ends in a row."""
        self._environment, self._inherits = {**environment, **process.environment}, inherits
        self._child: subprocess.Popen[bytes] | None = None
        self._started_at = self._next_start = time.monotonic()
        self._ready_at: float | None = None

    @property
    def runs(self) -> bool:
        """Whether its process is there."""
        if self._child is not None:
            return self._child.poll() is None
        return self.state.identity is not None and self.state.identity.process() is not None

    @property
    def is_settled(self) -> bool:
        """Whether it is as it shall be: ready, or done."""
        return self.state.phase in (Phase.READY, Phase.DONE)

    def adopt(self, earlier: ProcessState) -> bool:
        """Go on with what an earlier supervisor started, if it still runs or is done, and is the same."""
        runs = earlier.identity is not None and earlier.identity.process() is not None
        if earlier.command != self.process.command or not (runs or earlier.phase is Phase.DONE):
            self.state.restarts = earlier.restarts + (earlier.identity is not None)
            return False
        self.state, self._ready_at = earlier, time.monotonic()
        return True

    def step(self, *, may_start: bool) -> bool:
        """Do what is due.

        Args:
            may_start: whether everything that the process waits for is ready.

        Returns:
            Whether anything changed.
        """
        if self.state.phase is Phase.DONE:
            return False
        if self.state.identity is None:
            if not may_start or time.monotonic() < self._next_start:
                return False
            self._start()
            return True
        if not self.runs:
            self._note_end()
            return True
        if (
            self.state.phase is Phase.STARTING
            and not self.process.once
            and self.process.is_ready(self.state.identity.pid)
        ):
            self.state.phase, self._ready_at = Phase.READY, time.monotonic()
            self.state.ready_seconds = self._ready_at - self._started_at
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process; SIGKILL to its whole group."""
        if self.state.identity is None or self.state.identity.process() is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if number == signal.SIGKILL:
                os.killpg(self.state.identity.pid, number)
            else:
                os.kill(self.state.identity.pid, number)

    def _start(self) -> None:
        self._started_at, self.error = time.monotonic(), None
        log = open_log(self.log)
        try:
            command = self.process.prepare() if self.process.prepare else self.process.command
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                pass_fds=[self._inherits] if self.process.answers else [],
                start_new_session=True,
            )
            self.state.identity = Identity.of(self._child.pid)
            self.state.phase = Phase.STARTING
        except MistudioError as error:
            self.error = error
            self._plan_restart(error.message)
        except (OSError, psutil.NoSuchProcess) as error:
            self._plan_restart(str(error))
        finally:
            os.close(log)

    def _note_end(self) -> None:
        code = self._child.returncode if self._child is not None else None
        if self.state.identity is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.state.identity.pid, signal.SIGKILL)  # What it started and left behind.
        self._child, self.state.identity = None, None
        if self.process.once and code == 0:
            self.state.phase, self.failures = Phase.DONE, 0
            self.state.ready_seconds = time.monotonic() - self._started_at
            return
        self.state.restarts += 1
        self._plan_restart(_said(code))

    def _plan_restart(self, why: str) -> None:
        now = time.monotonic()
        was_steady = self._ready_at is not None and now - self._ready_at > _STEADY_SECONDS
        self.failures, self._ready_at = 1 if was_steady else self.failures + 1, None
        wait = 0.0 if self.failures == 1 else min(0.25 * 2**self.failures, _LONGEST_WAIT_SECONDS)
        self.state.phase, self.state.ended, self._next_start = Phase.WAITING, why, now + wait


def _said(code: int | None) -> str:
    if code is None:
        return "it ended"
    if code < 0:
        with suppress(ValueError):
            return f"{signal.Signals(-code).name} ended it"
    return f"it ended with code {code}"
