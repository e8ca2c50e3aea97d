"""Look at the store: the database is mended, features are loaded, and everybody is told what changed."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from pathlib import Path

from mistudio.artifacts.kinds import Kind
from mistudio.studio.db import features_load
from mistudio.studio.db.artifacts import TABLES
from mistudio.studio.db.indexing import index_store
from mistudio.studio.db.leadership import leading
from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish
from mistudio.studio.http.schemas import ApiModel
from mistudio.studio.settings import Settings

LOOK_SECONDS = 10.0
Stamps = tuple[int, ...]
log = logging.getLogger(__name__)


class BrokenArtifact(ApiModel):
    """A directory of the store, or a file of an evaluation, that cannot be used."""

    path: str
    message: str
    """What is wrong with it."""


class IndexReport(ApiModel):
    """What was found in the store."""

    found: dict[str, int]
    """Artifacts by entity."""
    added: int
    """Rows that were written, because they are new."""
    changed: int
    """Rows that were written again: their artifact was moved or renamed, or what it was made of came or went."""
    removed: int
    """Rows that were removed, because their artifact is gone."""
    broken: list[BrokenArtifact]
    seconds: float


async def look_at_store(settings: Settings, database: Database, *, sweep: bool = True) -> IndexReport:
    """Compare the store with the database and mend the database.

    Args:
        sweep: also remove what cut-off deletions left on disk.
    """
    began = time.monotonic()
    if sweep:
        await asyncio.to_thread(settings.store.sweep)
    indexed = await index_store(database, settings.store, settings.evaluations_dir)
    loaded = await features_load.load_missing(database, settings.annotations_dir)
    if indexed.added or indexed.changed or indexed.removed or loaded:
        async with database.session() as session:
            for entity in TABLES:
                await publish(session, StoreChanged(entity=entity, id=None), ["store"])
    return IndexReport(
        found=indexed.found,
        added=indexed.added,
        changed=indexed.changed,
        removed=indexed.removed,
        broken=[BrokenArtifact(path=str(each.path), message=each.message) for each in indexed.broken],
        seconds=round(time.monotonic() - began, 3),
    )


async def keep_looking(settings: Settings, database: Database, seen: Stamps, every: float = LOOK_SECONDS) -> None:
    """Look again whenever a folder of the store has changed, in one API process of each machine; for ever.

    Args:
        seen: the folders' times when the store was last looked at.
        every: seconds between two looks at the folders.
    """
    while True:
        try:
            async with leading(database, f"store:{socket.gethostname()}") as leader:
                while leader is not None:
                    now = await asyncio.to_thread(stamps, settings)
                    if now != seen:
                        await look_at_store(settings, database, sweep=False)
                        seen = now
                    await asyncio.sleep(every)
        except Exception as error:  # noqa: BLE001  the database comes back, and so does this
            log.warning("the store is not watched: %s", error)
        await asyncio.sleep(every)


def stamps(settings: Settings) -> Stamps:
    """When something was last put into, or taken from, each folder of the store."""
    folders = [*(settings.home / kind.folder for kind in Kind), settings.evaluations_dir]
    return tuple(_changed_at(folder) for folder in folders)


def _changed_at(folder: Path) -> int:
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
