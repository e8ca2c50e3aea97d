"""The engine: which models and SAEs are in memory, and what they take."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import ConfigDict

from mistudio.config import Config
from mistudio.language_models.config import ModelConfig
from mistudio.studio.db import artifacts
from mistudio.studio.db.session import Session
from mistudio.studio.engine.messages import EngineStatus, Loaded
from mistudio.studio.http.dependencies import Studio, StudioState
from mistudio.studio.http.disconnects import while_connected
from mistudio.studio.http.errors import errors
from mistudio.studio.http.schemas import ApiModel, Data
from mistudio.studio.http.steering import row_of

router = APIRouter(prefix="/engine", tags=["engine"])


class LoadedOut(ApiModel):
    """A model or an SAE in memory."""

    entity: Literal["model", "sae"]
    id: str | None
    """None where it has been deleted meanwhile."""
    name: str
    dtype: str
    device: str
    bytes: int
    """Its weights."""
    loaded_at: datetime
    idle_seconds: float
    """Since it was last used; 0 while it is."""
    in_use: bool
    waiting: int
    """Calls that wait for their turn."""


class EngineOut(ApiModel):
    """The engine."""

    version: str
    """miStudio's."""
    started_at: datetime
    idle_unload_seconds: float
    """What was not used for so long is unloaded."""
    loaded: list[LoadedOut]
    loading: list[str]
    """Names of what is being read from disk."""
    running: int
    """Calls that have their turn."""
    waiting: int
    """Calls that wait for theirs."""
    resident_bytes: int
    """Memory of the process."""
    available_bytes: int
    """Memory of the machine that could be taken without swapping."""


class EngineLoad(Config):
    """What to load."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"model_id": "smollm2", "sae_id": "my-first-sae"}]})

    model_id: str
    """Id or name."""
    sae_id: str | None = None
    """Id or name."""


class EngineUnload(Config):
    """What to unload; everything that is not in use where neither is given."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"model_id": "smollm2"}]})

    model_id: str | None = None
    """Id or name."""
    sae_id: str | None = None
    """Id or name."""


@router.get("", responses=errors(503))
async def get_engine(studio: Studio) -> Data[EngineOut]:
    """What is loaded, and who waits."""
    return Data(data=await _now(studio))


@router.post("/load", responses=errors(404, 503))
async def load_into_engine(wanted: EngineLoad, studio: Studio, request: Request) -> Data[EngineOut]:
    """Load a model, and with it an SAE, ahead of their use; answers when they are loaded."""
    async with studio.database.session() as session:
        model = await row_of(session, "model", wanted.model_id)
        sae = await row_of(session, "sae", wanted.sae_id) if wanted.sae_id else None
    await while_connected(request, studio.engine.load(ModelConfig(source=model.path), sae.path if sae else None))
    return Data(data=await _now(studio))


@router.post("/unload", responses=errors(404, 503))
async def unload_from_engine(wanted: EngineUnload, studio: Studio) -> Data[EngineOut]:
    """Give memory back. What is in use stays."""
    named = {"model": wanted.model_id, "sae": wanted.sae_id}
    async with studio.database.session() as session:
        paths = [(await row_of(session, entity, each)).path for entity, each in named.items() if each]
    for path in paths or [None]:
        await studio.engine.unload(path)
    return Data(data=await _now(studio))


async def _now(studio: StudioState) -> EngineOut:
    status: EngineStatus = await studio.engine.status()
    async with studio.database.session() as session:
        loaded = [await _loaded(session, each) for each in status.loaded]
    return EngineOut(
        version=status.version,
        started_at=_time(status.started_at),
        idle_unload_seconds=status.idle_unload_seconds,
        loaded=loaded,
        loading=[Path(path).name for path in status.loading],
        running=status.running,
        waiting=status.waiting,
        resident_bytes=status.resident_bytes,
        available_bytes=status.available_bytes,
    )


async def _loaded(session: Session, each: Loaded) -> LoadedOut:
    name = Path(each.path).name
    row = await artifacts.get(session, each.kind, name)
    return LoadedOut(
        entity=each.kind,
        id=row.id if row else None,
        name=name,
        dtype=each.dtype,
        device=each.device,
        bytes=each.bytes,
        loaded_at=_time(each.loaded_at),
        idle_seconds=each.idle_seconds,
        in_use=each.in_use,
        waiting=each.waiting,
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
