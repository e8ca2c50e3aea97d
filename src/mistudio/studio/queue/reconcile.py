"""Jobs whose process is gone go back into their queue. Whoever looks at the jobs next does this: a worker, the API.

A lease that ran out is a suspicion; on the machine that ran it the lock of the job's folder is the proof. A process
that lives but does not renew its lease (it was stopped, or hangs) is ended after a minute; one elsewhere is given up
after three leases.
"""

from __future__ import annotations

import socket

from mistudio.studio.db import jobs
from mistudio.studio.db.base import now
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.events.publish import publish_state
from mistudio.studio.queue.job_lock import end_holder, is_held
from mistudio.studio.settings import Settings

_HUNG_SECONDS = 60.0


async def reconcile(session: Session, settings: Settings, *, at_once: bool = False) -> list[Job]:
    """Release the jobs that no process works on any more.

    Args:
        at_once: do not wait for leases of this machine to run out, as when a worker starts.

    Returns:
        The jobs that changed, as they are now.
    """
    changed = []
    for job in await (jobs.live(session) if at_once else jobs.expired(session)):
        if _is_gone(job, settings):
            released = await jobs.release(session, job.id, job.lease, "it vanished", blame=False)
            if released is not None:
                await publish_state(session, released, JobState.RUNNING)
                changed.append(released)
    return changed


def _is_gone(job: Job, settings: Settings) -> bool:
    if job.lease_until is None:
        return True
    late = (now() - job.lease_until).total_seconds()
    if job.host != socket.gethostname():
        return late > 3 * settings.lease_seconds
    folder = settings.jobs_dir / job.id
    if is_held(folder):
        if late > _HUNG_SECONDS:
            end_holder(folder)
        return False
    # Between the claim and the lock lies the start of the process.
    age = settings.lease_seconds + late
    return late > 0 or age > 10.0
