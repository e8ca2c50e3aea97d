"""Templates of all kinds: a name for a configuration."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, String, UniqueConstraint, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.errors import ArtifactExists
from mistudio.studio.db import options
from mistudio.studio.db.base import Base, new_id
from mistudio.studio.db.session import Session

PRESET_KINDS = ("training", "extraction", "steering", "prompt")
_SEEDED = "templates.seeded"


class Preset(Base):
    """A named configuration; its kind says of what."""

    __tablename__ = "presets"
    __table_args__ = (
        UniqueConstraint("kind", "name"),
        CheckConstraint("kind IN ('training', 'extraction', 'steering', 'prompt')", name="kind"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("template"))
    kind: Mapped[str] = mapped_column(String(16), index=True)
    name: Mapped[str] = mapped_column(String(128))
    description: Mapped[str] = mapped_column(default="")
    config: Mapped[dict[str, Any]]
    is_favorite: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


async def get(session: Session, preset_id: str) -> Preset | None:
    """One template."""
    return await session.get(Preset, preset_id)


async def page(
    session: Session,
    *,
    kinds: Iterable[str],
    search: str | None,
    favorites: bool | None,
    sort: str,
    descending: bool,
    offset: int,
    limit: int,
) -> tuple[list[Preset], int]:
    """Templates, favourites first, and how many there are in all."""
    query = select(Preset)
    if chosen := list(kinds):
        query = query.where(Preset.kind.in_(chosen))
    if search:
        query = query.where(
            Preset.name.icontains(search, autoescape=True) | Preset.description.icontains(search, autoescape=True)
        )
    if favorites is not None:
        query = query.where(Preset.is_favorite.is_(favorites))
    total = await session.scalar(select(func.count()).select_from(query.subquery()))
    column = func.lower(Preset.name) if sort == "name" else getattr(Preset, sort)
    ordered = query.order_by(Preset.is_favorite.desc(), column.desc() if descending else column, Preset.id)
    return list(await session.scalars(ordered.offset(offset).limit(limit))), total or 0


async def save(session: Session, preset: Preset) -> Preset:
    """Write a new or changed template.

    Raises:
        ArtifactExists: another one of its kind has that name.
    """
    kind, name = preset.kind, preset.name
    try:
        async with session.begin_nested():
            session.add(preset)
            await session.flush()
    except IntegrityError as error:
        raise ArtifactExists(
            f"There is a {kind} template called {name!r} already.", remedy="Choose another name."
        ) from error
    await session.refresh(preset)
    return preset


async def seed(session: Session, built_in: Iterable[dict[str, Any]]) -> None:
    """Write each built-in template once in the life of the database: one that was deleted stays away."""
    seeded = set(await options.get(session, _SEEDED) or ())
    wanted = {f"{each['kind']}/{each['name']}": each for each in built_in}
    for key in wanted.keys() - seeded:
        values = {"id": new_id("template"), **wanted[key]}
        await session.execute(insert(Preset).values(values).on_conflict_do_nothing())
    if not wanted.keys() <= seeded:
        await options.put(session, _SEEDED, sorted(seeded | wanted.keys()))
