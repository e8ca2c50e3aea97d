"""A job as the API shows it; several groups of endpoints answer with one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import LIVE, JobState
from mistudio.studio.http.schemas import ApiModel
from mistudio.studio.queue.commands import can_pause


class JobError(ApiModel):
    """Why a job failed."""

    code: str
    message: str
    remedy: str


class FailedItem(ApiModel):
    """One item of many, such as a file, that was left out."""

    name: str
    reason: str


class JobResult(ApiModel):
    """What a job made."""

    entity: str
    id: str | None
    name: str
    failed: list[FailedItem] = []
    """The first hundred items that failed; the job's log names all."""


class JobOut(ApiModel):
    """A job."""

    id: str
    kind: str
    queue: str
    title: str
    state: JobState
    wanted: Literal["run", "pause", "cancel"]
    """What it has been asked to do."""
    can_pause: bool
    """Whether it can be paused now: while it waits, or while it runs if it can go on where it was."""
    priority: int
    """From -10 to 10; of the jobs that wait in a queue, higher ones go first, and older ones of the same."""
    subject: str | None
    """The channel of what it is about, such as `trainings/{id}`."""
    stage: str | None
    done: float | None
    total: float | None
    """In the units of `done`; null where nobody knows it."""
    rate: float | None
    """Units a second over the last ten seconds."""
    eta_seconds: float | None
    """Until the end of this stage, in seconds."""
    metrics: dict[str, Any]
    failed_items: int
    attempts: int
    request: dict[str, Any]
    result: JobResult | None
    error: JobError | None
    retry_of: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    """From start to end, or to now, in seconds."""


class Accepted(ApiModel):
    """Work that was taken on."""

    job: JobOut
    job_id: str


def job_out(job: Job) -> JobOut:
    """The row as an answer."""
    live = job.state in LIVE
    eta = (job.total - job.done) / job.rate if live and job.total and job.done is not None and job.rate else None
    until = job.finished_at or datetime.now(UTC)
    return JobOut(
        id=job.id,
        kind=job.kind,
        queue=job.queue,
        title=job.title,
        state=JobState(job.state),
        wanted=job.wanted,
        can_pause=can_pause(job),
        priority=job.priority,
        subject=job.subject,
        stage=job.stage,
        done=job.done,
        total=job.total,
        rate=job.rate if live else None,
        eta_seconds=eta,
        metrics=job.metrics or {},
        failed_items=job.failed_items,
        attempts=job.attempts,
        request=job.request,
        result=JobResult(**job.result) if job.result else None,
        error=JobError(**job.error) if job.error else None,
        retry_of=job.retry_of,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        seconds=(until - job.started_at).total_seconds() if job.started_at else None,
    )


def accepted(job: Job) -> Accepted:
    """A new job as an answer."""
    return Accepted(job=job_out(job), job_id=job.id)
