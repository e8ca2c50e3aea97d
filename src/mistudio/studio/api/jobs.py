"""Jobs: what runs, what waits, what became of it; pause, resume, cancel, retry."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request
from pydantic import Field

from mistudio.config import Config
from mistudio.errors import NotAllowedNow
from mistudio.studio.db import jobs
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.http.admission import check_retry
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.jobs import JobOut, job_out
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.queue import commands
from mistudio.studio.queue.reconcile import reconcile

router = APIRouter(prefix="/jobs", tags=["jobs"])
_LOG_BYTES = 65_536


class JobLog(ApiModel):
    """A piece of a job's log."""

    text: str
    offset: int
    """Where the piece begins, in bytes."""
    next_offset: int
    """Where the next one begins."""


class JobChange(Config):
    """What can be changed of a job."""

    priority: int = Field(ge=-10, le=10)
    """Higher ones go first; 10 runs next."""


class JobCounts(ApiModel):
    """Jobs in each state."""

    counts: dict[str, int]


@router.get("")
async def list_jobs(
    studio: Studio,
    transaction: Transaction,
    paging: Paged,
    state: Annotated[list[JobState] | None, Query(description="Only these states; may be repeated.")] = None,
    kind: Annotated[list[str] | None, Query(description="Only these kinds; may be repeated.")] = None,
    sortBy: Literal["created_at", "started_at", "finished_at", "title", "state"] = "created_at",
) -> Page[JobOut]:
    """All jobs, newest first."""
    transaction.changed += await reconcile(transaction.session, studio.settings)
    found, total = await jobs.page(
        transaction.session,
        states=[each.value for each in state or ()],
        kinds=kind or (),
        search=paging.search,
        sort=sortBy,
        descending=paging.descending,
        offset=paging.offset,
        limit=paging.limit,
    )
    return paging.of(map(job_out, found), total)


@router.get("/counts")
async def count_jobs(transaction: Transaction) -> Data[JobCounts]:
    """How many jobs are in each state."""
    return Data(data=JobCounts(counts=await jobs.counts(transaction.session)))


@router.get("/{job_id}", responses=errors(404))
async def get_job(job_id: str, studio: Studio, transaction: Transaction) -> Data[JobOut]:
    """One job."""
    transaction.changed += await reconcile(transaction.session, studio.settings)
    return Data(data=job_out(await commands.find(transaction.session, job_id)))


@router.patch("/{job_id}", responses=errors(404, 409))
async def change_job(
    job_id: str, change: Annotated[JobChange, Body(examples=[{"priority": 10}])], transaction: Transaction
) -> Data[JobOut]:
    """Let a job that waits go before or after the others of its queue."""
    return Data(data=job_out(await commands.set_priority(transaction.session, job_id, change.priority)))


@router.get("/{job_id}/log", responses=errors(404))
async def read_log(
    job_id: str,
    studio: Studio,
    transaction: Transaction,
    offset: Annotated[int | None, Query(ge=0, description="First byte; the last 64 KiB where not given.")] = None,
) -> Data[JobLog]:
    """A piece of what the job said, at most 64 KiB."""
    job = await commands.find(transaction.session, job_id)
    path = studio.settings.jobs_dir / job.id / "log.txt"
    size = path.stat().st_size if path.is_file() else 0
    begin = max(0, size - _LOG_BYTES) if offset is None else min(offset, size)
    piece = b""
    if size:
        with path.open("rb") as file:
            file.seek(begin)
            piece = file.read(_LOG_BYTES)
    return Data(data=JobLog(text=piece.decode(errors="replace"), offset=begin, next_offset=begin + len(piece)))


@router.post("/{job_id}/pause", responses=errors(404, 409))
async def pause_job(job_id: str, transaction: Transaction) -> Data[JobOut]:
    """Let the job save what it has and wait; refused while it runs and could only begin again (see `can_pause`)."""
    return Data(data=job_out(await commands.pause(transaction.session, job_id)))


@router.post("/{job_id}/resume", responses=errors(404, 409))
async def resume_job(job_id: str, transaction: Transaction) -> Data[JobOut]:
    """Put a paused job back into its queue."""
    job = await commands.resume(transaction.session, job_id)
    transaction.created.append(job)
    return Data(data=job_out(job))


@router.post("/{job_id}/cancel", responses=errors(404, 409))
async def cancel_job(job_id: str, transaction: Transaction) -> Data[JobOut]:
    """Give the job up: its process ends within two seconds."""
    job = await commands.cancel(transaction.session, job_id)
    transaction.changed.append(job)
    return Data(data=job_out(job))


@router.post("/{job_id}/retry", status_code=202, responses=errors(403, 404, 409, 429, 503, 507))
async def retry_job(job_id: str, request: Request, studio: Studio, transaction: Transaction) -> Data[JobOut]:
    """Start a failed or cancelled job once more, with the same configuration.

    It takes the role, and is checked against the limits and the room, that starting it anew would be.
    """
    before = await commands.retryable(transaction.session, job_id)
    await check_retry(request, studio, transaction.session, before)
    job = await commands.retry(transaction.session, studio.settings, job_id)
    transaction.created.append(job)
    return Data(data=job_out(job))


@router.delete("/{job_id}", responses=errors(404, 409))
async def forget_job(job_id: str, transaction: Transaction) -> Data[JobOut]:
    """Remove a job that has ended from the list, with its log; what it made stays."""
    job = await commands.find(transaction.session, job_id)
    if not await jobs.remove(transaction.session, job_id):
        raise NotAllowedNow(f"The job is {job.state}, so it cannot be removed.", remedy="Cancel it first.")
    transaction.forgotten.append(job)
    return Data(data=job_out(job))
