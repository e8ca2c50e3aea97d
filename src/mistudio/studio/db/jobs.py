"""The jobs' table and its queries. The row is the truth; brokers and processes only act on it.

A live job is held by a lease: a token and a time until which it is good. Every write of the process that runs it names
the token, so that a process that lost its lease can change nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Index, String, and_, case, exists, func, or_, select, text, update
from sqlalchemy.orm import Mapped, aliased, mapped_column

from mistudio.studio.db.base import Base, new_id
from mistudio.studio.db.lifecycle import LIVE, JobState, Wanted, may_become
from mistudio.studio.db.session import Session

MAX_STALLED_ATTEMPTS = 3
"""Times that a job may die without having got further before it is given up."""


class Job(Base):
    """A piece of work and all that is known of it."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_claim", "queue", "state", "priority", "created_at"),
        Index("ix_jobs_state_created_at", "state", "created_at"),
        Index("ix_jobs_subject", "subject"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("job"))
    kind: Mapped[str] = mapped_column(String(32))
    queue: Mapped[str] = mapped_column(String(32))
    title: Mapped[str]
    """What it does, for people."""
    request: Mapped[dict[str, Any]]
    """The whole request; retrying repeats it."""
    subject: Mapped[str | None] = mapped_column(String(96))
    """What it is about, as a channel: `trainings/{id}`."""
    device: Mapped[str | None] = mapped_column(String(32))
    """The slot that it occupies while it runs; one job a slot."""
    priority: Mapped[int] = mapped_column(default=0)
    """Higher ones go first."""
    state: Mapped[str] = mapped_column(String(24), default=JobState.QUEUED)
    wanted: Mapped[str] = mapped_column(String(8), default=Wanted.RUN)
    wanted_at: Mapped[datetime | None]
    stage: Mapped[str | None]
    done: Mapped[float | None]
    total: Mapped[float | None]
    rate: Mapped[float | None]
    """Units of `done` a second, over the last seconds."""
    metrics: Mapped[dict[str, Any]] = mapped_column(default=dict)
    failed_items: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    stalled_attempts: Mapped[int] = mapped_column(default=0)
    """Attempts that ended without progress, in a row."""
    lease: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[datetime | None]
    host: Mapped[str | None]
    pid: Mapped[int | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[dict[str, Any] | None]
    retry_of: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


_IDLE: dict[str, Any] = {
    "lease": None,
    "lease_until": None,
    "pid": None,
    "host": None,
    "wanted": Wanted.RUN,
    "rate": None,  # Nothing goes on; the next attempt has a speed of its own.
}


async def get(session: Session, job_id: str) -> Job | None:
    """One job."""
    return await session.get(Job, job_id, populate_existing=True)


async def page(
    session: Session,
    *,
    states: Sequence[str] = (),
    kinds: Sequence[str] = (),
    search: str | None = None,
    sort: str = "created_at",
    descending: bool = True,
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[Job], int]:
    """Some jobs, and how many there are of those asked for."""
    wanted = select(Job)
    if states:
        wanted = wanted.where(Job.state.in_(states))
    if kinds:
        wanted = wanted.where(Job.kind.in_(kinds))
    if search:
        wanted = wanted.where(or_(Job.title.icontains(search, autoescape=True), Job.id == search))
    total = await session.scalar(select(func.count()).select_from(wanted.subquery()))
    column = getattr(Job, sort)
    ordered = wanted.order_by(column.desc().nulls_last() if descending else column.asc().nulls_last(), Job.id)
    rows = await session.scalars(ordered.offset(offset).limit(limit))
    return list(rows), int(total or 0)


async def counts(session: Session) -> dict[str, int]:
    """Jobs by state."""
    rows = await session.execute(select(Job.state, func.count()).group_by(Job.state))
    return dict(rows.all())


async def claim(
    session: Session,
    queue: str,
    *,
    lease_seconds: float,
    host: str,
    kinds: Sequence[str] = (),
    at_most: int | None = None,
) -> Job | None:
    """Take the best queued job whose device is free; it is running from now on, under a new lease.

    Args:
        at_most: jobs of this queue that may run on this host; also those count whose worker was replaced.
    """
    # One claim at a time: two that look at the same slot at once would both find it free.
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('mistudio:claim'))"))
    mine = select(func.count()).where(Job.queue == queue, Job.host == host, Job.state.in_(LIVE))
    if at_most is not None and (await session.scalar(mine) or 0) >= at_most:
        return None
    other = aliased(Job)
    occupied = exists().where(and_(other.device == Job.device, other.state.in_(LIVE)))
    wanted = (
        select(Job)
        .where(Job.queue == queue, Job.state == JobState.QUEUED, or_(Job.device.is_(None), ~occupied))
        .order_by(Job.priority.desc(), Job.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if kinds:
        wanted = wanted.where(Job.kind.in_(kinds))
    job: Job | None = await session.scalar(wanted)
    if job is None:
        return None
    values = {
        "state": JobState.RUNNING,
        "lease": uuid.uuid4().hex,
        "lease_until": func.clock_timestamp() + timedelta(seconds=lease_seconds),
        "host": host,
        "attempts": Job.attempts + 1,
        "stalled_attempts": Job.stalled_attempts + 1,
        "started_at": func.coalesce(Job.started_at, func.clock_timestamp()),
        "finished_at": None,
        "error": None,
    }
    await session.execute(update(Job).where(Job.id == job.id).values(values))
    return await get(session, job.id)


async def renew(session: Session, job_id: str, lease: str, *, lease_seconds: float, **values: Any) -> Wanted | None:
    """Prolong a lease, and write progress with it.

    Returns:
        What the job is asked to do; None if the lease is lost.
    """
    row = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.lease == lease, Job.state.in_(LIVE))
        .values(lease_until=func.clock_timestamp() + timedelta(seconds=lease_seconds), **values)
        .returning(Job.wanted)
    )
    wanted = row.scalar_one_or_none()
    return None if wanted is None else Wanted(wanted)


