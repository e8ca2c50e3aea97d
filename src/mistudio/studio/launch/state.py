"""What is written down about a running studio, for the commands and for a supervisor that takes over."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ValidationError

from mistudio.studio.launch.identity import Identity
from mistudio.studio.settings import Settings


class Phase(StrEnum):
    """Where a process, or the studio as a whole, stands."""

    WAITING = "waiting"
    """Something that it needs is not ready, or it ended and is started again in a moment."""
    STARTING = "starting"
    READY = "ready"
    DONE = "done"
    """It had one thing to do and has done it."""
    STOPPING = "stopping"
    FAILED = "failed"


class Failure(BaseModel, frozen=True):
    """Why the studio did not start, for people."""

    message: str
    remedy: str


class ProcessState(BaseModel):
    """One declared process."""

    name: str
    title: str
    command: tuple[str, ...]
    identity: Identity | None = None
    phase: Phase = Phase.WAITING
    restarts: int = 0
    ready_seconds: float | None = None
    """How long its last start took."""
    ended: str | None = None
    """How it ended the last time."""


class StudioState(BaseModel):
    """The studio of one home."""

    url: str
    port: int
    phase: Phase
    version: str
    supervisor: Identity
    standby: Identity | None = None
    started_at: datetime
    was_ready: bool = False
    """Whether it could be used at any time since its start; then whatever ends is started again for ever."""
    processes: tuple[ProcessState, ...] = ()
    failure: Failure | None = None


def state_path(settings: Settings) -> Path:
    """Where the state is written."""
    return settings.run_dir / "state.json"


def read_state(settings: Settings) -> StudioState | None:
    """What was written last, whether or not it still holds; None if nothing was or it cannot be read."""
    with suppress(OSError, ValidationError):
        return StudioState.model_validate_json(state_path(settings).read_bytes())
    return None


def write_state(settings: Settings, state: StudioState) -> None:
    """Write the state, whole or not at all; unlike an artifact it is not flushed, as no power cut leaves it true.

    On a full disk the old one stays: the studio runs on, and its processes are found by their mark.
    """
    path = state_path(settings)
    with suppress(OSError):
        new = path.with_suffix(".new")
        new.write_text(state.model_dump_json(indent=2), encoding="utf-8")
        os.replace(new, path)


def stop_request(settings: Settings) -> Path:
    """A file that is there from the moment a stop is asked for, so that nobody takes over and starts all again.

    It holds how many seconds jobs may take to save.
    """
    return settings.run_dir / "stop"
