"""The machine: what it is, how it is now, and how it was in the last hour."""

from __future__ import annotations

import asyncio
import platform
import socket
from importlib.metadata import version
from typing import Annotated, Literal

from fastapi import APIRouter, Query

from mistudio.errors import NotFound
from mistudio.hardware import memory_bytes
from mistudio.studio.db import samples
from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.events.catalogue import MachineSample
from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.schemas import ApiModel, Data
from mistudio.studio.sampling.history import SystemHistory
from mistudio.studio.sampling.machine import SAMPLE_SECONDS

router = APIRouter(prefix="/system", tags=["system"])
_FRESH_SECONDS = 10.0
Host = Annotated[str | None, Query(max_length=255, description="A machine of the studio; this one where not given.")]


class GpuInfo(ApiModel):
    """A GPU."""

    index: int
    name: str
    memory_total_bytes: int


class SystemInfo(ApiModel):
    """The studio and the machine that answers."""

    version: str
    """Of miStudio."""
    host: str
    platform: str
    python: str
    cpu_cores: int
    """Cores that may be used."""
    memory_total_bytes: int
    """Memory that may be used."""
    gpus: list[GpuInfo]
    home: str
    """Folder of the artifacts, the database and the logs."""
    disk_free_bytes: int
    disk_total_bytes: int
    """Of the disk that holds the home."""
    database: Literal["embedded", "external"]
    """Whether PostgreSQL is the studio's own."""
    queue: Literal["files", "redis"]
    """What carries the messages to the workers."""
    listens_elsewhere: bool
    """Whether other machines can reach the studio."""
    wants_token: bool
    api_processes: int
    workers: int


@router.get("/info")
async def get_system_info(studio: Studio) -> Data[SystemInfo]:
    """What the studio is and what it runs on."""
    settings, now = studio.settings, await asyncio.to_thread(studio.machine.sample)
    embedded = EmbeddedPostgres(settings.postgres_dir).url
    return Data(
        data=SystemInfo(
            version=version("mistudio"),
            host=now.host,
            platform=platform.platform(),
            python=platform.python_version(),
            cpu_cores=len(now.cores),
            memory_total_bytes=min(memory_bytes(), now.memory_total_bytes),
            gpus=[GpuInfo.model_validate(gpu) for gpu in now.gpus],
            home=str(settings.home),
            disk_free_bytes=now.disk_free_bytes,
            disk_total_bytes=now.disk_total_bytes,
            database="embedded" if settings.database_url in (None, embedded) else "external",
            queue="redis" if settings.redis_url else "files",
            listens_elsewhere=settings.listens_elsewhere,
            wants_token=bool(settings.tokens),
            api_processes=settings.api_processes,
            workers=settings.workers,
        )
    )


@router.get("/metrics", responses=errors(404))
async def get_system_metrics(studio: Studio, transaction: Transaction, host: Host = None) -> Data[MachineSample]:
    """How the machine is; the channel `system/metrics` tells the same every two seconds."""
    row = await samples.latest(transaction.session, host or socket.gethostname(), within_seconds=_FRESH_SECONDS)
    if row is not None:
        return Data(data=MachineSample.model_validate(row.sample))
    if host not in (None, socket.gethostname()):
        raise _unknown(host)
    return Data(data=await asyncio.to_thread(studio.machine.sample))


@router.get("/history", responses=errors(404))
async def get_system_history(
    studio: Studio,
    transaction: Transaction,
    host: Host = None,
    minutes: Annotated[float, Query(gt=0, le=60, description="How far back.")] = 60,
    points: Annotated[int, Query(ge=2, le=1800, description="At most so many times.")] = 360,
) -> Data[SystemHistory]:
    """How the machine was, in columns for charts."""
    known = await samples.hosts(transaction.session)
    if host is not None and host not in known:
        raise _unknown(host)
    name = host or socket.gethostname()
    step = max(SAMPLE_SECONDS, minutes * 60 / points)
    return Data(data=await studio.histories.of(transaction.session, name, known, minutes=minutes, step_seconds=step))


def _unknown(host: str | None) -> NotFound:
    return NotFound(f"Nothing is known of a machine {host!r}.", remedy="Choose one of `hosts` in the history.")
