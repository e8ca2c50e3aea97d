"""Events that were published: kept for a while, so that a client that was away can catch up.

Events get their numbers when their transaction commits, one transaction after the other, so that numbers rise in the
order in which events can be seen: nobody who has seen number 7 is shown a number 6 later. The lock that sees to it is
the last one that a transaction takes, and is held for three short messages: whoever holds it waits for no other lock.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import Index, String, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base, now
from mistudio.studio.db.session import Session

NOTIFY_CHANNEL = "mistudio_events"
_NOTIFY_BYTES = 7000
"""PostgreSQL takes less than 8,000 bytes a notification."""
KEPT_MINUTES = 30
_TO_COME = "events to come"
_ONE_BY_ONE = text(
    "SELECT pg_advisory_xact_lock(hashtext('mistudio:events')),"
    # A process that is stopped in the middle loses its transaction, so that the others can go on.
    " set_config('idle_in_transaction_session_timeout', '10s', true)"
)
_NOTIFY = text("SELECT pg_notify(:channel, message) FROM unnest(CAST(:messages AS text[])) AS message")


class EventRow(Base):
    """A published event."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_channel_seq", "channel", "seq"), Index("ix_events_at", "at"))

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    channel: Mapped[str] = mapped_column(String(128))
    payload: Mapped[dict[str, Any]]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


def append(session: Session, channel: str, payload: dict[str, Any]) -> None:
    """Keep an event, and notify every listener, when the transaction commits."""
    session.info.setdefault(_TO_COME, []).append(EventRow(channel=channel, payload=payload, at=now()))


@sqlalchemy.event.listens_for(sqlalchemy.orm.Session, "before_commit")
def _number(session: sqlalchemy.orm.Session) -> None:
    """Write the events of a transaction that is otherwise done."""
    if session.in_nested_transaction() or not (rows := session.info.pop(_TO_COME, [])):
        return
    session.flush()  # What waits to be written may take locks too.
    session.execute(_ONE_BY_ONE)
    session.add_all(rows)
    session.flush()
    session.execute(_NOTIFY, {"channel": NOTIFY_CHANNEL, "messages": [_message(row) for row in rows]})


def _message(row: EventRow) -> str:
    envelope = {"seq": row.seq, "channel": row.channel, "data": row.payload, "timestamp": row.at.isoformat()}
    message = json.dumps(envelope, separators=(",", ":"))
    return message if len(message.encode()) <= _NOTIFY_BYTES else json.dumps({"seq": row.seq, "channel": row.channel})


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
