"""End the processes of a studio so that nothing is lost and none is left.

Workers are stopped first, so that no job begins; jobs are asked to save and have their time for it; the database, which
all the others need to end well, is the last.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil

from mistudio.studio.db.embedded import wait_for_end
from mistudio.studio.launch.identity import is_job, jobs_of, of_studio, session_of
from mistudio.studio.launch.slot import Slot
from mistudio.studio.settings import Settings

SAVE_SECONDS = 60.0
"""How long jobs may take to save, if nobody says otherwise."""
_POLL_SECONDS = 0.05


def stop_slots(settings: Settings, slots: Sequence[Slot], save_seconds: float) -> None:
    """Stop all processes of a studio, also its jobs, in order."""
    for wave in (False, True):
        stopping = [slot for slot in slots if slot.process.stops_last is wave]
        for slot in stopping:
            slot.signal(slot.process.stop_with)
        save_jobs(settings, save_seconds)
        _see_them_end(stopping)
        save_jobs(settings, save_seconds)  # One may have begun while its worker ended.


def save_jobs(settings: Settings, seconds: float, tell: Callable[[str], None] = lambda _: None) -> None:
    """Ask the jobs' processes to save and end; kill those that have not after so many seconds."""
    until, asked = time.monotonic() + seconds, set[int]()
    while jobs := jobs_of(settings.home):
        late = time.monotonic() > until
        for job in jobs:
            with suppress(psutil.Error, ProcessLookupError):
                if late:
                    os.killpg(job.pid, signal.SIGKILL)
                elif job.pid not in asked:
                    job.terminate()
                    asked.add(job.pid)
                    tell(f"Job {job.cmdline()[4]} saves what can be saved.")
        time.sleep(_POLL_SECONDS)


def end_strays(settings: Settings, *, keep: Sequence[int] = (), keep_jobs: bool = False) -> int:
    """Kill the studio's processes, and what they started, without asking.

    Args:
        settings: of the studio.
        keep: numbers of processes that stay, with what they started.
        keep_jobs: leave jobs, and what they started, alone: they hold their own leases.

    Returns:
        How many there were.
    """
    found = list(of_studio(settings.home))
    sessions = {*keep, *(process.pid for process in found if keep_jobs and is_job(process))}
    strays = [process for process in found if session_of(process) not in sessions]
    for process in strays:
        with suppress(psutil.Error):
            process.kill()
    wait_for_end(strays, 5.0)
    return len(strays)


def _see_them_end(slots: Sequence[Slot]) -> None:
    began = time.monotonic()
    while waiting := [slot for slot in slots if slot.runs]:
        for slot in waiting:
            if time.monotonic() - began > slot.process.stop_seconds:
                slot.signal(signal.SIGKILL)
        time.sleep(_POLL_SECONDS)
