"""Features as rows: numbers to sort and filter by, and what people say of them. Contexts stay in the index artifact."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import REAL, Boolean, Computed, ForeignKey, Index, Integer, String, func, select
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base
from mistudio.studio.db.session import Session

EMBEDDING_DIMENSIONS = 384
"""Of the sentence embeddings of labels (all-MiniLM-L6-v2)."""


class Feature(Base):
    """One latent of a feature set."""

    __tablename__ = "features"

    feature_set_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("feature_sets.id", ondelete="CASCADE"), primary_key=True
    )
    latent: Mapped[int] = mapped_column(Integer, primary_key=True)
    count: Mapped[int]
    """Tokens on which it is active."""
    density: Mapped[float] = mapped_column(REAL)
    """The same as a share of the tokens encoded."""
    max: Mapped[float] = mapped_column(REAL)
    mean: Mapped[float] = mapped_column(REAL)
    documents: Mapped[int] = mapped_column(Integer)
    top_tokens: Mapped[str] = mapped_column(default="")
    """Texts of the tokens on which it is most active, for the table and for search."""
    label: Mapped[str | None]
    notes: Mapped[str | None]
    starred: Mapped[bool] = mapped_column(Boolean, server_default="false")
    score: Mapped[float | None] = mapped_column(REAL)
    """Of the label's explanation, 0 to 1; none without one."""
    meta: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    updated_at: Mapped[datetime | None]
    words: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('simple', coalesce(label, '')), 'A') || "
            "setweight(to_tsvector('simple', coalesce(notes, '')), 'B') || "
            "setweight(to_tsvector('simple', top_tokens), 'C')",
            persisted=True,
        ),
    )
    embedding: Mapped[Any | None] = mapped_column(HALFVEC(EMBEDDING_DIMENSIONS))
    """Of the label; none without one."""

    __table_args__ = (
        Index("ix_features_density", "feature_set_id", "density", "latent"),
        Index("ix_features_max", "feature_set_id", "max", "latent"),
        Index("ix_features_mean", "feature_set_id", "mean", "latent"),
        Index("ix_features_count", "feature_set_id", "count", "latent"),
        Index("ix_features_starred", "feature_set_id", "latent", postgresql_where="starred"),
        Index("ix_features_labelled", "feature_set_id", "latent", postgresql_where="label IS NOT NULL"),
        Index("ix_features_words", "words", postgresql_using="gin"),
        Index(
            "ix_features_embedding",
            "embedding",
            postgresql_using="hnsw",
            postgresql_ops={"embedding": "halfvec_cosine_ops"},
        ),
    )


class Annotation(Base):
    """How far the journal of labels, notes and stars of a feature set has been read into its rows."""

    __tablename__ = "annotations"

    feature_set_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    lines: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


async def count_labelled(session: Session) -> int:
    """Features of all sets that have a label."""
    return int(await session.scalar(select(func.count()).select_from(Feature).where(Feature.label.is_not(None))) or 0)
