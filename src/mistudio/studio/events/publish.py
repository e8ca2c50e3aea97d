"""Publish an event: it is kept in the database and leaves when the transaction commits."""

from __future__ import annotations

from collections.abc import Iterable

from mistudio.studio.db import events
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.session import Session
from mistudio.studio.events.catalogue import Event, JobChanged


async def publish(session: Session, event: Event, channels: Iterable[str]) -> None:
    """Send one event to some channels."""
    payload = event.model_dump(mode="json")
    for channel in channels:
        events.append(session, channel, payload)


def channels_of(job: Job) -> list[str]:
    """The channels that a job's changes go to."""
    return [f"jobs/{job.id}", "jobs", *([job.subject] if job.subject else [])]


async def publish_state(session: Session, job: Job, previous: str | None) -> None:
    """Say that a job is new or has come into another state."""
    event = JobChanged(
        job_id=job.id,
        kind=job.kind,
        title=job.title,
        state=job.state,
        previous=previous,
        wanted=job.wanted,
        subject=job.subject,
    )
    await publish(session, event, channels_of(job))
