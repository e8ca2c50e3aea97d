"""The demo, and the road that it walks: what exists at each step, and what to do next."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from mistudio.demo.config import DemoConfig
from mistudio.studio.http.admission import check_one_demo
from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.road import Road, road
from mistudio.studio.http.schemas import Data
from mistudio.studio.queue.enqueue import DEVICE, create
from mistudio.studio.queue.reconcile import reconcile
from mistudio.studio.queue.requests import Demo

router = APIRouter(tags=["road"])


@router.get("/road")
async def get_road(studio: Studio, transaction: Transaction) -> Data[Road]:
    """What exists at each step of the road, what runs, and what to do next."""
    transaction.changed += await reconcile(transaction.session, studio.settings)
    return Data(data=await road(transaction.session))


@router.post("/demo", status_code=202, responses=errors(409, 503, 507))
async def start_demo(
    studio: Studio,
    transaction: Transaction,
    config: Annotated[DemoConfig | None, Body(examples=[{}, {"recorded_tokens": 100_000}])] = None,
) -> Data[Accepted]:
    """Walk the whole road on a small real model and real text; what an earlier walk finished is used again."""
    await check_one_demo(transaction.session)
    request = Demo(config=config or DemoConfig())
    check_fit(await estimate_out(studio, transaction.session, request))
    job = await create(transaction.session, studio.settings, request, title="Demo", device=DEVICE)
    transaction.created.append(job)
    return Data(data=accepted(job))
