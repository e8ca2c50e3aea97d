"""What a person can ask of a job."""

from __future__ import annotations

from mistudio.errors import NotAllowedNow, NotFound
from mistudio.studio.db import jobs, trainings
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState, Wanted
from mistudio.studio.db.session import Session
from mistudio.studio.events.publish import publish_state
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.requests import REQUESTS, JobRequest
from mistudio.studio.settings import Settings


async def find(session: Session, job_id: str) -> Job:
    """A job.

    Raises:
        NotFound: there is none with that id.
    """
    job = await jobs.get(session, job_id)
    if job is None:
        raise NotFound(f"There is no job {job_id!r}.", remedy="List the jobs.")
    return job


async def pause(session: Session, job_id: str) -> Job:
    """Let a job save what it has and wait; one that waits in its queue is set aside.

    Raises:
        NotFound, NotAllowedNow: also where it runs and could not go on where it was.
    """
    job = await find(session, job_id)
    if job.state == JobState.RUNNING and not REQUESTS[job.kind].resumes:
        raise NotAllowedNow(
            "A job of this kind cannot be paused while it runs: it would have to begin again.",
            remedy="Let it end, or cancel it.",
        )
    return await _ask(session, job_id, Wanted.PAUSE, "paused", while_running=REQUESTS[job.kind].resumes)


def can_pause(job: Job) -> bool:
    """Whether a job can be paused as it is now, and lose nothing: while it runs, only one that goes on where it was."""
    if job.state == JobState.RUNNING:
        return REQUESTS[job.kind].resumes and job.wanted != Wanted.CANCEL
    return job.state == JobState.QUEUED


async def cancel(session: Session, job_id: str) -> Job:
    """Give a job up; its process ends within two seconds. What it had begun is removed after this (see `leftovers`).

    Raises:
        NotFound, NotAllowedNow.
    """
    return await _ask(session, job_id, Wanted.CANCEL, "cancelled")


async def resume(session: Session, job_id: str) -> Job:
    """Put a paused job back into its queue.

    Raises:
        NotFound, NotAllowedNow.
    """
    before = await find(session, job_id)
    job = await jobs.resume(session, job_id)
    if job is None:
        raise NotAllowedNow(f"The job is {before.state}; only a paused one can be resumed.")
    await publish_state(session, job, JobState.PAUSED)
    return job


async def set_priority(session: Session, job_id: str, priority: int) -> Job:
    """Let a job that waits go before or after others of its queue.

    Raises:
        NotFound, NotAllowedNow.
    """
    before = await find(session, job_id)
    job = await jobs.set_priority(session, job_id, priority)
    if job is None:
        raise NotAllowedNow(f"The job is {before.state}; only one that waits or is paused has a turn to come.")
    return job


async def retry(session: Session, settings: Settings, job_id: str) -> Job:
    """Start a job with the same configuration once more; a training goes on from its last checkpoint.

    Raises:
        NotFound, NotAllowedNow, ArtifactExists.
    """
    before = await retryable(session, job_id)
    return await create(
        session,
        settings,
        JobRequest.model_validate(before.request).root,
        title=before.title,
        subject=before.subject,
        device=before.device,
        retry_of=before.id,
    )


async def retryable(session: Session, job_id: str) -> Job:
    """A job that can be started once more.

    Raises:
        NotFound, NotAllowedNow.
    """
    before = await find(session, job_id)
    if before.state not in (JobState.FAILED, JobState.CANCELLED, JobState.COMPLETED_WITH_ERRORS):
        raise NotAllowedNow(f"The job is {before.state}; one that failed or was cancelled can be retried.")
    training_id = trainings.of_channel(before.subject)
    if training_id is not None and await trainings.get(session, training_id) is None:
        raise NotAllowedNow(
            "The training of this job was deleted, with its checkpoint.",
            remedy="Start a new training with its configuration.",
        )
    return before


async def _ask(session: Session, job_id: str, wanted: Wanted, done: str, *, while_running: bool = True) -> Job:
    before = await find(session, job_id)
    previous, is_cancelled = before.state, before.wanted == Wanted.CANCEL
    job = await jobs.ask(session, job_id, wanted, while_running=while_running)
    if job is None and is_cancelled:
        raise NotAllowedNow(f"The job is being cancelled, so it cannot be {done}.")
    if job is None:
        raise NotAllowedNow(f"The job is {previous}, so it cannot be {done}.")
    await publish_state(session, job, previous)
    return job
