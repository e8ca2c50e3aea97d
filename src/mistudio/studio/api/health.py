"""Whether the studio works, for people, browsers and orchestrators; and its numbers, for Prometheus."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Response

from mistudio.studio.http.dependencies import Studio
from mistudio.studio.http.health import HealthReport
from mistudio.studio.http.metrics import CONTENT_TYPE
from mistudio.studio.http.schemas import ApiModel, Data

router = APIRouter(prefix="/health", tags=["health"])
numbers = APIRouter(include_in_schema=False)
_UNAVAILABLE: dict[int | str, Any] = {
    503: {"model": Data[HealthReport], "description": "The database does not answer."}
}


class Alive(ApiModel):
    """This process answers."""

    status: Literal["ok"]


@router.get("", responses=_UNAVAILABLE)
async def get_health(studio: Studio, response: Response) -> Data[HealthReport]:
    """How the studio and its parts are. Needs no token."""
    report = await studio.health.report()
    response.status_code = 503 if report.status == "down" else 200
    return Data(data=report)


@router.get("/ready", responses=_UNAVAILABLE)
async def get_readiness(studio: Studio, response: Response) -> Data[HealthReport]:
    """Whether requests can be answered: what the database decides. Needs no token."""
    return await get_health(studio, response)


@router.get("/live")
async def get_liveness() -> Data[Alive]:
    """That this process answers, whatever else is. Needs no token."""
    return Data(data=Alive(status="ok"))


@numbers.get("/metrics")
async def get_numbers(studio: Studio) -> Response:
    """The studio's numbers, as Prometheus reads them."""
    return Response(await studio.metrics.text(sockets=studio.live.count), media_type=CONTENT_TYPE)
