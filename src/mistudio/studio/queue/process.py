"""The process that does one job: hold the lock and the lease, call the job's function, write down how it ended.

Whatever becomes of it, the row says so: the function's error, or, if the process is killed, whoever notices.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from mistudio.artifacts.manifest import open_artifact
from mistudio.errors import Cancelled, MistudioError, Paused
from mistudio.studio.db import indexing, jobs
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session, is_passing
from mistudio.studio.events.catalogue import JobCompleted, JobFailed, StoreChanged
from mistudio.studio.events.publish import channels_of, publish, publish_state
from mistudio.studio.logs import hiding, write_plain_lines
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.job_lock import job_lock
from mistudio.studio.queue.job_progress import JobProgress, log
from mistudio.studio.queue.leftovers import remove_partial
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.requests import REQUESTS, JobRequest
from mistudio.studio.settings import Settings

JobFunction = Callable[[Any, JobContext], Made | None]

_INSIST_SECONDS = 300.0
_NICENESS = 3
_NAMED = 100
"""Items that failed whose names and reasons are kept; the log has all of them."""


def run_job(settings: Settings, job_id: str, lease: str, function_of: Callable[[str], JobFunction]) -> None:
    """Do a job that this process was started for."""
    write_plain_lines(settings)
    _step_back()
    portal = Portal(_url(settings))
    with job_lock(settings.jobs_dir / job_id):
        job = portal.run(lambda session: jobs.get(session, job_id))
        if job is None or job.lease != lease:
            log.error("Another process has this job by now.")
            return
        progress = JobProgress(portal, job, lease_seconds=settings.lease_seconds)
        signal.signal(signal.SIGTERM, lambda *_: progress.stop_for_later())
        context = JobContext(job.id, job.subject, settings, progress, portal)
        progress.start()
        log.info("Attempt %d: %s", job.attempts, job.title)
        ending = _work(job, context, function_of)
        with progress.ending():
            _write_end(settings, portal, job, ending)
    portal.close()


def _step_back() -> None:
    """Let the studio's other processes go first, so that pages answer while a training takes every core.

    Linux may weigh whole sessions against each other, of which each job is one; then the session's own weight counts.
    """
    os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS), encoding="ascii")


def _url(settings: Settings) -> str:
    assert settings.database_url is not None, "the launcher names the database to every process"
    return settings.database_url


def _work(
    job: Job, context: JobContext, function_of: Callable[[str], JobFunction]
) -> Callable[[Session], Awaitable[Any]]:
    """Call the job's function.

    Returns:
        What is to be written down.
    """
    try:
        request = JobRequest.model_validate(job.request).root
        function = function_of(job.kind)
        context.progress.checkpoint()
        made = function(request, context)
    except Cancelled:
        log.info("Cancelled.")
        remove_partial(context.settings, job)
        return lambda session: _end(session, job, JobState.CANCELLED)
    except Paused:
        state = context.progress.state_after_pause
        log.info(_stopped(state, goes_on=REQUESTS[job.kind].resumes))
        return lambda session: _end(session, job, state)
    except MistudioError as error:
        log.error("%s %s", error.message, error.remedy)
        return _failure(context.settings, job, type(error).__name__, error.message, error.remedy)
    except MemoryError:
        return _failure(
            context.settings,
            job,
            "NotEnoughMemory",
            "The machine ran out of memory.",
            "Choose smaller sizes, then retry.",
        )
    except Exception as error:  # noqa: BLE001  a bug of ours must not leave the row running
        return _bug(context.settings, job, error)
    log.info("Done.")
    return lambda session: _completion(session, job, context, made)


def _stopped(state: JobState, *, goes_on: bool) -> str:
    if state == JobState.PAUSED:
        return "Saved and paused."
    if goes_on:
        return "Saved; it goes on from here when its turn comes again."
    return "Stopped; what it had begun is removed, and it begins again from the start when its turn comes."


async def _completion(session: Session, job: Job, context: JobContext, made: Made | None) -> None:
    """Write the row of what was made and the end of the job in one transaction."""
    row_id: str | None = None
    if made is not None and made.entity in ("evaluation", "probing"):
        row_id = await indexing.index_result(session, made.path, job_id=job.id)
    elif made is not None:
        row_id = await indexing.index_artifact(session, made.entity, open_artifact(made.path), job_id=job.id)
    state = JobState.COMPLETED_WITH_ERRORS if context.failures else JobState.COMPLETED
    result: dict[str, Any] | None = None
    if made is not None:
        failed = context.failures[:_NAMED]
        result = {"entity": made.entity, "id": row_id, "name": made.path.name, "failed": failed}
    ended = await jobs.finish(
        session, job.id, job.lease or "", state, result=result, failed_items=len(context.failures)
    )
    if ended is None:
        return
    event = JobCompleted(
        job_id=job.id,
        kind=job.kind,
        title=job.title,
        failed_items=len(context.failures),
        entity=made.entity if made else None,
        entity_id=row_id,
        entity_name=made.path.name if made else None,
    )
    await publish(session, event, channels_of(job))
    await publish_state(session, ended, JobState.RUNNING)
    if made is not None:
        await publish(session, StoreChanged(entity=made.entity, id=row_id), ["store"])


def _bug(settings: Settings, job: Job, error: Exception) -> Callable[[Session], Awaitable[Any]]:
    log.error("%s", "".join(traceback.format_exception(error)))
    remedy = "This is a bug: please report it with the job's log. Retrying repeats the job as it was."
    return _failure(settings, job, "InternalError", f"{type(error).__name__}: {error}", remedy)


def _failure(settings: Settings, job: Job, code: str, message: str, remedy: str) -> Callable[[Session], Awaitable[Any]]:
    message, remedy = map(hiding(settings), (message, remedy))

    async def write(session: Session) -> None:
        error = {"code": code, "message": message, "remedy": remedy}
        if await _end(session, job, JobState.FAILED, error=error):
            event = JobFailed(job_id=job.id, kind=job.kind, title=job.title, code=code, message=message, remedy=remedy)
            await publish(session, event, channels_of(job))

    return write


async def _end(session: Session, job: Job, state: JobState, **values: Any) -> bool:
    ended = await jobs.finish(session, job.id, job.lease or "", state, **values)
    if ended is not None:
        await publish_state(session, ended, JobState.RUNNING)
    return ended is not None


def _write_end(settings: Settings, portal: Portal, job: Job, ending: Callable[[Session], Awaitable[Any]]) -> None:
    """Write down how the job ended; where that is refused, that it failed, and why."""
    try:
        insist(lambda: portal.run(ending))
    except MistudioError as error:
        if is_passing(error):
            raise
        insist(lambda: portal.run(_failure(settings, job, type(error).__name__, error.message, error.remedy)))
    except Exception as error:
        if is_passing(error):
            raise
        insist(lambda: portal.run(_bug(settings, job, error)))


def insist(work: Callable[[], Any]) -> None:
    """Do work on the database, also if that is away for a while. What the database refuses is raised at once."""
    until = time.monotonic() + _INSIST_SECONDS
    while True:
        try:
            work()
            return
        except Exception as error:
            if not is_passing(error) or time.monotonic() > until:
                raise
            log.warning("Not written down yet: %s", error)
            time.sleep(0.5)
