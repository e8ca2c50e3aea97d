"""What every table shares: the declarative base, names of constraints, and ids."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, MetaData, String, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The tables of the studio."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        int: BigInteger,
    }


class ArtifactRow:
    """Columns of a row that stands for one sealed artifact of the store."""

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """The manifest's."""
    name: Mapped[str] = mapped_column(String(128), unique=True)
    """Its folder's name in the store."""
    path: Mapped[str]
    bytes: Mapped[int]
    """Size of all its files, in bytes."""
    manifest: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(index=True)
    indexed_at: Mapped[datetime] = mapped_column(server_default=func.now())
    job_id: Mapped[str | None] = mapped_column(String(64))
    """The job that made it; none if the command line did."""


def new_id(prefix: str) -> str:
    """A new id such as `job-3f2a…`."""
    return f"{prefix}-{uuid.uuid4().hex[:12]}"


def now() -> datetime:
    """The present, in UTC."""
    return datetime.now(UTC)
