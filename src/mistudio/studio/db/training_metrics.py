"""The lines of trainings' logs, and curves of them with few enough points for a chart.

A curve of a hundred thousand lines must be there in an instant. So lines are summed up when they are written, in blocks
of a few steps; a chart is drawn from the blocks, and from the lines at both ends of what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    String,
    Subquery,
    Table,
    delete,
    func,
    literal,
    not_,
    select,
    true,
    union_all,
)
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
    penalty: Mapped[float] = mapped_column(Double)
    coefficient: Mapped[float] = mapped_column(Double)
    revived: Mapped[float] = mapped_column(Double)
    seconds: Mapped[float] = mapped_column(Double)


BLOCK_STEPS = 16
"""Steps that a block sums up."""
COLUMNS = tuple(column.key for column in TrainingMetric.__table__.columns if column.key != "training_id")
_LATER = ("penalty", "coefficient", "revived")
"""What the logs of earlier versions do not have: it was 0 then."""
CURVES = ("loss", "auxiliary_loss", "fvu", "l0", "dead_share", "lr", "gradient_norm", *_LATER)
"""The columns that are drawn over the steps."""
_NOTHING = dict.fromkeys(_LATER, 0.0)
_SUMS: Mapping[str, Any] = {"min": func.min, "sum": func.sum, "max": func.max}
_BLOCKS = Table(
    "training_metric_blocks",
    Base.metadata,
    Column("training_id", String(64), ForeignKey("trainings.id", ondelete="CASCADE"), primary_key=True),
    Column("block", BigInteger, primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("step", "tokens", "lines")),
    Column("seconds", Double, nullable=False),
    *(Column(f"{name}_{kind}", Double, nullable=False) for name in CURVES for kind in _SUMS),
)
"""Of the lines of `BLOCK_STEPS` steps: the last line's step, tokens and seconds, and each curve's sums."""


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
        {"training_id": training_id, **_NOTHING, **{name: line[name] for name in COLUMNS if name in line}}
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
    for training_id in {row["training_id"] for row in rows}:
        await _sum_up(session, training_id, min(row["step"] for row in rows if row["training_id"] == training_id))


async def forget_after(session: Session, training_id: str, step: int) -> None:
    """Remove the lines after a step, as a run does that goes on from a checkpoint there."""
    await session.execute(
        delete(TrainingMetric).where(TrainingMetric.training_id == training_id, TrainingMetric.step > step)
    )
    await session.execute(
        delete(_BLOCKS).where(_BLOCKS.c.training_id == training_id, _BLOCKS.c.block >= step // BLOCK_STEPS)
    )
    await _sum_up(session, training_id, step)


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
    pieces = _pieces(training_id, of, blocks=steps // BLOCK_STEPS > count)
    number = ((pieces.c.at - of.first) * count // steps).label("number")
    last = [func.max(pieces.c[name]).label(name) for name in ("step", "tokens", "seconds")]
    curves = [
        value.label(f"{name}_{kind}")
        for name in CURVES
        for kind, value in (
            ("min", func.min(pieces.c[f"{name}_min"])),
            ("mean", func.sum(pieces.c[f"{name}_sum"]) / func.sum(pieces.c.lines)),
            ("max", func.max(pieces.c[f"{name}_max"])),
        )
    ]
    found = select(number, *last, *curves).group_by(number).order_by(number)
    return await _columns(session, found)


def _pieces(training_id: str, of: Extent, *, blocks: bool) -> Subquery:
    """What a curve is made of: lines, or the blocks that lie within the extent and the lines beside them."""
    first = -(-of.first // BLOCK_STEPS) if blocks else 0
    end = (of.last + 1) // BLOCK_STEPS if blocks else 0
    step, columns = TrainingMetric.step, [getattr(TrainingMetric, name) for name in CURVES for _ in _SUMS]
    within = (step >= first * BLOCK_STEPS) & (step < end * BLOCK_STEPS)
    names = [f"{name}_{kind}" for name in CURVES for kind in _SUMS]
    lines = select(
        step.label("at"),
        step.label("step"),
        TrainingMetric.tokens.label("tokens"),
        TrainingMetric.seconds.label("seconds"),
        literal(1, BigInteger).label("lines"),
        *(column.label(name) for name, column in zip(names, columns, strict=True)),
    ).where(*_range(training_id, of.first, of.last), not_(within))
    if not blocks:
        return lines.subquery()
    plain = [_BLOCKS.c[name] for name in ("step", "tokens", "seconds", "lines", *names)]
    summed = select((_BLOCKS.c.block * BLOCK_STEPS).label("at"), *plain)
    return union_all(
        summed.where(_BLOCKS.c.training_id == training_id, _BLOCKS.c.block >= first, _BLOCKS.c.block < end), lines
    ).subquery()


async def _sum_up(session: Session, training_id: str, step: int) -> None:
    """Sum up the lines again, from the block of a step on."""
    block = (TrainingMetric.step // BLOCK_STEPS).label("block")
    values = {
        "training_id": literal(training_id, String(64)),
        "block": block,
        **{name: func.max(getattr(TrainingMetric, name)) for name in ("step", "tokens", "seconds")},
        "lines": func.count(),
        **{f"{name}_{kind}": of(getattr(TrainingMetric, name)) for name in CURVES for kind, of in _SUMS.items()},
    }
    found = select(*values.values()).where(*_range(training_id, step // BLOCK_STEPS * BLOCK_STEPS, None))
    statement = insert(_BLOCKS).from_select(list(values), found.group_by(block))
    changed = {name: statement.excluded[name] for name in values if name not in ("training_id", "block")}
    await session.execute(statement.on_conflict_do_update(index_elements=["training_id", "block"], set_=changed))


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
