"""Look at the store: the database is mended, features are loaded, and everybody is told what changed."""

from __future__ import annotations

import asyncio
import time

from mistudio.studio.db import features_load
from mistudio.studio.db.artifacts import TABLES
from mistudio.studio.db.indexing import index_store
from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish
from mistudio.studio.http.schemas import ApiModel
from mistudio.studio.settings import Settings


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


async def look_at_store(settings: Settings, database: Database) -> IndexReport:
    """Compare the store with the database and mend the database; remove what cut-off deletions left on disk."""
    began = time.monotonic()
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
