"""What a job will need, as the API shows it, and whether this machine has that."""

from __future__ import annotations

import asyncio
import shutil
import socket
from contextlib import suppress
from pathlib import Path

import psutil

from mistudio.errors import EngineUnavailable, NotEnoughMemory
from mistudio.hardware import Part
from mistudio.studio.db import jobs
from mistudio.studio.db.session import Session
from mistudio.studio.engine.memory import available_bytes
from mistudio.studio.http.dependencies import StudioState
from mistudio.studio.http.schemas import ApiModel
from mistudio.studio.queue.enqueue import DEVICE
from mistudio.studio.queue.estimates import estimate
from mistudio.studio.queue.requests import Request
from mistudio.studio.sampling.gpus import Gpus

_GPUS = Gpus()
_ENGINE_SECONDS = 0.5


class EstimatePart(ApiModel):
    """One part of what is needed."""

    name: str
    bytes: int
    meaning: str
    """What it is, and what decides its size."""


class EstimateOut(ApiModel):
    """What a job will need."""

    kind: str
    memory: list[EstimatePart]
    memory_bytes: int
    """Of the machine, all parts at the same time."""
    device: str
    """Where the tensors lie: `cpu`, `cuda`."""
    device_memory: list[EstimatePart]
    """Of the GPU; empty where there is none."""
    device_memory_bytes: int
    disk: list[EstimatePart]
    disk_bytes: int
    seconds: float | None
    """Null where nobody knows yet."""
    seconds_basis: str
    """What the time was derived from, or why it is not known."""
    facts: dict[str, float]
    """Numbers that follow from the request, such as steps, d_sae, learning_rate, passes."""
    memory_available_bytes: int
    """What can be taken now, with what the engine and the jobs before it will have given back."""
    device_memory_available_bytes: int | None
    disk_free_bytes: int
    fits: bool
    problems: list[str]
    """What does not fit, in words."""


async def estimate_out(studio: StudioState, session: Session, request: Request) -> EstimateOut:
    """What a job of this request would need, beside what there is.

    Raises:
        NotFound, BadInput, HookMissing, EmptyCorpus: the request cannot work.
    """
    gpus = await asyncio.to_thread(_GPUS.sample)
    device = "cuda" if gpus else "cpu"
    needed = await estimate(session, request, device)
    on_host, on_device = await _given_back(studio, session, device)
    memory = available_bytes() + on_host
    device_memory = gpus[0].memory_total_bytes - gpus[0].memory_used_bytes + on_device if gpus else None
    disk = shutil.disk_usage(_existing(studio.settings.home)).free
    problems = [
        f"{what} needs {_size(wanted)}, and there is {_size(there)}."
        for what, wanted, there in (
            ("The memory", needed.memory_bytes, memory),
            ("The GPU's memory", needed.device_memory_bytes, device_memory),
            ("The disk", needed.disk_bytes, disk),
        )
        if there is not None and wanted > there
    ]
    return EstimateOut(
        kind=str(type(request).model_fields["kind"].default),
        memory=_parts(needed.memory),
        memory_bytes=needed.memory_bytes,
        device=device,
        device_memory=_parts(needed.device_memory),
        device_memory_bytes=needed.device_memory_bytes,
        disk=_parts(needed.disk),
        disk_bytes=needed.disk_bytes,
        seconds=needed.seconds,
        seconds_basis=needed.seconds_basis,
        facts=dict(needed.facts),
        memory_available_bytes=memory,
        device_memory_available_bytes=device_memory,
        disk_free_bytes=disk,
        fits=not problems,
        problems=problems,
    )


def check_fit(needed: EstimateOut) -> None:
    """Refuse what this machine has not the memory for.

    Raises:
        NotEnoughMemory: with the numbers.
    """
    device = needed.device_memory_available_bytes
    for where, wanted, there in (
        ("memory", needed.memory_bytes, needed.memory_available_bytes),
        ("GPU memory", needed.device_memory_bytes, device),
    ):
        if there is not None and wanted > there:
            parts = needed.memory if where == "memory" else needed.device_memory
            largest = max(parts, key=lambda part: part.bytes)
            raise NotEnoughMemory(
                f"This needs {_size(wanted)} of {where}, and {_size(there)} can be had; "
                f"the largest part is the {largest.name} with {_size(largest.bytes)}.",
                remedy="Choose fewer latents, a smaller buffer or smaller batches, or end what uses the memory.",
                details={"needed_bytes": wanted, "available_bytes": there, "parts": {p.name: p.bytes for p in parts}},
            )


async def _given_back(studio: StudioState, session: Session, device: str) -> tuple[int, int]:
    """Memory of the machine and of the GPU that will be free when the job's turn comes.

    That is what idle models in the engine take, and the jobs that hold the same slot.
    """
    on_host = on_device = 0
    # An engine that does not run holds nothing.
    with suppress(EngineUnavailable, TimeoutError):
        status = await asyncio.wait_for(studio.engine.status(), _ENGINE_SECONDS)
        idle = [each for each in status.loaded if not each.in_use]
        on_host = sum(each.bytes for each in idle if each.device == "cpu")
        on_device = sum(each.bytes for each in idle if each.device != "cpu")
    for job in await jobs.live(session):
        if job.device == DEVICE and job.host == socket.gethostname() and job.pid:
            with suppress(psutil.NoSuchProcess):
                on_host += psutil.Process(job.pid).memory_info().rss
    return on_host, on_device if device != "cpu" else 0


def _parts(parts: tuple[Part, ...]) -> list[EstimatePart]:
    return [EstimatePart.model_validate(part) for part in parts]


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.0f} MiB"
