"""Put a job into its queue. The row is written in the caller's transaction; the worker is woken after the commit."""

from __future__ import annotations

from mistudio.artifacts.manifest import MANIFEST
from mistudio.errors import ArtifactExists, NotAllowedNow
from mistudio.studio.db import artifacts, jobs
from mistudio.studio.db.artifacts import KINDS
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.events.publish import publish_state
from mistudio.studio.queue.requests import Delete, Demo, Request, inputs_of, works_with
from mistudio.studio.settings import Settings

DEVICE = "device:auto"
"""The slot of work that wants the best device for long: trainings, recordings, the demo."""
_PRIORITY = {"delete": 10, "demo": -1}


async def create(
    session: Session,
    settings: Settings,
    request: Request,
    *,
    title: str,
    subject: str | None = None,
    device: str | None = None,
    retry_of: str | None = None,
) -> Job:
    """Write a job that waits.

    Args:
        title: what it does, for people.
        subject: the channel of what it is about.
        device: the slot that it needs: one job of a slot runs at a time.

    Raises:
        ArtifactExists: what it is to make is there already, or another job is making it.
        NotAllowedNow: something that it works with is being deleted.
    """
    if not isinstance(request, Delete):
        await _check_inputs(session, request, subject)
    await _check_name(session, settings, request, subject)
    content = request.model_dump(mode="json")
    job = Job(
        kind=content["kind"],
        queue=request.queue,
        title=title,
        request=content,
        subject=subject,
        device=device,
        retry_of=retry_of,
        priority=_PRIORITY.get(content["kind"], 0),
        state=JobState.QUEUED,
    )
    session.add(job)
    await session.flush()
    await session.refresh(job)
    await publish_state(session, job, None)
    return job


async def _check_inputs(session: Session, request: Request, subject: str | None) -> None:
    content = request.model_dump(mode="json")
    if not inputs_of(content) and subject is None and not isinstance(request, Demo):
        return
    await jobs.lock_inputs(session)
    for job in await jobs.deletions(session):
        entity, row_id = job.request["entity"], job.request["id"]
        name = (await artifacts.names(session, entity, {row_id})).get(row_id) if entity in KINDS else None
        if works_with(content, subject, entity, row_id, name):
            raise NotAllowedNow(
                f"{name or row_id} is being deleted by the job “{job.title}”.",
                remedy="Choose another one, or cancel that job.",
            )


async def _check_name(session: Session, settings: Settings, request: Request, subject: str | None) -> None:
    kind = KINDS.get(request.makes or "")
    if kind is None or request.name is None:
        return
    taken = ArtifactExists(
        f"There is {_A[request.makes or '']} called {request.name!r} already.", remedy="Choose another name."
    )
    # In this order: a job that ends meanwhile leaves its artifact first.
    if await jobs.makes(session, type(request).model_fields["kind"].default, request.name, except_subject=subject):
        raise taken
    if (settings.store.path(kind, request.name) / MANIFEST).is_file():
        raise taken


_A = {
    "dataset": "a data set",
    "tokenization": "a tokenization",
    "model": "a model",
    "recording": "a recording",
    "sae": "an SAE",
    "feature_set": "a feature set",
}
