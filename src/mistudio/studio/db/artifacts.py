"""Rows that stand for artifacts of the store: what there is, what it was made of, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ForeignKey, String, delete, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.artifacts.kinds import Kind
from mistudio.studio.db.base import ArtifactRow, Base
from mistudio.studio.db.session import Session


def _made_of(column: str) -> Any:
    # The artifact stays readable when what it was made of is gone; deleting that is refused first (see `referents`).
    return mapped_column(String(64), ForeignKey(column, ondelete="SET NULL"), index=True)


class Model(ArtifactRow, Base):
    """A language model."""

    __tablename__ = "models"

    source: Mapped[str]
    digest: Mapped[str]
    d_model: Mapped[int]
    n_layers: Mapped[int]
    vocab_size: Mapped[int]


class Dataset(ArtifactRow, Base):
    """Text."""

    __tablename__ = "datasets"

    documents: Mapped[int]
    held_out_documents: Mapped[int]
    characters: Mapped[int]


class Tokenization(ArtifactRow, Base):
    """A data set, tokenized for a model and packed into contexts."""

    __tablename__ = "tokenizations"

    dataset_id: Mapped[str | None] = _made_of("datasets.id")
    model_id: Mapped[str | None] = _made_of("models.id")
    contexts: Mapped[int]
    context_length: Mapped[int]
    tokens: Mapped[int]


class Recording(ArtifactRow, Base):
    """Activations on disk."""

    __tablename__ = "recordings"

    tokenization_id: Mapped[str | None] = _made_of("tokenizations.id")
    model_id: Mapped[str | None] = _made_of("models.id")
    hooks: Mapped[list[str]] = mapped_column(ARRAY(String))
    tokens: Mapped[int]


class Sae(ArtifactRow, Base):
    """A trained sparse autoencoder."""

    __tablename__ = "saes"

    model_id: Mapped[str | None] = _made_of("models.id")
    recording_id: Mapped[str | None] = _made_of("recordings.id")
    tokenization_id: Mapped[str | None] = _made_of("tokenizations.id")
    """The text whose activations it was trained on."""
    model_name: Mapped[str]
    hook: Mapped[str]
    architecture: Mapped[str]
    d_in: Mapped[int]
    d_sae: Mapped[int]
    k: Mapped[int | None]
    l0: Mapped[float | None]
    fvu: Mapped[float | None]
    """Of the last training batch."""
    dead_share: Mapped[float | None]


class FeatureSet(ArtifactRow, Base):
    """What activates every latent of an SAE."""

    __tablename__ = "feature_sets"

    sae_id: Mapped[str | None] = _made_of("saes.id")
    model_id: Mapped[str | None] = _made_of("models.id")
    tokenization_id: Mapped[str | None] = _made_of("tokenizations.id")
    hook: Mapped[str]
    tokens: Mapped[int]
    latents: Mapped[int]
    alive: Mapped[int]
    loaded: Mapped[bool] = mapped_column(default=False)
    """Whether its features' rows are in the database."""


AnyRow = Model | Dataset | Tokenization | Recording | Sae | FeatureSet

TABLES: Mapping[str, Any] = {
    "model": Model,
    "dataset": Dataset,
    "tokenization": Tokenization,
    "recording": Recording,
    "sae": Sae,
    "feature_set": FeatureSet,
}
"""By the name that the HTTP interface, jobs and events use."""

KINDS: Mapping[str, Kind] = {
    "model": Kind.MODEL,
    "dataset": Kind.CORPUS,
    "tokenization": Kind.TOKENS,
    "recording": Kind.ACTIVATIONS,
    "sae": Kind.SAE,
    "feature_set": Kind.FEATURES,
}
"""The kind of artifact of each."""

_SEARCHED = {"model": ("source",), "sae": ("hook", "model_name"), "feature_set": ("hook",)}
_USED_BY: Mapping[str, tuple[tuple[str, str], ...]] = {
    "model": (
        ("tokenization", "model_id"),
        ("recording", "model_id"),
        ("sae", "model_id"),
        ("feature_set", "model_id"),
    ),
    "dataset": (("tokenization", "dataset_id"),),
    "tokenization": (("recording", "tokenization_id"), ("sae", "tokenization_id"), ("feature_set", "tokenization_id")),
    "recording": (("sae", "recording_id"),),
    "sae": (("feature_set", "sae_id"),),
}


async def get(session: Session, entity: str, id_or_name: str) -> AnyRow | None:
    """One row, by id or by name; an id counts more than a name that looks like it."""
    table = TABLES[entity]
    wanted = select(table).where(or_(table.id == id_or_name, table.name == id_or_name))
    found: AnyRow | None = await session.scalar(wanted.order_by((table.id == id_or_name).desc()).limit(1))
    return found


async def page(
    session: Session,
    entity: str,
    *,
    search: str | None = None,
    where: Mapping[str, Any] | None = None,
    sort: str = "created_at",
    descending: bool = True,
    offset: int = 0,
    limit: int = 50,
) -> tuple[list[Any], int]:
    """Some rows, and how many there are of those asked for.

    Args:
        where: columns that must have these values.
    """
    table = TABLES[entity]
    wanted = select(table)
    if search:
        columns = [table.name, *(getattr(table, name) for name in _SEARCHED.get(entity, ()))]
        wanted = wanted.where(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    for name, value in (where or {}).items():
        wanted = wanted.where(getattr(table, name) == value)
    total = await session.scalar(select(func.count()).select_from(wanted.subquery()))
    column = getattr(table, sort)
    ordered = wanted.order_by(column.desc().nulls_last() if descending else column.asc().nulls_last(), table.id)
    return list(await session.scalars(ordered.offset(offset).limit(limit))), int(total or 0)


async def by_ids(session: Session, entity: str, ids: Iterable[str]) -> dict[str, Any]:
    """The rows of these ids that there are."""
    table = TABLES[entity]
    return {row.id: row for row in await session.scalars(select(table).where(table.id.in_(set(ids))))}


async def names(session: Session, entity: str, ids: set[str]) -> dict[str, str]:
    """The name of each id that there is."""
    table = TABLES[entity]
    rows = await session.execute(select(table.id, table.name).where(table.id.in_(ids)))
    return dict(rows.all())


async def counts(session: Session, entity: str, column: str, values: Iterable[str]) -> dict[str, int]:
    """Rows with each of these values in a column; values without rows are left out."""
    owner = getattr(TABLES[entity], column)
    rows = await session.execute(select(owner, func.count()).where(owner.in_(set(values))).group_by(owner))
    return dict(rows.all())


async def referents(session: Session, entity: str, row_id: str) -> list[dict[str, str]]:
    """What was made of it: entity, id and name of each."""
    found = []
    for user, column in _USED_BY.get(entity, ()):
        table = TABLES[user]
        rows = await session.execute(select(table.id, table.name).where(getattr(table, column) == row_id))
        found += [{"entity": user, "id": each, "name": name} for each, name in rows]
    return found


async def remove(session: Session, entity: str, row_id: str) -> None:
    """Forget a row."""
    table = TABLES[entity]
    await session.execute(delete(table).where(table.id == row_id))
