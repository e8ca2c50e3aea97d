"""Templates of all kinds: a name for a configuration."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base, new_id

PRESET_KINDS = ("training", "extraction", "steering", "prompt")


class Preset(Base):
    """A named configuration; its kind says of what."""

    __tablename__ = "presets"
    __table_args__ = (
        UniqueConstraint("kind", "name"),
        CheckConstraint("kind IN ('training', 'extraction', 'steering', 'prompt')", name="kind"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("template"))
    kind: Mapped[str] = mapped_column(String(16), index=True)
    name: Mapped[str] = mapped_column(String(128))
    description: Mapped[str] = mapped_column(default="")
    config: Mapped[dict[str, Any]]
    is_favorite: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
