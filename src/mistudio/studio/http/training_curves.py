"""A training's log as curves: as many points as a chart can show, whatever the number of steps."""

from __future__ import annotations

from mistudio.studio.db import training_metrics
from mistudio.studio.db.session import Session
from mistudio.studio.db.training_metrics import CURVES
from mistudio.studio.http.measured import MetricDefinition, definition_of
from mistudio.studio.http.schemas import ApiModel
from mistudio.training.definitions import LINE_METRICS


class Curve(ApiModel):
    """One number over the steps: of each point the least, the mean and the greatest of its lines."""

    min: list[float]
    mean: list[float]
    max: list[float]


class TrainingCurves(ApiModel):
    """The log between two steps, with at most as many points as asked for; extremes are kept."""

    training_id: str
    steps: list[int]
    """Of the last line of each point."""
    tokens: list[int]
    seconds: list[float]
    loss: Curve
    auxiliary_loss: Curve
    fvu: Curve
    l0: Curve
    dead_share: Curve
    lr: Curve
    gradient_norm: Curve
    penalty: Curve
    coefficient: Curve
    revived: Curve
    lines: int
    """Lines of the log between these steps."""
    sampled: bool
    """Whether a point stands for several lines."""
    definitions: list[MetricDefinition]


async def curves_of(
    session: Session, training_id: str, points: int, start_step: int | None, end_step: int | None
) -> TrainingCurves:
    """The curves of a training between two steps, both included."""
    of = await training_metrics.extent(session, training_id, start_step=start_step, end_step=end_step)
    sampled = of.lines > points
    columns = await (
        training_metrics.buckets(session, training_id, of, points)
        if sampled
        else training_metrics.lines(session, training_id, of)
    )
    curves = {
        name: Curve(**{kind: columns[f"{name}_{kind}" if sampled else name] for kind in ("min", "mean", "max")})
        for name in CURVES
    }
    return TrainingCurves(
        training_id=training_id,
        steps=columns["step"],
        tokens=columns["tokens"],
        seconds=columns["seconds"],
        lines=of.lines,
        sampled=sampled,
        definitions=[definition_of(metric) for metric in LINE_METRICS.values()],
        **curves,
    )
