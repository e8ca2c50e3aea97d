"""Events that were published: kept for a while, so that a client that was away can catch up."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Index, String, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base, now
from mistudio.studio.db.session import Session

NOTIFY_CHANNEL = "mistudio_events"
_NOTIFY_BYTES = 7000
"""PostgreSQL takes less than 8,000 bytes a notification."""
KEPT_MINUTES = 30


class EventRow(Base):
    """A published event."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_channel_seq", "channel", "seq"), Index("ix_events_at", "at"))

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    channel: Mapped[str] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


async def append(session: Session, channel: str, payload: dict[str, Any]) -> int:
    """Keep an event and notify every listener when the transaction commits.

    Returns:
        Its number; numbers rise within a channel.
    """
    row = EventRow(channel=channel, payload=payload, at=now())
    session.add(row)
    await session.flush()
    envelope = {"seq": row.seq, "channel": channel, "data": payload, "timestamp": row.at.isoformat()}
    message = json.dumps(envelope, separators=(",", ":"))
    if len(message.encode()) > _NOTIFY_BYTES:
        message = json.dumps({"seq": row.seq, "channel": channel})
    await session.execute(text("SELECT pg_notify(:channel, :message)"), {"channel": NOTIFY_CHANNEL, "message": message})
    return row.seq


async def get(session: Session, seq: int) -> EventRow | None:
    """One event."""
    return await session.get(EventRow, seq)


async def since(session: Session, channel: str, seq: int, *, limit: int = 500) -> list[EventRow]:
    """The newest events of a channel after number `seq`, in order."""
    newest = (
        select(EventRow)
        .where(EventRow.channel == channel, EventRow.seq > seq)
        .order_by(EventRow.seq.desc())
        .limit(limit)
    )
    return list(await session.scalars(newest))[::-1]


async def page(session: Session, channel: str, seq: int, *, limit: int) -> tuple[list[EventRow], int]:
    """The oldest events of a channel after number `seq`, in order, and how many there are in all."""
    query = select(EventRow).where(EventRow.channel == channel, EventRow.seq > seq)
    rows = list(await session.scalars(query.order_by(EventRow.seq).limit(limit)))
    if len(rows) < limit:
        return rows, len(rows)
    return rows, await session.scalar(select(func.count()).select_from(query.subquery())) or 0


async def newest(session: Session) -> int:
    """The number of the newest event; 0 if there is none."""
    return int(await session.scalar(select(func.max(EventRow.seq))) or 0)


async def all_since(session: Session, seq: int, *, limit: int = 2000) -> list[EventRow]:
    """Events of every channel after number `seq`, in order."""
    return list(await session.scalars(select(EventRow).where(EventRow.seq > seq).order_by(EventRow.seq).limit(limit)))


async def prune(session: Session) -> None:
    """Forget events that nobody will ask for any more."""
    await session.execute(delete(EventRow).where(EventRow.at < func.now() - timedelta(minutes=KEPT_MINUTES)))
