"""Features as rows: numbers to sort and filter by, and what people say of them. Contexts stay in the index artifact.

A feature set is a partition of its own: it is loaded without touching others, its vectors have an index of their own,
and a trigger drops it together with the set's row. `features_load` makes partitions, `features_query` reads them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import REAL, Boolean, Computed, Index, Integer, PrimaryKeyConstraint, String, func, select
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base
from mistudio.studio.db.session import Session

EMBEDDING_DIMENSIONS = 384
"""Of the sentence embeddings of labels (all-MiniLM-L6-v2)."""
SEPARATOR = "\x1f"
"""Stands between the texts of a feature's top tokens."""

# What the table filters by goes along in every index that it sorts by, so that no row is read for the sake of a filter.
_FILTERS = ("count", "max", "starred", "labelled")


def _sorted_by(column: str, **options: Any) -> Index:
    include = [name for name in _FILTERS if name != column]
    return Index(f"ix_features_{column}", "feature_set_id", column, "latent", postgresql_include=include, **options)


class Feature(Base):
    """One latent of a feature set."""

    __tablename__ = "features"

    feature_set_id: Mapped[str] = mapped_column(String(64))
    latent: Mapped[int] = mapped_column(Integer)
    documents: Mapped[int] = mapped_column(Integer)
    count: Mapped[int]
    """Tokens on which it is active."""
    density: Mapped[float] = mapped_column(REAL)
    """The same as a share of the tokens encoded; `count` is what filters and sorts use."""
    max: Mapped[float] = mapped_column(REAL)
    mean: Mapped[float] = mapped_column(REAL)
    interest: Mapped[float] = mapped_column(REAL)
    """How well it suits a first look: the library's `Statistics.interest`."""
    score: Mapped[float | None] = mapped_column(REAL)
    """Of the label's explanation, 0 to 1; none without one."""
    starred: Mapped[bool] = mapped_column(Boolean, server_default="false")
    labelled: Mapped[bool] = mapped_column(Boolean, Computed("label IS NOT NULL", persisted=True))
    updated_at: Mapped[datetime | None]
    """When label, notes or star were last changed."""
    top_tokens: Mapped[str] = mapped_column(server_default="")
    """Texts of the tokens on which it is most active, `SEPARATOR` between them."""
    label: Mapped[str | None]
    notes: Mapped[str | None]
    meta: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    label_words: Mapped[Any | None] = mapped_column(
        TSVECTOR, Computed("to_tsvector('simple', label)", persisted=True), deferred=True
    )
    words: Mapped[Any] = mapped_column(
        TSVECTOR,
        Computed(
            "setweight(to_tsvector('simple', coalesce(label, '')), 'A') || "
            "setweight(to_tsvector('simple', coalesce(notes, '')), 'B') || "
            "setweight(to_tsvector('simple', top_tokens), 'C')",
            persisted=True,
        ),
        deferred=True,
    )
    embedding: Mapped[Any | None] = mapped_column(HALFVEC(EMBEDDING_DIMENSIONS), deferred=True)
    """Of the label; none without one."""

    __table_args__ = (
        PrimaryKeyConstraint("feature_set_id", "latent", postgresql_include=[*_FILTERS, "score"]),
        _sorted_by("count"),
        _sorted_by("max"),
        _sorted_by("mean"),
        _sorted_by("documents"),
        _sorted_by("interest"),
        _sorted_by("label", postgresql_where="label IS NOT NULL"),
        _sorted_by("score", postgresql_where="score IS NOT NULL"),
        Index("ix_features_starred", "feature_set_id", "latent", postgresql_where="starred"),
        Index("ix_features_label_words", "label_words", postgresql_using="gin"),
        Index("ix_features_words", "words", postgresql_using="gin"),
        Index(
            "ix_features_embedding",
            "embedding",
            postgresql_using="hnsw",
            postgresql_ops={"embedding": "halfvec_cosine_ops"},
        ),
        {"postgresql_partition_by": "LIST (feature_set_id)"},
    )


class Annotation(Base):
    """How many lines of a feature set's journal of labels, notes and stars are in its rows."""

    __tablename__ = "annotations"

    feature_set_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    lines: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


async def get(session: Session, feature_set_id: str, latent: int) -> Feature | None:
    """One feature; None where there is no such latent, or the set is not loaded."""
    return await session.get(Feature, (feature_set_id, latent))


async def count_labelled(session: Session) -> int:
    """Features of all sets that have a label."""
    return int(await session.scalar(select(func.count()).select_from(Feature).where(Feature.labelled)) or 0)


async def count_annotated(session: Session, feature_set_id: str) -> tuple[int, int]:
    """Features of a set that have a label, and those that have a star."""
    row = await session.execute(
        select(func.count().filter(Feature.labelled), func.count().filter(Feature.starred)).where(
            Feature.feature_set_id == feature_set_id
        )
    )
    labelled, starred = row.one()
    return int(labelled), int(starred)
