"""Things named inside other things: an id to follow and a name to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mistudio.studio.db import artifacts
from mistudio.studio.db.session import Session
from mistudio.studio.http.schemas import ApiModel


class Ref(ApiModel):
    """Something that has a page."""

    id: str
    name: str


class References:
    """The names of what some rows point to, read with one query an entity."""

    def __init__(self, names: Mapping[str, Mapping[str, str]]) -> None:
        self._names = names

    @classmethod
    async def read(cls, session: Session, wanted: Mapping[str, Iterable[str | None]]) -> References:
        """Read the names of these ids of each entity."""
        ids = {entity: {each for each in given if each} for entity, given in wanted.items()}
        return cls({entity: await artifacts.names(session, entity, some) for entity, some in ids.items() if some})

    def __call__(self, entity: str, row_id: str | None) -> Ref | None:
        """The reference; None where there is nothing of that id any more."""
        name = self._names.get(entity, {}).get(row_id or "")
        return Ref(id=row_id, name=name) if row_id and name is not None else None
