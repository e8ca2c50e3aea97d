"""Jobs whose process is gone go back into their queue. Whoever looks at the jobs does this: workers, beat, the API.

On the machine of a job, the lock of its folder is the proof that it runs, and its process' number that it is about to.
A process that lives but does not renew its lease (it was stopped, or hangs) is ended after a minute; one of another
machine is given up after three leases.
"""

from __future__ import annotations

import socket

from mistudio.studio.db import jobs
from mistudio.studio.db.base import now
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.events.publish import publish_state
from mistudio.studio.queue.job_lock import end_holder, is_held, runs
from mistudio.studio.settings import Settings

HUNG_SECONDS = 60.0
"""How long after the end of its lease a process is ended that holds the lock and says nothing."""


async def reconcile(session: Session, settings: Settings) -> list[Job]:
    """Release the jobs that no process works on any more.

    Returns:
        The jobs that changed, as they are now.
    """
    changed = []
    for job in await jobs.live(session):
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
        if late > HUNG_SECONDS:
            end_holder(folder)
        return False
    # Between the claim and the lock lies the start of the process, which a busy machine draws out.
    if job.pid is None:
        return late > 0
    return late > HUNG_SECONDS or not runs(job.pid)
