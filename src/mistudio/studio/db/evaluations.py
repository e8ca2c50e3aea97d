"""Evaluations of SAEs: the library's result files, indexed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base
from mistudio.studio.db.session import Session


class Evaluation(Base):
    """One evaluation."""

    __tablename__ = "evaluations"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    sae_id: Mapped[str] = mapped_column(String(64), ForeignKey("saes.id", ondelete="CASCADE"), index=True)
    tokenization_id: Mapped[str | None] = mapped_column(
        String(64), ForeignKey("tokenizations.id", ondelete="SET NULL"), index=True
    )
    against_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("saes.id", ondelete="SET NULL"), index=True)
    """The SAE that it was compared with; null where there was none, or it is gone."""
    path: Mapped[str]
    result: Mapped[dict[str, Any]]
    job_id: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


async def put(session: Session, **values: Any) -> None:
    """Write a row, or write it again."""
    statement = insert(Evaluation).values(**values)
    changed = {name: statement.excluded[name] for name in values if name != "id"}
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))


async def of_sae(session: Session, sae_id: str) -> list[Evaluation]:
    """The evaluations of an SAE, newest first."""
    found = select(Evaluation).where(Evaluation.sae_id == sae_id).order_by(Evaluation.created_at.desc())
    return list(await session.scalars(found))


async def get(session: Session, evaluation_id: str) -> Evaluation | None:
    """One evaluation."""
    return await session.get(Evaluation, evaluation_id)


async def count(session: Session) -> int:
    """All evaluations."""
    return int(await session.scalar(select(func.count()).select_from(Evaluation)) or 0)


async def counts(session: Session, sae_ids: Sequence[str]) -> dict[str, int]:
    """Evaluations of each of these SAEs; those without any are left out."""
    rows = await session.execute(
        select(Evaluation.sae_id, func.count()).where(Evaluation.sae_id.in_(sae_ids)).group_by(Evaluation.sae_id)
    )
    return dict(rows.all())


async def newest(session: Session, sae_ids: Sequence[str]) -> dict[str, Evaluation]:
    """The newest evaluation of each of these SAEs that has one."""
    oldest_first = select(Evaluation).where(Evaluation.sae_id.in_(sae_ids)).order_by(Evaluation.created_at)
    return {row.sae_id: row for row in await session.scalars(oldest_first)}
