"""Trainings. A training's state is that of its newest job; one that the command line ran has none, and is finished."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, and_, func, or_, select, true
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from mistudio.studio.db.base import Base, new_id
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session


class Training(Base):
    """A training run, from the request on."""

    __tablename__ = "trainings"

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("training"))
    name: Mapped[str] = mapped_column(String(128), unique=True)
    """Of the SAE that it makes."""
    request: Mapped[dict[str, Any]]
    """The train request; of a run of the command line, what its manifest says."""
    model_name: Mapped[str]
    hook: Mapped[str]
    d_in: Mapped[int]
    """Width of the activations."""
    total_steps: Mapped[int]
    sae_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("saes.id", ondelete="SET NULL"), index=True)
    """Once it is finished."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


def channel(training_id: str) -> str:
    """The channel of a training's events, which is also its jobs' subject."""
    return f"trainings/{training_id}"


def of_channel(subject: str | None) -> str | None:
    """The id of the training that a job is about, if it is about one."""
    return subject.removeprefix("trainings/") if subject and subject.startswith("trainings/") else None


async def add(session: Session, **values: Any) -> Training | None:
    """A new training; None if there is one of that name."""
    statement = insert(Training).values(id=new_id("training"), **values)
    added = await session.scalar(statement.on_conflict_do_nothing(index_elements=["name"]).returning(Training.id))
    return None if added is None else await get(session, added)


async def get(session: Session, training_id: str) -> Training | None:
    """One training."""
    return await session.get(Training, training_id)


async def named(session: Session, name: str) -> Training | None:
    """The training of that name."""
    found: Training | None = await session.scalar(select(Training).where(Training.name == name))
    return found


async def of_saes(session: Session, sae_ids: Sequence[str]) -> dict[str, Training]:
    """The training that made each of these SAEs."""
    found = await session.scalars(select(Training).where(Training.sae_id.in_(sae_ids)))
    return {row.sae_id: row for row in found if row.sae_id}


async def page(
    session: Session,
    *,
    states: Sequence[str] = (),
    model: str | None = None,
    search: str | None = None,
    sort: str = "created_at",
    descending: bool = True,
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[tuple[Training, Job | None]], int]:
    """Some trainings, each with its newest job, and how many there are of those asked for."""
    newest = (
        select(Job)
        .where(Job.subject == func.concat("trainings/", Training.id), Job.kind == "train")
        .order_by(Job.created_at.desc())
        .limit(1)
        .lateral("newest")
    )
    job = aliased(Job, newest)
    state = func.coalesce(job.state, JobState.COMPLETED)
    wanted = select(Training, job).outerjoin(job, true())
    if states:
        wanted = wanted.where(state.in_(states))
    if model:
        wanted = wanted.where(Training.model_name == model)
    if search:
        columns = (Training.name, Training.model_name, Training.hook)
        wanted = wanted.where(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    total = await session.scalar(select(func.count()).select_from(wanted.subquery()))
    column: Any = state if sort == "state" else getattr(Training, sort)
    ordered = wanted.order_by(column.desc() if descending else column.asc(), Training.id)
    rows = await session.execute(ordered.offset(offset).limit(limit))
    return [(training, mine) for training, mine in rows], int(total or 0)


async def finalizations(session: Session, training_id: str) -> list[Job]:
    """The jobs that made SAEs from its checkpoints, or are to, newest first."""
    mine = and_(Job.subject == channel(training_id), Job.kind == "finalize")
    return list(await session.scalars(select(Job).where(mine).order_by(Job.created_at.desc())))


async def newest_job(session: Session, training_id: str) -> Job | None:
    """The job that decides a training's state; None if the command line ran it."""
    mine = and_(Job.subject == channel(training_id), Job.kind == "train")
    found: Job | None = await session.scalar(select(Job).where(mine).order_by(Job.created_at.desc()).limit(1))
    return found
