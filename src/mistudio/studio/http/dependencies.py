"""What endpoints ask for: the studio, a transaction, a page of a list.

async def list_jobs(studio: Studio, session: Transaction, wanted: Paging) -> Page[JobOut]: ...
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import Depends, Query, Request

from mistudio.studio.db.jobs import Job
from mistudio.studio.db.session import Database, Session
from mistudio.studio.engine.client import EngineClient
from mistudio.studio.events.sockets import LiveEvents
from mistudio.studio.http.health import Health
from mistudio.studio.http.held_features import HeldFeatures
from mistudio.studio.http.metrics import Metrics
from mistudio.studio.http.schemas import Item, Page, Pagination
from mistudio.studio.queue.celery_app import Waker
from mistudio.studio.queue.job_lock import remove_folder
from mistudio.studio.queue.leftovers import clear
from mistudio.studio.sampling.history import Histories
from mistudio.studio.sampling.machine import Machine
from mistudio.studio.settings import Settings


@dataclass
class StudioState:
    """What one API process holds."""

    settings: Settings
    database: Database
    waker: Waker
    engine: EngineClient
    machine: Machine
    live: LiveEvents
    health: Health
    metrics: Metrics
    features: HeldFeatures
    histories: Histories = field(default_factory=Histories)


# Asynchronous like every dependency here: the framework runs others in threads, which costs more than they do.
async def _studio(request: Request) -> StudioState:
    state: StudioState = request.app.state.studio
    return state


Studio = Annotated[StudioState, Depends(_studio)]


class RequestTransaction:
    """The request's transaction, and what follows from it after the commit."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.created: list[Job] = []
        """Workers are woken for them."""
        self.changed: list[Job] = []
        """What those had begun that are cancelled now is removed."""
        self.forgotten: list[Job] = []
        """Their folders are removed."""


async def _transaction(studio: Studio) -> AsyncIterator[RequestTransaction]:
    async with studio.database.session() as session:
        transaction = RequestTransaction(session)
        yield transaction
    for queue in {job.queue for job in transaction.created}:
        await studio.waker.wake_soon(queue)
    for job in transaction.changed:
        async with studio.database.session() as session:
            await clear(session, studio.settings, job)
    for job in transaction.forgotten:
        await asyncio.to_thread(remove_folder, studio.settings.jobs_dir / job.id)


# Ends before the answer is sent: who reads "created" finds it.
Transaction = Annotated[RequestTransaction, Depends(_transaction, scope="function")]


@dataclass(frozen=True)
class Paging:
    """The part of a list that is asked for."""

    page: int
    limit: int
    search: str | None
    order: Literal["asc", "desc"]

    @property
    def offset(self) -> int:
        """Items before this page."""
        return (self.page - 1) * self.limit

    @property
    def descending(self) -> bool:
        """Whether the largest or newest comes first."""
        return self.order == "desc"

    def of(self, items: Iterable[Item] | Sequence[Item], total: int) -> Page[Item]:
        """These items as an answer."""
        pagination = Pagination(page=self.page, limit=self.limit, total=total, has_next=self.page * self.limit < total)
        return Page(data=list(items), pagination=pagination)


async def _paging(
    page: Annotated[int, Query(ge=1, le=1_000_000, description="From 1.")] = 1,
    limit: Annotated[int, Query(ge=1, le=1000, description="Items a page.")] = 50,
    search: Annotated[str | None, Query(max_length=200, description="Text that must occur.")] = None,
    order: Annotated[Literal["asc", "desc"], Query(description="Direction of the sort.")] = "desc",
) -> Paging:
    return Paging(page, limit, search, order)


Paged = Annotated[Paging, Depends(_paging)]
