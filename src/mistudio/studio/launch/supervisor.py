"""Keep the declared processes running, until told to stop.

The supervisor may be killed itself: a second process waits for its lock and takes over what runs (`standby`), and is
started again when it is killed. Processes write their own logs and browsers' connections wait in a socket that all
inherit, so that a change of supervisor is not noticed.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from mistudio.studio.launch import standby
from mistudio.studio.launch.identity import Identity
from mistudio.studio.launch.logs import last_lines, rotate
from mistudio.studio.launch.processes import Process
from mistudio.studio.launch.slot import Slot
from mistudio.studio.launch.state import Failure, Phase, StudioState, read_state, state_path, stop_request, write_state
from mistudio.studio.launch.stopping import SAVE_SECONDS, end_strays, stop_slots
from mistudio.studio.settings import Settings

READY_PATH = "/api/v1/health/ready"
_FAILURES_AT_START = 4
"""A process that ends so often in a row before the studio was ever ready will not get ready by itself."""
_ASK_SECONDS = 0.15
_ROTATE_SECONDS = 15.0
_YOUNG_SECONDS = 3.0
_FULL_BYTES = 64 * 2**20


class Supervisor:
    """Starts, watches and stops the processes of a studio. Its caller holds the home's lock.

    Args:
        settings: of the studio; its host and port are those of the listener.
        processes: what shall run.
        environment: of the processes.
        listener: descriptor of the socket that browsers connect to.
        again: the command that starts a supervisor anew when this one is killed; none is started where it is None.
        tell: called with what happened, for people.
    """

    def __init__(
        self,
        settings: Settings,
        processes: Sequence[Process],
        environment: Mapping[str, str],
        listener: int,
        *,
        again: Sequence[str] | None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._settings, self._listener, self._again = settings, listener, again
        self._slots = [Slot(process, settings.logs_dir, environment, listener) for process in processes]
        self._standby: subprocess.Popen[bytes] | None = None
        self._standby_started = self._rotated = self._asked = 0.0
        self._asked_to_stop = False
        self._tell = tell or _to_log
        self.state = StudioState(
            url=settings.url,
            port=settings.port,
            phase=Phase.STARTING,
            version=version("mistudio"),
            supervisor=Identity.of(os.getpid()),
            started_at=datetime.now(UTC),
        )

    def run(self, *, take_over: bool = False) -> bool:
        """Run until told to stop, or until the start has failed.

        Args:
            take_over: go on with what a killed supervisor left; otherwise that is ended, except for jobs.

        Returns:
            Whether the studio had started.
        """
        earlier = read_state(self._settings)
        if take_over and earlier is not None and earlier.version == self.state.version:
            self._adopt(earlier)
        kept = [slot.state.identity.pid for slot in self._slots if slot.state.identity is not None]
        end_strays(self._settings, keep=kept, keep_jobs=True)
        self._asked_to_stop = take_over and stop_request(self._settings).exists()
        with self._woken_by_signals() as wait:
            while not self._asked_to_stop and self.state.failure is None:
                self._step()
                wait(0.05 if self.state.phase is Phase.STARTING else 0.25)
            self._stop()  # Here a second signal does not end it in the middle.
        return self.state.failure is None

    def _adopt(self, earlier: StudioState) -> None:
        self.state.was_ready, self.state.started_at = earlier.was_ready, earlier.started_at
        found = {each.name: each for each in earlier.processes}
        adopted = [slot for slot in self._slots if slot.process.name in found and slot.adopt(found[slot.process.name])]
        self._tell(f"The supervisor was killed; {len(adopted)} of {len(self._slots)} processes go on.")
        if time.time() - earlier.supervisor.started < _YOUNG_SECONDS:
            time.sleep(1.0)  # If it ends by itself again and again, that shall not take a whole core.

    def _step(self) -> None:
        settled = {slot.process.name for slot in self._slots if slot.is_settled}
        changed = self._keep_standby()
        for slot in self._slots:
            before = slot.state.phase
            if slot.step(may_start=settled.issuperset(slot.process.after)):
                changed = True
                self._tell_change(slot, before)
        changed |= self._judge()
        if changed:
            self._write()
        if time.monotonic() - self._rotated > _ROTATE_SECONDS:
            self._rotated = time.monotonic()
            rotate(self._settings.logs_dir)

    def _judge(self) -> bool:
        """Say how the studio as a whole stands."""
        before = self.state.phase
        if not all(slot.is_settled for slot in self._slots):
            self.state.phase = Phase.STARTING
        elif before is not Phase.READY and time.monotonic() - self._asked > _ASK_SECONDS:
            self._asked = time.monotonic()
            if _answers(self._settings):
                self.state.phase, self.state.was_ready = Phase.READY, True
                self._tell(f"The studio is ready at {self._settings.url}")
        if not self.state.was_ready:
            self.state.failure = next(filter(None, map(self._failure, self._slots)), None)
        return self.state.phase is not before or self.state.failure is not None

    def _failure(self, slot: Slot) -> Failure | None:
        """Why the process will not start, if it will not."""
        if slot.error is not None and not slot.is_settled:
            return Failure(message=slot.error.message, remedy=slot.error.remedy)
        if slot.failures < _FAILURES_AT_START:
            return None
        if shutil.disk_usage(self._settings.home).free < _FULL_BYTES:
            return Failure(
                message=f"The disk that holds {self._settings.home} is full.",
                remedy="Free some space, or choose a home on another disk with --home or MISTUDIO_HOME.",
            )
        said = " ".join(last_lines(slot.log)) or "it said nothing"
        return Failure(
            message=f"The {slot.process.title} did not start ({slot.state.ended}): {said}",
            remedy=f"Read {slot.log}, mend what it names, and run `mistudio up` again.",
        )

    def _tell_change(self, slot: Slot, before: Phase) -> None:
        title, now = f"{slot.process.title} ({slot.process.name})", slot.state
        if now.phase in (Phase.READY, Phase.DONE) and before is not now.phase:
            self._tell(f"{title}: {now.phase.value} after {now.ready_seconds or 0:.1f} s")
        elif now.identity is None:
            self._tell(f"{title}: {now.ended}; it is started again")

    def _keep_standby(self) -> bool:
        """Start the process that waits for this one's end, unless it waits."""
        if self._again is None or (self._standby is not None and self._standby.poll() is None):
            return False
        if time.monotonic() - self._standby_started < 0.5:
            return False
        self._standby_started = time.monotonic()
        lock = self._settings.run_dir / "supervisor.lock"
        command = [sys.executable, "-E", "-S", standby.__file__, str(lock), *self._again]
        with suppress(OSError, psutil.NoSuchProcess):
            self._standby = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, pass_fds=[self._listener], start_new_session=True
            )
            self.state.standby = Identity.of(self._standby.pid)
        return True

    def _stop(self) -> None:
        if self._standby is not None:
            self._standby.kill()
            self._standby.wait()
        self.state.phase = Phase.STOPPING
        self._write()
        self._tell("The studio stops; jobs that run save what they have.")
        seconds = SAVE_SECONDS
        with suppress(OSError, ValueError):
            seconds = float(stop_request(self._settings).read_text(encoding="ascii"))
        stop_slots(self._settings, self._slots, seconds)
        end_strays(self._settings)
        if self.state.failure is None:
            state_path(self._settings).unlink(missing_ok=True)
        else:
            self.state.phase = Phase.FAILED
            self._write()
        stop_request(self._settings).unlink(missing_ok=True)
        self._tell("The studio has stopped.")

    def _write(self) -> None:
        self.state.processes = tuple(slot.state for slot in self._slots)
        write_state(self._settings, self.state)

    @contextmanager
    def _woken_by_signals(self) -> Iterator[Callable[[float], None]]:
        """Hear the signals that ask to stop; yields a wait that ends early when a signal or a child's end arrives."""

        def ask(_number: int, _frame: object) -> None:
            self._asked_to_stop = True

        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        handlers = {signal.SIGTERM: ask, signal.SIGINT: ask, signal.SIGHUP: ask, signal.SIGCHLD: lambda *_: None}
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        woken = signal.set_wakeup_fd(writer)

        def wait(seconds: float) -> None:
            if select.select([reader], [], [], seconds)[0]:
                os.read(reader, 4096)

        try:
            yield wait
        finally:
            signal.set_wakeup_fd(woken)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)


def _answers(settings: Settings) -> bool:
    """Whether the studio says that it can be used."""
    host = settings.url.removeprefix("http://").rpartition(":")[0].strip("[]")
    connection = http.client.HTTPConnection(host, settings.port, timeout=2.0)
    try:
        connection.request("GET", READY_PATH)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _to_log(text: str) -> None:
    line = json.dumps({"timestamp": datetime.now(UTC).isoformat(), "level": "info", "event": text}, ensure_ascii=False)
    with suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
