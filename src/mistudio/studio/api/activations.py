"""Recordings of activations."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query

from mistudio.studio.db import artifacts
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.recordings import RecordingOut, recordings_out
from mistudio.studio.http.schemas import Data, Page
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.enqueue import DEVICE, create
from mistudio.studio.queue.inputs import row_of, trace_inputs
from mistudio.studio.queue.names import free_name, slug
from mistudio.studio.queue.requests import Trace

router = APIRouter(prefix="/recordings", tags=["recordings"])

_EXAMPLE = {
    "kind": "trace",
    "model_id": "model-75a4175741ed",
    "tokenization_id": "tokens-69310e249235",
    "config": {"hooks": ["resid_post.15"], "max_tokens": 700_000},
}


@router.get("")
async def list_recordings(
    transaction: Transaction,
    paging: Paged,
    model_id: Annotated[str | None, Query(description="Only those of this model.")] = None,
    tokenization_id: Annotated[str | None, Query(description="Only those of this text.")] = None,
    sortBy: Literal["created_at", "name", "bytes", "tokens"] = "created_at",
) -> Page[RecordingOut]:
    """All recordings, newest first."""
    where = {"model_id": model_id, "tokenization_id": tokenization_id}
    rows, total = await artifacts.page(
        transaction.session, "recording", search=paging.search, where={k: v for k, v in where.items() if v is not None},
        sort=sortBy, descending=paging.descending, offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of(await recordings_out(transaction.session, rows), total)


@router.post("", status_code=202, responses=errors(404, 409, 503, 507))
async def record(
    request: Annotated[Trace, Body(examples=[_EXAMPLE])], studio: Studio, transaction: Transaction
) -> Data[Accepted]:
    """Record what stands at hook points of a model while it reads a text.

    Refused with the numbers where this machine has not the memory (503) or the disk (507).
    """
    session = transaction.session
    found = await trace_inputs(session, request)
    check_fit(await estimate_out(studio, session, request))
    wanted = slug(found.model.name, found.tokenization.name, *request.config.hooks)
    named = request.model_copy(
        update={
            "name": request.name or await free_name(session, studio.settings, request, wanted),
            "model_id": found.model.id,
            "tokenization_id": found.tokenization.id,
        }
    )
    job = await create(session, studio.settings, named, title=f"Record {named.name}", device=DEVICE)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/{recording_id}", responses=errors(404))
async def get_recording(recording_id: str, transaction: Transaction) -> Data[RecordingOut]:
    """One recording."""
    row = await row_of(transaction.session, "recording", recording_id)
    return Data(data=(await recordings_out(transaction.session, [row]))[0])


@router.delete("/{recording_id}", status_code=202, responses=errors(404, 409))
async def delete_recording(
    recording_id: str,
    studio: Studio,
    transaction: Transaction,
    force: Annotated[bool, Query(description="Also if SAEs were trained on it; they stay.")] = False,
) -> Data[Accepted]:
    """Remove a recording from the store."""
    row = await row_of(transaction.session, "recording", recording_id)
    job = await request_deletion(transaction.session, studio.settings, "recording", row.id, row.name, force=force)
    transaction.created.append(job)
    return Data(data=accepted(job))
