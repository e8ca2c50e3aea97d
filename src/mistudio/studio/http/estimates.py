"""What a job will need, as the API shows it, and whether this machine has that."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from mistudio.errors import DiskFull, EngineUnavailable, MistudioError, NotEnoughMemory
from mistudio.hardware import Part
from mistudio.studio.db import jobs
from mistudio.studio.db.session import Session
from mistudio.studio.engine.memory import available_bytes
from mistudio.studio.engine.messages import Loaded
from mistudio.studio.http.dependencies import StudioState
from mistudio.studio.http.schemas import ApiModel
from mistudio.studio.queue.enqueue import DEVICE
from mistudio.studio.queue.estimates import estimate
from mistudio.studio.queue.inputs import train_inputs
from mistudio.studio.queue.requests import Request, Train
from mistudio.studio.sampling.gpus import Gpus
from mistudio.training.advice import advice

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
    advice: list[str]
    """Of a training: what is likely to go wrong with it, a sentence each. It can be started all the same."""


async def estimate_out(studio: StudioState, session: Session, request: Request) -> EstimateOut:
    """What a job of this request would need, beside what there is.

    Raises:
        NotFound, BadInput, HookMissing, EmptyCorpus: the request cannot work.
    """
    gpus = await asyncio.to_thread(_GPUS.sample)
    device = "cuda" if gpus else "cpu"
    needed = await estimate(session, request, device)
    on_host, on_device = await _given_back(studio, session)
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
        advice=await _advice(session, request),
    )


async def _advice(session: Session, request: Request) -> list[str]:
    if not isinstance(request, Train):
        return []
    found = await train_inputs(session, request)
    return [each.sentence for each in advice(found.request.config, found.d_in, found.tokens)]


def check_fit(needed: EstimateOut) -> None:
    """Refuse what this machine has not the memory or the disk for.

    Raises:
        NotEnoughMemory, DiskFull: with the numbers.
    """
    _check(NotEnoughMemory, "memory", needed.memory, needed.memory_available_bytes)
    if needed.device_memory_available_bytes is not None:
        _check(NotEnoughMemory, "GPU memory", needed.device_memory, needed.device_memory_available_bytes)
    _check(DiskFull, "disk", needed.disk, needed.disk_free_bytes)


def _check(refusal: type[MistudioError], where: str, parts: Sequence[EstimatePart], there: int) -> None:
    wanted = sum(part.bytes for part in parts)
    if wanted > there:
        largest = max(parts, key=lambda part: part.bytes)
        raise refusal(
            f"This needs {_size(wanted)} of {where}, and {_size(there)} can be had; "
            f"the largest part is {largest.name} with {_size(largest.bytes)}.",
            remedy=f"Choose smaller sizes, or free some {where}.",
            details={"needed_bytes": wanted, "available_bytes": there, "parts": {p.name: p.bytes for p in parts}},
        )


async def _given_back(studio: StudioState, session: Session) -> tuple[int, int]:
    """Memory of the machine and of the GPU that will be free when the job's turn comes.

    That is what idle models in the engine take, and the jobs that hold the same slot.
    """
    idle = [each for each in await _loaded(studio) if not each.in_use]
    on_host = sum(each.bytes for each in idle if each.device == "cpu")
    on_device = sum(each.bytes for each in idle if each.device != "cpu")
    for job in await jobs.live(session):
        if job.device == DEVICE and job.host == socket.gethostname() and job.pid:
            with suppress(psutil.NoSuchProcess):
                on_host += psutil.Process(job.pid).memory_info().rss
    return on_host, on_device


async def _loaded(studio: StudioState) -> tuple[Loaded, ...]:
    """What the engine holds; nothing where it does not run."""
    if not Path(studio.settings.engine_address.removeprefix("unix:")).exists():
        return ()
    with suppress(EngineUnavailable, TimeoutError):
        return (await asyncio.wait_for(studio.engine.status(), _ENGINE_SECONDS)).loaded
    return ()


def _parts(parts: tuple[Part, ...]) -> list[EstimatePart]:
    return [EstimatePart.model_validate(part) for part in parts]


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**29 else f"{count / 2**20:.0f} MiB"
