"""What takes a while to work out of an artifact, worked out once: a file of its name beside the studio's data."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from pydantic import ValidationError

from mistudio.artifacts.atomic import write_json
from mistudio.config import Config
from mistudio.studio.settings import Settings

Kept = TypeVar("Kept", bound=Config)
_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()


async def derived(
    settings: Settings, artifact_id: str, kind: type[Kept], work_out: Callable[[], Awaitable[Kept]]
) -> Kept:
    """What is kept of an artifact, or what `work_out` gives, which is then kept.

    Those who ask for the same at once wait for one of them.
    """
    lock = _locks.setdefault(artifact_id, asyncio.Lock())
    async with lock:
        kept = await asyncio.to_thread(read, settings, artifact_id, kind)
        if kept is None:
            kept = await work_out()
            await asyncio.to_thread(keep, settings, artifact_id, kept)
        return kept


def read(settings: Settings, artifact_id: str, kind: type[Kept]) -> Kept | None:
    """What is kept; None where nothing is, or an earlier version wrote it otherwise."""
    try:
        content = json.loads((settings.derived_dir / f"{artifact_id}.json").read_text(encoding="utf-8"))
        return kind.model_validate({name: content[name] for name in kind.model_fields})
    except (OSError, ValueError, ValidationError, KeyError, TypeError):
        return None


def keep(settings: Settings, artifact_id: str, content: Config) -> None:
    """Keep it."""
    settings.derived_dir.mkdir(parents=True, exist_ok=True)
    write_json(settings.derived_dir / f"{artifact_id}.json", content.model_dump(mode="json"))


def forget(settings: Settings, artifact_id: str) -> None:
    """Forget what was kept."""
    (settings.derived_dir / f"{artifact_id}.json").unlink(missing_ok=True)
    shutil.rmtree(settings.derived_dir / f"{artifact_id}.tokens", ignore_errors=True)
