"""Talk to the engine.

    async with EngineClient("unix:/home/you/.mistudio/studio/run/engine.sock") as engine:
        status = await engine.status()
        async with engine.generate(request) as events:
            async for event in events:
                ...

Errors arrive as the engine raised them. A call that the engine did not take on, because it was starting, is sent again
for `connect_seconds`; one that it took on and did not answer never is.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from mistudio.config import Config
from mistudio.errors import EngineUnavailable, MistudioError
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.description import ModelDescription
from mistudio.steering.compare import Comparison
from mistudio.studio.engine import calls
from mistudio.studio.engine.calls import Call
from mistudio.studio.engine.failures import error_of
from mistudio.studio.engine.messages import (
    ActivationsRequest,
    EngineStatus,
    GenerateEvent,
    GenerateRequest,
    Loaded,
    LoadRequest,
    Room,
    RoomRequest,
    ShutdownRequest,
    StatusRequest,
    Stopping,
    TextActivations,
    UnloadRequest,
)
from mistudio.studio.engine.wire import decode, encode
from mistudio.studio.logs import current_request_id

Q = TypeVar("Q", bound=Config)
A = TypeVar("A", bound=Config)

_OPTIONS = (
    ("grpc.max_receive_message_length", calls.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", calls.MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
)
_SHORT, _LONG = 10.0, 600.0
"""Seconds that answers may take: of questions, and of work."""
_AGAIN_SECONDS = 0.05
_NOT_TAKEN_ON = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
"""What a call ends with that reached an engine which was ending, or none."""


class EngineClient:
    """A connection to the engine, made at the first call. To be used from one event loop.

    Args:
        address: `unix:PATH` or `HOST:PORT`.
        connect_seconds: how long to wait for an engine that is not there, or is starting.
    """

    def __init__(self, address: str, *, connect_seconds: float = 5.0) -> None:
        self.address = address
        self._connect_seconds = connect_seconds
        self._name = uuid.uuid4().hex
        self._channel: grpc.aio.Channel | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up for good; calls that are running are cancelled."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close(None)
            self._channel = None

    async def status(self) -> EngineStatus:
        """What is loaded, and who waits."""
        return await self._ask(calls.STATUS, StatusRequest(), _SHORT)

    async def load(self, model: ModelConfig, sae: str | None = None) -> tuple[Loaded, ...]:
        """Load a model, and with it an SAE, ahead of their use; what is loaded then."""
        return (await self._ask(calls.LOAD, LoadRequest(model=model, sae=sae), _LONG)).items

    async def unload(self, path: str | None = None) -> tuple[Loaded, ...]:
        """Unload a model or an SAE, or everything, but what is in use; what is loaded then."""
        return (await self._ask(calls.UNLOAD, UnloadRequest(path=path), _LONG)).items

    async def describe(self, model: ModelConfig) -> ModelDescription:
        """A model in numbers: of the Hub, or a directory anywhere. Nothing but its configuration is read."""
        return await self._ask(calls.DESCRIBE, model, _LONG)

    async def activations(self, request: ActivationsRequest, *, client: str | None = None) -> TextActivations:
        """How active latents are on every token of a text."""
        return await self._ask(calls.ACTIVATIONS, request, _LONG, client)

    @asynccontextmanager
    async def generate(
        self, request: GenerateRequest, *, client: str | None = None
    ) -> AsyncIterator[AsyncIterator[GenerateEvent]]:
        """What happens while texts are written; leaving the context stops the writing.

        Args:
            client: who asked; calls of one client wait for each other more than for those of others.
        """
        rpc = await self._accepted(calls.GENERATE, request, _LONG, client)
        try:
            yield self._events(rpc)
        finally:
            rpc.cancel()

    async def compare(self, request: GenerateRequest, *, client: str | None = None) -> Comparison:
        """The texts when all are written."""
        async with self.generate(request, client=client) as events:
            async for event in events:
                if event.finished is not None:
                    return event.finished
        raise EngineUnavailable(f"The engine at {self.address} ended while it was writing.")

    async def make_room(self, bytes: int, device: str = "cpu") -> Room:  # noqa: A002
        """Let the engine unload what is idle until there is so much memory on a device."""
        request = RoomRequest(bytes=bytes, device=device)
        room = await self._ask(calls.MAKE_ROOM, request, _LONG)
        if room.restarts:
            now = await self._ask(calls.MAKE_ROOM, request, _LONG)
            room = now.model_copy(update={"unloaded": room.unloaded})
        return room

    async def shutdown(self) -> Stopping:
        """End the engine's process."""
        return await self._ask(calls.SHUTDOWN, ShutdownRequest(), _SHORT)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────
    async def _ask(self, call: Call[Q, A], request: Q, seconds: float, client: str | None = None) -> A:
        rpc = await self._accepted(call, request, seconds, client)
        try:
            return decode(await rpc, call.answer)
        except grpc.aio.AioRpcError:
            raise await self._error(rpc) from None

    async def _events(self, rpc: grpc.aio.UnaryStreamCall[bytes, bytes]) -> AsyncIterator[GenerateEvent]:
        try:
            async for data in rpc:
                yield decode(data, GenerateEvent)
        except grpc.aio.AioRpcError:
            raise await self._error(rpc) from None

    async def _accepted(self, call: Call[Q, A], request: Q, seconds: float, client: str | None) -> Any:
        """A call that the engine has taken on.

        Raises:
            EngineUnavailable: there is none, or it takes on nothing.
        """
        data = encode(request)
        metadata: tuple[tuple[str, str | bytes], ...] = ((calls.ON_BEHALF_OF, (client or self._name).encode()),)
        if request_id := current_request_id():
            metadata += ((calls.REQUEST, request_id),)
        deadline = asyncio.get_running_loop().time() + self._connect_seconds
        while True:
            channel = await self._connected(deadline)
            method = (channel.unary_stream if call.streams else channel.unary_unary)(call.path, None, None)
            rpc = method(data, timeout=seconds, metadata=metadata)
            try:
                if calls.ACCEPTED in dict(await rpc.initial_metadata() or ()):
                    return rpc
            except asyncio.CancelledError:
                rpc.cancel()
                raise
            late = self._closed or asyncio.get_running_loop().time() >= deadline
            if late or await rpc.code() not in _NOT_TAKEN_ON:
                raise await self._error(rpc)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _connected(self, deadline: float) -> grpc.aio.Channel:
        loop = asyncio.get_running_loop()
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(self.address, options=_OPTIONS)
        channel = self._channel
        while (state := channel.get_state(try_to_connect=True)) is not grpc.ChannelConnectivity.READY:
            try:
                async with asyncio.timeout(max(0.0, deadline - loop.time())):
                    await channel.wait_for_state_change(state)
            except TimeoutError:
                raise EngineUnavailable(f"No engine answers at {self.address}.") from None
        return channel

    async def _error(self, rpc: Any) -> MistudioError:
        code, details = await rpc.code(), await rpc.details()
        return error_of(code, details or "", dict(await rpc.trailing_metadata() or ()), self.address)
