"""What the engine does when it is called. Knows no gRPC: server.py brings the calls here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mistudio.config import Config
from mistudio.errors import BadInput
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.description import ModelDescription
from mistudio.progress import StopSwitch
from mistudio.studio.engine import memory
from mistudio.studio.engine.confinement import Confinement
from mistudio.studio.engine.entry import Entry
from mistudio.studio.engine.messages import (
    ActivationsRequest,
    EngineStatus,
    GenerateEvent,
    GenerateRequest,
    LoadedList,
    Loading,
    LoadRequest,
    Room,
    RoomRequest,
    Row,
    ShutdownRequest,
    Started,
    StatusRequest,
    Step,
    Stopping,
    TextActivations,
    UnloadRequest,
    Waiting,
)
from mistudio.studio.engine.residency import Residency, has_torch

if TYPE_CHECKING:
    from mistudio.steering.compare import Comparison
    from mistudio.studio.engine.inference import HeldModel, HeldSae

_LINGER_SECONDS = 60.0
"""How long torch is kept in memory with nothing loaded, for the next model to be described."""

Tell = Callable[[GenerateEvent], None]


@dataclass(frozen=True)
class Caller:
    """Who calls."""

    name: str
    """Those who share a name share a place in the queues."""
    send: Callable[[Config], Awaitable[None]]
    """Sends one of many answers."""


class Methods:
    """The calls, one method each.

    Args:
        home: the studio's home.
        stop: called once to end the process; True starts it anew, to give its memory back.
    """

    def __init__(self, home: Path, residency: Residency, stop: Callable[[bool], None]) -> None:
        self._inside = Confinement(home)
        self._residency = residency
        self._stop = stop
        self._started_at = time.time()
        self._working = 0
        self._worked_at = time.monotonic()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Around every call but questions for the status: while one lasts, the process is not started anew."""
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            self._worked_at = time.monotonic()

    async def rest(self) -> None:
        """Unload what is idle, and start anew if that leaves nothing."""
        await self._residency.unload_idle()
        linger = min(_LINGER_SECONDS, self._residency.idle_seconds)
        if self._working == 0 and self._is_dead_weight() and time.monotonic() - self._worked_at >= linger:
            self._stop(True)

    async def status(self, _: StatusRequest, __: Caller) -> EngineStatus:
        """What is loaded, and who waits."""
        return EngineStatus(
            version=version("mistudio"),
            pid=os.getpid(),
            started_at=self._started_at,
            idle_unload_seconds=self._residency.idle_seconds,
            loaded=self._residency.loaded(),
            loading=self._residency.loading,
            running=self._residency.running,
            waiting=self._residency.waiting,
            resident_bytes=memory.resident_bytes(),
            available_bytes=memory.available_bytes(),
        )

    async def load(self, request: LoadRequest, _: Caller) -> LoadedList:
        """Load a model, and with it an SAE."""
        model, sae = self._model_path(request.model), self._path(request.sae)
        async with contextlib.AsyncExitStack() as held:
            entry = await held.enter_async_context(self._residency.model(request.model, model))
            if sae is not None:
                await held.enter_async_context(self._residency.sae(sae, entry.device))
        return LoadedList(items=self._residency.loaded())

    async def unload(self, request: UnloadRequest, _: Caller) -> LoadedList:
        """Unload what is idle of a path or of everything, and say what is left."""
        await self._residency.unload(None if request.path is None else self._inside.resolved(request.path))
        self._start_anew_if_empty()
        return LoadedList(items=self._residency.loaded())

    async def describe(self, config: ModelConfig, _: Caller) -> ModelDescription:
        """Describe a model of the Hub or of a directory, which may be anywhere: only its configuration is read."""
        _check_trust(config)

        def describe() -> ModelDescription:
            from mistudio.studio.engine import inference

            return inference.describe(config)

        return await self._residency.run(describe)

    async def activations(self, request: ActivationsRequest, caller: Caller) -> TextActivations:
        """How active latents are on every token of a text."""
        model_path, sae_path = self._model_path(request.model), self._inside.check(request.sae)

        def look() -> TextActivations:
            from mistudio.studio.engine import inference

            return inference.activations(model.held, sae.held, request)

        async with (
            self._residency.model(request.model, model_path) as model,
            self._residency.sae(sae_path, model.device) as sae,
            model.turns.turn(caller.name),
        ):
            return await self._residency.run(look)

    async def generate(self, request: GenerateRequest, caller: Caller) -> None:
        """Write the baseline and the steered rows, and send what happens as it does."""
        events: asyncio.Queue[GenerateEvent | None] = asyncio.Queue()
        writing = asyncio.create_task(self._write(request, caller, events.put_nowait))
        writing.add_done_callback(lambda _: events.put_nowait(None))
        try:
            while (event := await events.get()) is not None:
                await caller.send(event)
            await writing
        finally:
            writing.cancel()
            await asyncio.wait([writing])

    async def make_room(self, request: RoomRequest, _: Caller) -> Room:
        """Unload what is idle until there is so much memory."""
        device = await self._residency.device(request.device)
        room = await self._residency.make_room(request.bytes, device)
        return room.model_copy(update={"restarts": self._start_anew_if_empty()})

    async def shutdown(self, _: ShutdownRequest, __: Caller) -> Stopping:
        """End the process."""
        self._stop(False)
        return Stopping(cut_off=self._working - 1)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────

    async def _write(self, request: GenerateRequest, caller: Caller, tell: Tell) -> None:
        model_path, sae_path = self._model_path(request.model), self._inside.check(request.sae)
        features = self._path(request.features)

        def on_loading(path: str) -> None:
            tell(GenerateEvent(loading=Loading(path=path)))

        async with (
            self._residency.model(request.model, model_path, on_loading) as model,
            self._residency.sae(sae_path, model.device, on_loading) as sae,
        ):
            if ahead := model.turns.ahead_of(caller.name):
                tell(GenerateEvent(waiting=Waiting(ahead=ahead)))
            async with model.turns.turn(caller.name):
                comparison = await self._steer(model, sae, features, request, tell)
        tell(GenerateEvent(finished=comparison))

    async def _steer(
        self,
        model: Entry[HeldModel],
        sae: Entry[HeldSae],
        features: Path | None,
        request: GenerateRequest,
        tell: Tell,
    ) -> Comparison:
        from mistudio.studio.engine import inference  # loaded by now

        needed = await self._residency.run(lambda: inference.writing_bytes(model.held, request))
        await self._residency.reserve(needed, model.device, "This batch")
        specs = (None, *range(len(request.specs)))
        rows = [Row(prompt=prompt, spec=spec) for prompt in range(len(request.prompts)) for spec in specs]
        tell(GenerateEvent(started=Started(rows=tuple(rows))))
        loop, switch = asyncio.get_running_loop(), StopSwitch()

        def on_step(step: Step) -> None:
            loop.call_soon_threadsafe(tell, GenerateEvent(step=step))

        def steer() -> Comparison:
            return inference.generate(model.held, sae.held, features, request, on_step, switch)

        return await self._residency.run(steer, stop=switch.cancel)

    def _model_path(self, config: ModelConfig) -> Path:
        _check_trust(config)
        return self._inside.check(config.source)

    def _path(self, path: str | None) -> Path | None:
        return None if path is None else self._inside.check(path)

    def _is_dead_weight(self) -> bool:
        """Whether the process holds nothing but torch itself."""
        return self._residency.is_empty and has_torch()

    def _start_anew_if_empty(self) -> bool:
        """Start anew at once if nothing is loaded and this call is the only one."""
        anew = self._working == 1 and self._is_dead_weight()
        if anew:
            self._stop(True)
        return anew


def _check_trust(config: ModelConfig) -> None:
    if config.trust_remote_code:
        raise BadInput(
            "The engine runs no code that comes with a model.",
            remedy="Load this model from Python or the command line, if you trust its author.",
        )
