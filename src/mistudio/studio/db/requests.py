"""What protects the HTTP interface: answers kept for idempotency keys, and counters for rate limits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Integer, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base


class IdempotencyKey(Base):
    """The answer that a request with this key got."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The client's key, after method and path."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    """Of the request's body: the same key with another body is refused."""
    status: Mapped[int | None] = mapped_column(Integer)
    """None while the first request is being answered."""
    body: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class RateCounter(Base):
    """Requests of a client in a window of time, summed over all API processes."""

    __tablename__ = "rate_counters"

    client: Mapped[str] = mapped_column(String(128), primary_key=True)
    limit_name: Mapped[str] = mapped_column(String(32), primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
