"""Feature sets that this process reads: their artifacts held open, and their tables loaded when first asked for."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from mistudio.errors import DatabaseUnavailable
from mistudio.studio.db import artifacts, features_load
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish

if TYPE_CHECKING:
    from mistudio.features.pages import Features

_MOST = 8
"""Artifacts held open. Each keeps a few megabytes: the places of its documents, the text of its tokens."""
_WAIT_SECONDS = 5.0
log = logging.getLogger(__name__)


class HeldFeatures:
    """The open artifacts, the least recently used of which is let go.

    Args:
        journals: folder of the journals of labels, notes and stars.
    """

    def __init__(self, database: Database, journals: Path) -> None:
        self._database, self._journals = database, journals
        self._open: OrderedDict[str, Features] = OrderedDict()
        self._opening = asyncio.Lock()
        self._loading: dict[str, asyncio.Task[None]] = {}

    async def open(self, row: FeatureSet) -> Features:
        """The artifact of a set, to be read in a thread.

        Raises:
            NotFound, ArtifactBroken: it is gone, or a file of it is.
        """
        async with self._opening:
            found = self._open.pop(row.path, None)
            if found is None or found.artifact.manifest.id != row.id:
                found = await asyncio.to_thread(_read, Path(row.path))
            self._open[row.path] = found
            while len(self._open) > _MOST:
                self._open.popitem(last=False)
        return found

    async def prepare(self) -> None:
        """Read a page of the newest set: the first one takes a second, for libraries that only it needs."""
        async with self._database.session() as session:
            newest, _ = await artifacts.page(session, "feature_set", limit=1)
        for row in newest:
            opened = await self.open(row)
            await asyncio.to_thread(opened.latent, 0)

    async def ensure_loaded(self, row: FeatureSet) -> None:
        """Wait until the set's table is in the database; the first who asks starts that.

        Raises:
            DatabaseUnavailable: it takes longer than a few seconds; it goes on meanwhile.
            ArtifactBroken: the artifact cannot be read.
        """
        if row.loaded:
            return
        task = self._loading.get(row.id)
        if task is None:
            task = self._loading[row.id] = asyncio.create_task(self._load(row.id))
            task.add_done_callback(lambda _: self._loading.pop(row.id, None))
        done, _ = await asyncio.wait({task}, timeout=_WAIT_SECONDS)
        if not done:
            raise DatabaseUnavailable(
                f"The table of {row.name} is being prepared.", remedy="Wait a few seconds and look again."
            )
        task.result()

    async def close(self) -> None:
        """Give up what is being loaded."""
        tasks = list(self._loading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _load(self, feature_set_id: str) -> None:
        async with self._database.session() as session:
            if await features_load.load(session, feature_set_id, self._journals):
                await publish(session, StoreChanged(entity="feature_set", id=feature_set_id), ["store"])


def _read(path: Path) -> Features:
    # Imported here: a studio in which nobody looks at features needs no arrays and tables.
    from mistudio.features.pages import Features

    return Features.open(path)