async def finish(session: Session, job_id: str, lease: str, state: JobState, **values: Any) -> Job | None:
    """Let the holder of the lease end its work in `state`; None if the lease is lost.

    Work that can be gone on with is cancelled or paused instead, if that was asked in the meantime.
    """
    end: dict[str, Any] = {"state": state, "finished_at": func.clock_timestamp()}
    if not state.is_terminal:
        is_cancelled, is_paused = Job.wanted == Wanted.CANCEL, Job.wanted == Wanted.PAUSE
        end = {
            "state": case((is_cancelled, JobState.CANCELLED), (is_paused, JobState.PAUSED), else_=state),
            "finished_at": case((is_cancelled, func.clock_timestamp())),
            # It was stopped and did not die, which is what `claim` counted it as.
            "stalled_attempts": func.greatest(Job.stalled_attempts - 1, 0),
        }
    row = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.lease == lease, Job.state.in_(may_become(state)))
        .values(**end, **_IDLE, **values)
        .returning(Job.id)
    )
    return await get(session, job_id) if row.scalar_one_or_none() else None


async def ask(session: Session, job_id: str, wanted: Wanted, *, while_running: bool = True) -> Job | None:
    """Ask a job to pause or to cancel: at once where nothing runs, else through its process.

    Args:
        while_running: whether one that runs may be asked to pause.

    Returns:
        The job as it is now; None if its state does not allow it.
    """
    asked: dict[str, Any] = {"wanted": wanted, "wanted_at": func.clock_timestamp()}
    stands = [] if wanted is Wanted.CANCEL else [Job.wanted != Wanted.CANCEL]  # Whoever was told to give up, does.
    if wanted is Wanted.PAUSE:
        changes = [
            ([JobState.QUEUED], {"state": JobState.PAUSED}),
            ([JobState.RUNNING] if while_running else [], {"state": JobState.PAUSING, **asked}),
        ]
    else:
        ended = {"state": JobState.CANCELLED, "finished_at": func.clock_timestamp()}
        changes = [([JobState.QUEUED, JobState.PAUSED], ended), (list(LIVE), asked)]
    for states, values in changes:
        row = await session.execute(
            update(Job).where(Job.id == job_id, Job.state.in_(states), *stands).values(**values).returning(Job.id)
        )
        if row.scalar_one_or_none():
            return await get(session, job_id)
    return None


async def resume(session: Session, job_id: str) -> Job | None:
    """Put a paused job back into its queue; None if it is not paused."""
    row = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state == JobState.PAUSED)
        .values(state=JobState.QUEUED, stalled_attempts=0, **_IDLE)
        .returning(Job.id)
    )
    return await get(session, job_id) if row.scalar_one_or_none() else None


