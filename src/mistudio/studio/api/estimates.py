"""What a job would need, asked before it is started."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from mistudio.studio.http.admission import with_sources
from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import EstimateOut, estimate_out
from mistudio.studio.http.schemas import Data
from mistudio.studio.queue.requests import JobRequest

router = APIRouter(prefix="/jobs", tags=["jobs"])
_EXAMPLE = {
    "kind": "train",
    "model_id": "smollm2",
    "tokenization_id": "letters-smollm2",
    "hook": "resid_post.15",
    "config": {"tokens": 2_000_000},
}


@router.post("/estimate", responses=errors(403, 404))
async def estimate_job(
    request: Annotated[JobRequest, Body(examples=[_EXAMPLE])], studio: Studio, transaction: Transaction
) -> Data[EstimateOut]:
    """What a job would need: memory, disk and time. Nothing is started."""
    wanted = await with_sources(studio.settings, request.root)
    return Data(data=await estimate_out(studio, transaction.session, wanted))
