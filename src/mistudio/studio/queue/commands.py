"""What a person can ask of a job."""

from __future__ import annotations

from mistudio.errors import NotAllowedNow, NotFound
from mistudio.studio.db import jobs, trainings
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState, Wanted
from mistudio.studio.db.session import Session
from mistudio.studio.events.publish import publish_state
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.requests import JobRequest
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
        NotFound, NotAllowedNow.
    """
    return await _ask(session, job_id, Wanted.PAUSE, "paused")


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


async def retry(session: Session, settings: Settings, job_id: str) -> Job:
    """Start a job with the same configuration once more; a training goes on from its last checkpoint.

    Raises:
        NotFound, NotAllowedNow, ArtifactExists.
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
    return await create(
        session,
        settings,
        JobRequest.model_validate(before.request).root,
        title=before.title,
        subject=before.subject,
        device=before.device,
        retry_of=before.id,
    )


async def _ask(session: Session, job_id: str, wanted: Wanted, done: str) -> Job:
    before = await find(session, job_id)
    previous, is_cancelled = before.state, before.wanted == Wanted.CANCEL
    job = await jobs.ask(session, job_id, wanted)
    if job is None and is_cancelled:
        raise NotAllowedNow(f"The job is being cancelled, so it cannot be {done}.")
    if job is None:
        raise NotAllowedNow(f"The job is {previous}, so it cannot be {done}.")
    await publish_state(session, job, previous)
    return job
