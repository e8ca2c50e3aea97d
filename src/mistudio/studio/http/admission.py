"""What is checked before work is taken on, at first and when it is retried: role, sources, limits and room."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from fastapi import Request as HttpRequest

from mistudio.errors import Forbidden, NotAllowedNow
from mistudio.studio.db import jobs
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.session import Session
from mistudio.studio.http.auth import role_in
from mistudio.studio.http.dependencies import StudioState
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.paths import source_of
from mistudio.studio.http.rate_limits import COUNT
from mistudio.studio.queue.requests import DatasetAdd, Delete, Demo, JobRequest, ModelAdd, Request
from mistudio.studio.settings import Role, Settings

AnyKind = TypeVar("AnyKind", bound=Request)


def check_role(settings: Settings, headers: Any, request: Request) -> None:
    """Let only admins delete, and run a model's own code.

    Raises:
        Forbidden: the sender is no admin.
    """
    if role_in(settings, headers) == Role.ADMIN:
        return
    if isinstance(request, Delete):
        raise Forbidden("Only an admin may delete.", remedy="Ask an admin of this studio.")
    if isinstance(request, ModelAdd) and request.config.trust_remote_code:
        raise Forbidden("Only an admin may let a model's own code run here.", remedy="Leave out trust_remote_code.")


async def check_one_demo(session: Session) -> None:
    """Let one demo walk at a time.

    Raises:
        NotAllowedNow: one has not ended.
    """
    for job in await jobs.unfinished(session):
        if job.kind == "demo":
            raise NotAllowedNow(
                f"The demo is {job.state} already.", remedy="Watch its job, or resume or cancel that one."
            )


async def check_retry(asked: HttpRequest, studio: StudioState, session: Session, job: Job) -> None:
    """Check a job that is to be retried as if its request came anew.

    Raises:
        Forbidden: the sender's role is too low for this kind of job, or a source may not be read any more.
        TooManyRequests: it would fetch something once too often.
        NotAllowedNow: it is a second demo.
        NotFound, BadInput, HookMissing, EmptyCorpus: what it needs is gone.
        NotEnoughMemory, DiskFull: it does not fit.
    """
    request = JobRequest.model_validate(job.request).root
    check_role(studio.settings, asked.headers, request)
    if isinstance(request, DatasetAdd | ModelAdd | Demo) and (count := getattr(asked.state, COUNT, None)):
        count("downloads_per_hour")
    if isinstance(request, Demo):
        await check_one_demo(session)
    check_fit(await estimate_out(studio, session, await with_sources(studio.settings, request)))


async def with_sources(settings: Settings, request: AnyKind) -> AnyKind:
    """The request with the files that it names looked up, as they may be read.

    Raises:
        BadInput, NotFound, Forbidden: there is no such file, or it may not be read.
    """
    if isinstance(request, DatasetAdd):
        sources = tuple([await asyncio.to_thread(source_of, settings, each) for each in request.config.sources])
        return request.model_copy(update={"config": request.config.model_copy(update={"sources": sources})})
    if isinstance(request, ModelAdd):
        source = await asyncio.to_thread(source_of, settings, request.config.source)
        return request.model_copy(update={"config": request.config.model_copy(update={"source": source})})
    return request
