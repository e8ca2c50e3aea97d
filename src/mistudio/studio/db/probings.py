"""What probing SAEs found: the library's result files, indexed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base
from mistudio.studio.db.session import Session


class Probing(Base):
    """One probing of an SAE: of labels, or of spelling."""

    __tablename__ = "probings"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sae_id: Mapped[str] = mapped_column(String(64), ForeignKey("saes.id", ondelete="CASCADE"), index=True)
    dataset_id: Mapped[str | None] = mapped_column(
        String(64), ForeignKey("datasets.id", ondelete="SET NULL"), index=True
    )
    """The labelled documents; null of spelling, or where they are gone."""
    path: Mapped[str]
    result: Mapped[dict[str, Any]]
    job_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


async def put(session: Session, **values: Any) -> None:
    """Write a row, or write it again."""
    statement = insert(Probing).values(**values)
    changed = {name: statement.excluded[name] for name in values if name != "id"}
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))


async def of_sae(session: Session, sae_id: str) -> list[Probing]:
    """The probings of an SAE, newest first."""
    found = select(Probing).where(Probing.sae_id == sae_id).order_by(Probing.created_at.desc())
    return list(await session.scalars(found))


async def get(session: Session, probing_id: str) -> Probing | None:
    """One probing."""
    return await session.get(Probing, probing_id)
