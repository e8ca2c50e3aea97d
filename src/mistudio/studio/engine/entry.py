"""Something that is loaded or being loaded, who uses it, and since when nobody does."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

from mistudio.artifacts.manifest import MANIFEST
from mistudio.studio.engine.messages import Loaded
from mistudio.studio.engine.turns import Turns


@runtime_checkable
class Held(Protocol):
    """What takes memory."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def dtype(self) -> str:
        """Number format of the weights."""

    @property
    def bytes(self) -> int:
        """Memory of the weights."""


H = TypeVar("H", bound=Held, covariant=True)
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Wanted:
    """What is to be in memory, and where."""

    kind: Literal["model", "sae"]
    path: Path
    device: str
    stamp: Stamp
    """Of the files: an artifact that was made anew under the same name is another one."""
    quantize: str | None = None


@dataclass(eq=False)
class Entry(Generic[H]):
    """A model or an SAE, from the moment that somebody asks for it."""

    wanted: Wanted
    loading: asyncio.Task[H]
    asked_dtype: str | None = None
    loaded_at: float = 0.0
    """Seconds since 1970."""
    used_at: float = field(default_factory=time.monotonic)
    users: int = 0
    turns: Turns = field(default_factory=Turns)

    @property
    def is_ready(self) -> bool:
        """Whether it is loaded."""
        return self.loading.done() and not self.loading.cancelled() and self.loading.exception() is None

    @property
    def is_idle(self) -> bool:
        """Whether it is loaded and nobody uses it."""
        return self.is_ready and self.users == 0

    @property
    def held(self) -> H:
        """What is loaded."""
        return self.loading.result()

    @property
    def device(self) -> str:
        """Where it is."""
        return self.wanted.device

    def serves(self, wanted: Wanted, dtype: str | None) -> bool:
        """Whether it is what somebody else asks for."""
        dtypes = {self.asked_dtype, self.held.dtype} if self.is_ready else {self.asked_dtype}
        return self.wanted == wanted and dtype in dtypes

    def report(self) -> Loaded:
        """What is said of it once it is loaded."""
        return Loaded(
            kind=self.wanted.kind,
            path=str(self.wanted.path),
            name=self.held.name,
            dtype=self.held.dtype,
            device=self.device,
            bytes=self.held.bytes,
            loaded_at=self.loaded_at,
            idle_seconds=0.0 if self.users else time.monotonic() - self.used_at,
            in_use=self.users > 0,
            waiting=self.turns.waiting,
        )


def stamp_of(path: Path) -> Stamp:
    """What changes when the artifact at a path is replaced or removed."""
    for name in (MANIFEST, "config.json", "cfg.json", ""):
        try:
            found = (path / name if name else path).stat()
        except OSError:
            continue
        return found.st_mtime_ns, found.st_size, found.st_ino
    return 0, 0, 0
