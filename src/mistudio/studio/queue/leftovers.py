"""What a job has made or begun: how it is known to be the job's own, and what becomes of it when the job is cancelled.

The id of what a job seals ends with the number of the job's own, so that no attempt takes for its own what another
process has made under the same name.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from pathlib import Path

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.manifest import MANIFEST, open_artifact
from mistudio.errors import MistudioError
from mistudio.studio.db import indexing, jobs
from mistudio.studio.db.artifacts import KINDS
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish
from mistudio.studio.queue.requests import JobRequest
from mistudio.studio.settings import Settings

log = logging.getLogger(__name__)


def number_of(job_id: str) -> str:
    """What the ids of a job and of what it makes have in common."""
    return job_id.removeprefix("job-")


def is_sealed_by(job_id: str, path: Path) -> bool:
    """Whether an artifact lies there that this job has made."""
    try:
        made: str = json.loads((path / MANIFEST).read_text(encoding="utf-8"))["id"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return made.endswith(f"-{number_of(job_id)}")


def place_of(settings: Settings, job: Job) -> Path | None:
    """Where the artifact shall lie that a job makes; None if it makes none."""
    kind, name = KINDS.get(JobRequest.model_validate(job.request).root.makes or ""), job.request.get("name")
    return settings.store.path(kind, name) if kind is not None and name else None


def remove_partial(settings: Settings, job: Job) -> None:
    """Remove what a cancelled job had begun; a training's checkpoint stays until the training is deleted."""
    place = place_of(settings, job)
    if place is not None and job.kind != "train":
        shutil.rmtree(partial_of(place), ignore_errors=True)


async def clear(session: Session, settings: Settings, job: Job) -> None:
    """After a job was cancelled: what it had begun is removed; what it had finished by then gets its row."""
    if job.state != JobState.CANCELLED:
        return
    try:
        entity = await _index(session, settings, job)
    except MistudioError as error:
        log.warning("What the job %s left cannot be used: %s", job.id, error.message)
        return
    if entity is not None:
        await publish(session, StoreChanged(entity=entity, id=None), ["store"])
    elif (place := place_of(settings, job)) and not await jobs.makes(session, job.kind, place.name):
        await asyncio.to_thread(remove_partial, settings, job)


async def _index(session: Session, settings: Settings, job: Job) -> str | None:
    """Write the row of what a job had finished.

    Returns:
        The entity; None if it had finished nothing.
    """
    entity, place = JobRequest.model_validate(job.request).root.makes, place_of(settings, job)
    result = settings.evaluations_dir / f"{entity}-{number_of(job.id)}.json"
    if result.is_file():
        await indexing.index_result(session, result, job_id=job.id)
    elif entity is not None and place is not None and is_sealed_by(job.id, place):
        await indexing.index_artifact(session, entity, open_artifact(place), job_id=job.id)
    else:
        return None
    return entity