async def set_priority(session: Session, job_id: str, priority: int) -> Job | None:
    """Let a job that waits go before or after others of its queue; None if it does not wait."""
    row = await session.execute(
        update(Job)
        .where(Job.id == job_id, Job.state.in_((JobState.QUEUED, JobState.PAUSED)))
        .values(priority=priority)
        .returning(Job.id)
    )
    return await get(session, job_id) if row.scalar_one_or_none() else None


async def expired(session: Session, *, grace_seconds: float = 0.0) -> list[Job]:
    """Live jobs whose lease ran out."""
    limit = func.clock_timestamp() - timedelta(seconds=grace_seconds)
    rows = await session.scalars(select(Job).where(Job.state.in_(LIVE), Job.lease_until < limit))
    return list(rows)


async def live(session: Session) -> list[Job]:
    """Jobs that a process works on."""
    return list(await session.scalars(select(Job).where(Job.state.in_(LIVE))))


async def release(session: Session, job_id: str, lease: str | None, why: str, *, blame: bool = True) -> Job | None:
    """The process of a live job is gone: queue the job again, or do what it had been asked, or give it up.

    Args:
        lease: under which the process ran; nothing happens if another one holds the job by now.
        why: what happened to the process, for the error message.
        blame: whether the job itself may be the cause; a process that somebody killed is no reason to give a job up.

    Returns:
        The job as it is now; None if it was not live under that lease.
    """
    found = select(Job).where(Job.id == job_id, Job.lease == lease, Job.state.in_(LIVE)).with_for_update()
    job = await session.scalar(found)
    if job is None:
        return None
    values: dict[str, Any] = dict(_IDLE)
    if job.wanted == Wanted.CANCEL:
        values |= {"state": JobState.CANCELLED, "finished_at": func.clock_timestamp()}
    elif job.wanted == Wanted.PAUSE:
        values |= {"state": JobState.PAUSED}
    elif blame and job.stalled_attempts >= MAX_STALLED_ATTEMPTS:
        error = {
            "code": "ProcessDied",
            "message": f"The job's process died {job.stalled_attempts} times without getting further: {why}.",
            "remedy": "Read the job's log. If the machine ran out of memory, choose smaller sizes; then retry.",
        }
        values |= {"state": JobState.FAILED, "finished_at": func.clock_timestamp(), "error": error}
    else:
        stalled = job.stalled_attempts if blame else max(0, job.stalled_attempts - 1)
        values |= {"state": JobState.QUEUED, "stalled_attempts": stalled}
    await session.execute(update(Job).where(Job.id == job_id).values(values))
    return await get(session, job_id)


async def makes(session: Session, kind: str, name: str, *, except_subject: str | None = None) -> bool:
    """Whether a job that has not ended is to make something of that name; others ask after this transaction."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"mistudio:{kind}:{name}"})
    waiting = (JobState.QUEUED, JobState.PAUSED, *LIVE)
    found = select(Job.id).where(Job.kind == kind, Job.state.in_(waiting), Job.request["name"].astext == name)
    if except_subject:
        found = found.where(Job.subject.is_distinct_from(except_subject))
    return (await session.scalar(found.limit(1))) is not None


async def unfinished(session: Session) -> list[Job]:
    """Jobs that run, wait or are set aside."""
    states = (JobState.QUEUED, JobState.PAUSED, *LIVE)
    return list(await session.scalars(select(Job).where(Job.state.in_(states)).order_by(Job.created_at)))


async def lock_inputs(session: Session) -> None:
    """Let no other ask for a job, or for a deletion, while this transaction lasts: neither would see the other."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('mistudio:inputs'))"))


async def deletions(session: Session) -> list[Job]:
    """Deletions that have not ended."""
    return [job for job in await unfinished(session) if job.kind == "delete"]


async def queues_with_work(session: Session) -> list[str]:
    """Queues in which a job waits."""
    return list(await session.scalars(select(Job.queue).where(Job.state == JobState.QUEUED).distinct()))


async def remove(session: Session, job_id: str) -> bool:
    """Forget a job that has ended; False if it has not."""
    deleted: CursorResult[Any] = await session.execute(  # type: ignore[assignment]
        text("DELETE FROM jobs WHERE id = :id AND state NOT IN ('queued', 'running', 'pausing', 'paused')"),
        {"id": job_id},
    )
    return bool(deleted.rowcount)
