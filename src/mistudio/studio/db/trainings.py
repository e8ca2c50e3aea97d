"""Trainings and their logs. A training's state is that of its newest job; one that the command line ran has none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, String, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from mistudio.studio.db.base import Base, new_id
from mistudio.studio.db.session import Session


class Training(Base):
    """A training run, from the request on."""

    __tablename__ = "trainings"

    id: Mapped[str] = mapped_column(String(64), primary_key=True, default=lambda: new_id("training"))
    name: Mapped[str] = mapped_column(String(128), unique=True)
    """Of the SAE that it makes."""
    request: Mapped[dict[str, Any]]
    """The train request; of a run of the command line, what its manifest says."""
    model_name: Mapped[str]
    hook: Mapped[str]
    total_steps: Mapped[int]
    sae_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("saes.id", ondelete="SET NULL"), index=True)
    """Once it is finished."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class TrainingMetric(Base):
    """One line of a training's log."""

    __tablename__ = "training_metrics"

    training_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("trainings.id", ondelete="CASCADE"), primary_key=True
    )
    step: Mapped[int] = mapped_column(primary_key=True)
    tokens: Mapped[int]
    loss: Mapped[float] = mapped_column(Double)
    auxiliary_loss: Mapped[float] = mapped_column(Double)
    fvu: Mapped[float] = mapped_column(Double)
    l0: Mapped[float] = mapped_column(Double)
    dead_share: Mapped[float] = mapped_column(Double)
    lr: Mapped[float] = mapped_column(Double)
    gradient_norm: Mapped[float] = mapped_column(Double)
    seconds: Mapped[float] = mapped_column(Double)


METRIC_COLUMNS = tuple(column.key for column in TrainingMetric.__table__.columns if column.key != "training_id")


async def get(session: Session, training_id: str) -> Training | None:
    """One training."""
    return await session.get(Training, training_id)


async def of_sae(session: Session, sae_id: str) -> Training | None:
    """The training that made an SAE."""
    found: Training | None = await session.scalar(select(Training).where(Training.sae_id == sae_id))
    return found


async def write_metrics(session: Session, training_id: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Keep lines of the log; a resumed run writes those after its checkpoint again."""
    rows = [{"training_id": training_id, **{name: line[name] for name in METRIC_COLUMNS}} for line in lines]
    for start in range(0, len(rows), 2000):
        statement = insert(TrainingMetric).values(rows[start : start + 2000])
        changed = {name: statement.excluded[name] for name in METRIC_COLUMNS if name != "step"}
        await session.execute(statement.on_conflict_do_update(index_elements=["training_id", "step"], set_=changed))
