"""The engine's calls: what each takes and gives. engine.proto declares the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from mistudio.config import Config
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.description import ModelDescription
from mistudio.studio.engine import messages
from mistudio.studio.engine.wire import PACKAGE

Q = TypeVar("Q", bound=Config)
A = TypeVar("A", bound=Config)

SERVICE = f"{PACKAGE}.Engine"
ACCEPTED = "mistudio-accepted"
"""Sent at once by the engine when it takes a call on. A call that was not taken on may be sent again."""
ON_BEHALF_OF = "mistudio-client-bin"
"""Sent by the client: those who share a name share a place in the queues."""
REQUEST = "mistudio-request"
"""Sent by the client: the id of the request that the call is made for, which the engine's log names."""
MAX_MESSAGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Call(Generic[Q, A]):
    """One thing that the engine can be asked."""

    name: str
    request: type[Q]
    answer: type[A]
    streams: bool = False
    """Whether many answers come."""

    @property
    def path(self) -> str:
        """How the call is named on the wire."""
        return f"/{SERVICE}/{self.name}"


STATUS = Call("Status", messages.StatusRequest, messages.EngineStatus)
LOAD = Call("Load", messages.LoadRequest, messages.LoadedList)
UNLOAD = Call("Unload", messages.UnloadRequest, messages.LoadedList)
DESCRIBE = Call("Describe", ModelConfig, ModelDescription)
GENERATE = Call("Generate", messages.GenerateRequest, messages.GenerateEvent, streams=True)
ACTIVATIONS = Call("Activations", messages.ActivationsRequest, messages.TextActivations)
MAKE_ROOM = Call("MakeRoom", messages.RoomRequest, messages.Room)
SHUTDOWN = Call("Shutdown", messages.ShutdownRequest, messages.Stopping)
