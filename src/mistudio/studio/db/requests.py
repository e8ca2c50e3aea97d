"""What protects the HTTP interface: answers kept for idempotency keys, and counters for rate limits."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlalchemy import Integer, String, Text, delete, func, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base, now
from mistudio.studio.db.session import Session

KEPT_HOURS = 24
"""How long an answer is kept for its key."""
_GIVEN_UP_SECONDS = 60.0
"""After how long a request that has no answer is taken for dead: the process that had it was killed."""

Count = tuple[str, str, datetime, int]
"""Client, limit, start of the window, requests."""


class IdempotencyKey(Base):
    """The answer that a request with this key got."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    """Digest of the client, the method, the path and the client's key."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Of the request's body: the same key with another body is refused."""
    status: Mapped[int | None] = mapped_column(Integer)
    """None while the first request is being answered."""
    body: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class RateCounter(Base):
    """Requests of a client in a window of time, summed over all API processes."""

    __tablename__ = "rate_counters"

    client: Mapped[str] = mapped_column(String(128), primary_key=True)
    limit_name: Mapped[str] = mapped_column(String(32), primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


async def begin(session: Session, key: str, fingerprint: str) -> IdempotencyKey | None:
    """Claim a key.

    Returns:
        What is known of it already; None where it was free, or whoever had it is dead, and is the caller's now.
    """
    claim = insert(IdempotencyKey).values(key=key, fingerprint=fingerprint)
    if await session.scalar(claim.on_conflict_do_nothing().returning(IdempotencyKey.key)) is not None:
        return None
    forgotten = IdempotencyKey.created_at < now() - timedelta(hours=KEPT_HOURS)
    dead = IdempotencyKey.status.is_(None) & (IdempotencyKey.created_at < now() - timedelta(seconds=_GIVEN_UP_SECONDS))
    taken = (
        update(IdempotencyKey)
        .where(IdempotencyKey.key == key, forgotten | dead)
        .values(fingerprint=fingerprint, status=None, body=None, created_at=now())
        .returning(IdempotencyKey.key)
    )
    if await session.scalar(taken) is not None:
        return None
    # Gone in between: its request failed, and the caller may try again as if it still ran.
    return await session.get(IdempotencyKey, key) or IdempotencyKey(key=key, fingerprint=fingerprint, status=None)


async def finish(session: Session, key: str, status: int, body: str) -> None:
    """Keep the answer."""
    await session.execute(update(IdempotencyKey).where(IdempotencyKey.key == key).values(status=status, body=body))


async def forget(session: Session, key: str) -> None:
    """Free a key: its request failed and may be sent again."""
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.key == key))


async def add_counts(session: Session, counts: Iterable[Count]) -> list[Count]:
    """Add what one process counted; a count of 0 only asks.

    Returns:
        The same counters, over all processes.
    """
    # In one order in all processes: two of them never wait for each other.
    rows = sorted(counts)
    summed = []
    for statement, chosen in ((_ADD, [row for row in rows if row[3]]), (_ASK, [row for row in rows if not row[3]])):
        if chosen:
            clients, names, starts, added = zip(*chosen, strict=True)
            given = {"clients": clients, "names": names, "starts": starts, "counts": added}
            summed += [tuple(row) for row in await session.execute(statement, given)]
    return [(client, name, start, count) for client, name, start, count in summed]


# As text, because the statement is the same for any number of counters, and is prepared once.
_GIVEN = """unnest(CAST(:clients AS varchar[]), CAST(:names AS varchar[]), CAST(:starts AS timestamptz[]),
    CAST(:counts AS integer[])) AS given (client, limit_name, window_start, count)"""
_ADD = text(f"""
    INSERT INTO rate_counters AS counter (client, limit_name, window_start, count) SELECT * FROM {_GIVEN}
    ON CONFLICT (client, limit_name, window_start) DO UPDATE SET count = counter.count + excluded.count
    RETURNING client, limit_name, window_start, count""")
_ASK = text(f"""
    SELECT client, limit_name, window_start, counter.count
    FROM rate_counters AS counter JOIN {_GIVEN} USING (client, limit_name, window_start)""")


async def prune(session: Session) -> None:
    """Forget what is over."""
    day = func.now() - timedelta(hours=KEPT_HOURS)
    await session.execute(delete(IdempotencyKey).where(IdempotencyKey.created_at < day))
    await session.execute(delete(RateCounter).where(RateCounter.window_start < func.now() - timedelta(hours=2)))
