"""One hour of how the machines were."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import String, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base, now
from mistudio.studio.db.session import Session

KEPT_MINUTES = 60


class SystemSample(Base):
    """How a machine was at one moment."""

    __tablename__ = "system_samples"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    sample: Mapped[dict[str, Any]]


async def add(session: Session, host: str, at: datetime, sample: dict[str, Any]) -> None:
    """Keep a sample. The commit does not wait for the disk: a sample that a power cut takes is no loss."""
    await session.execute(text("SET LOCAL synchronous_commit TO off"))
    session.add(SystemSample(host=host, at=at, sample=sample))


async def hosts(session: Session) -> list[str]:
    """Machines of which there are samples."""
    return list(await session.scalars(select(SystemSample.host).distinct().order_by(SystemSample.host)))


async def latest(session: Session, host: str, *, within_seconds: float) -> SystemSample | None:
    """The newest sample of a machine, unless it is too old."""
    since = now() - timedelta(seconds=within_seconds)
    query = select(SystemSample).where(SystemSample.host == host, SystemSample.at >= since)
    return await session.scalar(query.order_by(SystemSample.at.desc()).limit(1))


async def since(session: Session, host: str, after: datetime | None) -> list[dict[str, Any]]:
    """The samples of a machine after a time, or of the last hour, oldest first."""
    begin = now() - timedelta(minutes=KEPT_MINUTES)
    query = select(SystemSample.sample).where(SystemSample.host == host, SystemSample.at > max(after or begin, begin))
    return list(await session.scalars(query.order_by(SystemSample.at)))


async def prune(session: Session) -> None:
    """Forget what is older than an hour."""
    await session.execute(delete(SystemSample).where(SystemSample.at < func.now() - timedelta(minutes=KEPT_MINUTES)))
