"""Stop a studio: all its processes, also those that a killed supervisor left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.launch.identity import jobs_of
from mistudio.studio.launch.lock import take_lock
from mistudio.studio.launch.state import read_state, state_path, stop_request
from mistudio.studio.launch.stopping import SAVE_SECONDS, end_strays, save_jobs
from mistudio.studio.settings import Settings

_OTHERS_SECONDS = 60.0
"""How long everything but jobs may take to stop."""


def stop(settings: Settings, tell: Callable[[str], None], *, save_seconds: float = SAVE_SECONDS) -> bool:
    """Stop the studio; nothing of it runs afterwards.

    Args:
        settings: of the studio.
        tell: called with what is waited for, for people.
        save_seconds: how long jobs may take to save; they go on at the next start.

    Returns:
        Whether anything ran.

    Raises:
        BadInput: the home cannot be written.
    """
    if not settings.run_dir.is_dir():
        return False
    lock = take_lock(settings)
    ran = lock is None
    if lock is None:
        lock = _ask(settings, tell, save_seconds)
    try:
        ran |= _end_what_is_left(settings, tell, save_seconds)
        for path in (stop_request(settings), state_path(settings)):
            path.unlink(missing_ok=True)
    finally:
        if lock is not None:
            os.close(lock)
    return ran


def _ask(settings: Settings, tell: Callable[[str], None], save_seconds: float) -> int | None:
    """Ask the supervisor to stop all, and wait until it has.

    Returns:
        The lock, or None if the supervisor hangs; then it has been killed.
    """
    with suppress(OSError):  # On a full disk the signal alone must do.
        stop_request(settings).write_text(str(save_seconds), encoding="ascii")
    until, told, asked = time.monotonic() + save_seconds + _OTHERS_SECONDS, set[int](), None
    while time.monotonic() < until:
        state = read_state(settings)
        if state is not None and state.supervisor != asked and (process := state.supervisor.process()):
            asked = state.supervisor
            process.send_signal(signal.SIGTERM)
        for job in jobs_of(settings.home):
            if job.pid not in told:
                told.add(job.pid)
                tell(f"The job of process {job.pid} saves what can be saved …")
        if (lock := take_lock(settings)) is not None:
            return lock
        time.sleep(0.1)
    return None


def _end_what_is_left(settings: Settings, tell: Callable[[str], None], save_seconds: float) -> bool:
    save_jobs(settings, save_seconds, tell)
    found = end_strays(settings) > 0
    if settings.database_url is None and settings.postgres_dir.is_dir():
        server = EmbeddedPostgres(settings.postgres_dir)
        found |= server.is_running()
        server.stop()
    return found
