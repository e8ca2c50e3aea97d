"""Settings that users change while the studio runs; secrets among them are encrypted at rest."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, LargeBinary, String, delete, func, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base
from mistudio.studio.db.encryption import decrypt, encrypt
from mistudio.studio.db.session import Session
from mistudio.studio.settings import Settings


class Option(Base):
    """One setting."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[Any | None] = mapped_column(JSONB)
    """Of a secret, what may be shown of it."""
    secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Encrypted with the key of the home."""
    is_secret: Mapped[bool] = mapped_column(Boolean, default=False)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


@dataclass(frozen=True)
class Stored:
    """A setting as it may be shown."""

    value: Any
    """Of a secret its last characters, if it is long."""
    is_secret: bool
    updated_at: datetime


async def get_all(session: Session) -> dict[str, Stored]:
    """Every setting that is set, secrets masked."""
    rows = await session.scalars(select(Option))
    return {row.key: Stored(row.value, row.is_secret, row.updated_at) for row in rows}


async def get(session: Session, key: str) -> Any:
    """A setting that is no secret; None where it is not set."""
    return await session.scalar(select(Option.value).where(Option.key == key, Option.is_secret.is_(False)))


async def put(session: Session, key: str, value: Any) -> None:
    """Set a setting that is no secret, or with None unset it."""
    await _write(session, key, value=value, secret=None) if value is not None else await remove(session, key)


async def get_secret(session: Session, settings: Settings, key: str) -> str | None:
    """A secret; None where it is not set.

    Raises:
        NotAllowedNow: it was encrypted with another key.
    """
    encrypted = await session.scalar(select(Option.secret).where(Option.key == key))
    return None if encrypted is None else decrypt(settings.secret_key_path, encrypted)


async def put_secret(session: Session, settings: Settings, key: str, secret: str) -> None:
    """Keep a secret, encrypted."""
    hint = f"…{secret[-4:]}" if len(secret) >= 16 else "…"
    await _write(session, key, value=hint, secret=encrypt(settings.secret_key_path, secret))


async def remove(session: Session, key: str) -> None:
    """Unset a setting."""
    await session.execute(delete(Option).where(Option.key == key))


async def leave_sign(session: Session, name: str) -> None:
    """Note that a process of that kind lives."""
    await _write(session, f"seen.{name}", value=socket.gethostname(), secret=None)


async def last_sign(session: Session, name: str) -> datetime | None:
    """When a process of that kind last left a sign; none if none ever did."""
    return await session.scalar(select(Option.updated_at).where(Option.key == f"seen.{name}"))


async def _write(session: Session, key: str, *, value: Any, secret: bytes | None) -> None:
    values = {"value": value, "secret": secret, "is_secret": secret is not None}
    written = insert(Option).values(key=key, **values)
    await session.execute(
        written.on_conflict_do_update(index_elements=["key"], set_={**values, "updated_at": func.clock_timestamp()})
    )
