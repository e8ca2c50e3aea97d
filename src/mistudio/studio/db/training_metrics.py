"""The lines of trainings' logs, and curves of them with few enough points for a chart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Double, ForeignKey, String, delete, func, literal, select, text, true
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Mapped, aliased, mapped_column

from mistudio.studio.db.base import Base
from mistudio.studio.db.session import Session


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


COLUMNS = tuple(column.key for column in TrainingMetric.__table__.columns if column.key != "training_id")
CURVES = ("loss", "auxiliary_loss", "fvu", "l0", "dead_share", "lr", "gradient_norm")
"""The columns that are drawn over the steps."""


class Extent(NamedTuple):
    """Which lines of a training there are."""

    lines: int
    first: int
    """Step of the first line; 0 if there is none."""
    last: int


async def write(session: Session, training_id: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Keep lines of the log; a resumed run writes those after its checkpoint again."""
    await write_all(session, {training_id: lines})


async def write_all(session: Session, logs: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """Keep lines of the logs of several trainings."""
    rows = [
        {"training_id": training_id, **{name: line[name] for name in COLUMNS}}
        for training_id, lines in logs.items()
        for line in lines
    ]
    if rows:
        # Of the table and not of the class: one statement for all rows, which is prepared once.
        statement = insert(Base.metadata.tables[TrainingMetric.__tablename__])
        changed = {name: statement.excluded[name] for name in COLUMNS if name != "step"}
        await session.execute(
            statement.on_conflict_do_update(index_elements=["training_id", "step"], set_=changed), rows
        )


async def forget_after(session: Session, training_id: str, step: int) -> None:
    """Remove the lines after a step, as a run does that goes on from a checkpoint there."""
    await session.execute(
        delete(TrainingMetric).where(TrainingMetric.training_id == training_id, TrainingMetric.step > step)
    )


async def extent(
    session: Session, training_id: str, *, start_step: int | None = None, end_step: int | None = None
) -> Extent:
    """Which lines there are between two steps, both included."""
    column = TrainingMetric.step
    found = select(func.count(), func.coalesce(func.min(column), 0), func.coalesce(func.max(column), 0))
    row = await session.execute(found.where(*_range(training_id, start_step, end_step)))
    return Extent(*row.one())


async def last_lines(session: Session, training_ids: Sequence[str]) -> dict[str, TrainingMetric]:
    """The newest line of each of these trainings."""
    wanted = func.unnest(literal(list(training_ids), ARRAY(String))).table_valued("id").render_derived(name="wanted")
    newest = (
        select(TrainingMetric)
        .where(TrainingMetric.training_id == wanted.c.id)
        .order_by(TrainingMetric.step.desc())
        .limit(1)
        .lateral("newest")
    )
    line = aliased(TrainingMetric, newest)
    rows = await session.scalars(select(line).select_from(wanted).join(newest, true()))
    return {row.training_id: row for row in rows}


async def lines(session: Session, training_id: str, of: Extent) -> dict[str, list[Any]]:
    """The columns of an extent's lines, in order."""
    found = select(*(getattr(TrainingMetric, name) for name in COLUMNS)).order_by(TrainingMetric.step)
    return await _columns(session, found.where(*_range(training_id, of.first, of.last)))


async def buckets(session: Session, training_id: str, of: Extent, count: int) -> dict[str, list[Any]]:
    """An extent's lines in at most `count` runs of equally many steps.

    Returns:
        In order, of each run that holds lines: the `step`, `tokens` and `seconds` of its last line, and of each curve
        its `_min`, `_mean` and `_max`.
    """
    steps = of.last - of.first + 1
    number = (TrainingMetric.step - of.first) * count // steps
    curves = [
        function(getattr(TrainingMetric, name)).label(f"{name}_{kind}")
        for name in CURVES
        for kind, function in (("min", func.min), ("mean", func.avg), ("max", func.max))
    ]
    last = [func.max(getattr(TrainingMetric, name)).label(name) for name in ("step", "tokens", "seconds")]
    found = select(*last, *curves).group_by(text("bucket")).order_by(text("bucket")).add_columns(number.label("bucket"))
    return await _columns(session, found.where(*_range(training_id, of.first, of.last)))


async def _columns(session: Session, query: Any) -> dict[str, list[Any]]:
    result = await session.execute(query)
    names, rows = list(result.keys()), result.all()
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}


def _range(training_id: str, start_step: int | None, end_step: int | None) -> list[Any]:
    conditions = [TrainingMetric.training_id == training_id]
    if start_step is not None:
        conditions.append(TrainingMetric.step >= start_step)
    if end_step is not None:
        conditions.append(TrainingMetric.step <= end_step)
    return conditions
