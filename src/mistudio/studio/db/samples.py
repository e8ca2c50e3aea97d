"""One hour of how the machine was."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base


class SystemSample(Base):
    """How a machine was at one moment."""

    __tablename__ = "system_samples"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    sample: Mapped[dict[str, Any]]
