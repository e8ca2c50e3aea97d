"""Ask for something to be deleted: refused while other things were made of it, or a job works with it."""

from __future__ import annotations

from mistudio.errors import NotAllowedNow, StillUsed
from mistudio.studio.db import artifacts, jobs, trainings
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.session import Session
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.requests import Delete, Entity, works_with
from mistudio.studio.settings import Settings


async def request_deletion(
    session: Session, settings: Settings, entity: Entity, row_id: str, name: str, *, force: bool = False
) -> Job:
    """Write the job that deletes a thing; the one that waits already, if there is one.

    Args:
        name: what the thing is called.
        force: also if other things were made of it; they stay, and lose the link.

    Raises:
        StillUsed: other things were made of it; `details` names them.
        NotAllowedNow: a job that has not ended works with it.
    """
    await jobs.lock_inputs(session)
    for job in await jobs.unfinished(session):
        request = job.request
        if request["kind"] == "delete":
            if request["entity"] == entity and request["id"] == row_id:
                return job
        elif works_with(request, job.subject, entity, row_id, name):
            raise NotAllowedNow(
                f"{name} cannot be deleted: the job “{job.title}” is {job.state} and works with it.",
                remedy="Wait until the job has ended, or cancel it.",
            )
    used_by = await _used_by(session, entity, row_id)
    if used_by and not force:
        names = ", ".join(each["name"] for each in used_by[:5]) + (" and more" if len(used_by) > 5 else "")
        was = "was" if len(used_by) == 1 else "were"
        raise StillUsed(f"{name} cannot be deleted: {names} {was} made of it.", details={"used_by": used_by})
    title = f"Delete {entity.replace('_', ' ')} {name}"
    return await create(session, settings, Delete(entity=entity, id=row_id), title=title)


async def _used_by(session: Session, entity: Entity, row_id: str) -> list[dict[str, str]]:
    if entity != "training":
        return await artifacts.referents(session, entity, row_id)
    training = await trainings.get(session, row_id)
    sae_id = training.sae_id if training is not None else None
    names = await artifacts.names(session, "sae", {sae_id}) if sae_id else {}
    return [{"entity": "sae", "id": each, "name": name} for each, name in names.items()]
