"""Memory for a job that loads tensors: idle models in the engine make room, and what does not fit is not begun."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import psutil

from mistudio.errors import EngineUnavailable, NotEnoughMemory
from mistudio.studio.engine.client import EngineClient
from mistudio.studio.engine.memory import available_bytes
from mistudio.studio.queue.context import JobContext
from mistudio.studio.queue.estimates import estimate
from mistudio.studio.queue.requests import Request
from mistudio.studio.settings import Settings

_ENGINE_SECONDS = 1.0
log = logging.getLogger("job")


def make_room(context: JobContext, request: Request, device: str) -> None:
    """Let the engine unload what is idle, if the request's work needs that memory.

    Args:
        device: where the work will run: `cpu`, `cuda`.

    Raises:
        NotEnoughMemory: there is too little even so.
    """
    needed = context.portal.run(lambda session: estimate(session, request, device))
    # A part of the estimate is this process, which is there already.
    on_host = max(0, needed.memory_bytes - psutil.Process().memory_info().rss)
    for where, wanted in (("cpu", on_host), (device, needed.device_memory_bytes)):
        if wanted and not (where == "cpu" and available_bytes() >= wanted):
            asyncio.run(_ask_engine(context.settings, wanted, where))
    if (there := available_bytes()) < on_host:
        raise NotEnoughMemory(
            f"This needs {on_host / 2**30:.1f} GiB more memory, and {there / 2**30:.1f} GiB are free now.",
            remedy="End what uses the memory, or choose smaller sizes; then retry.",
            details={"needed_bytes": on_host, "available_bytes": there},
        )


async def _ask_engine(settings: Settings, wanted: int, device: str) -> None:
    path = Path(settings.engine_address.removeprefix("unix:"))
    if not path.exists():
        return
    try:
        async with EngineClient(settings.engine_address, connect_seconds=_ENGINE_SECONDS) as engine:
            room = await engine.make_room(wanted, device)
    except EngineUnavailable as error:
        log.info("The engine was not asked to make room: %s", error.message)
        return
    if room.unloaded:
        log.info("The engine unloaded %s to make room.", ", ".join(Path(each).name for each in room.unloaded))
