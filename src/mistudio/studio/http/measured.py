"""Numbers as the API shows them: never without a unit and a definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from mistudio.evaluation.definitions import Metric
from mistudio.studio.http.schemas import ApiModel


class MetricDefinition(ApiModel):
    """What a number means."""

    name: str
    title: str
    symbol: str
    unit: str
    """`1` for a pure number."""
    better: Literal["lower", "higher", "none"]
    definition: str
    source: str
    """Where the definition comes from."""


class Measured(MetricDefinition):
    """A number with its meaning."""

    value: float


def definition_of(metric: Metric) -> MetricDefinition:
    """A row of a table of definitions as an answer."""
    return MetricDefinition.model_validate(metric)


def measured(values: Mapping[str, float | None], table: Mapping[str, Metric]) -> list[Measured]:
    """Those of the numbers that were measured, in the order of the table."""
    return [
        Measured(**definition_of(metric).model_dump(), value=value)
        for name, metric in table.items()
        if (value := values.get(name)) is not None
    ]
