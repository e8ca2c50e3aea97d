"""How a machine was, in columns, thinned out to as many points as a chart shows.

Each process reads an hour of samples once, and from then on only those that are new.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from mistudio.studio.db import samples
from mistudio.studio.db.samples import KEPT_MINUTES
from mistudio.studio.db.session import Session

Values = Sequence[float | None]

_COLUMNS = (
    "cpu_percent",
    "memory_percent",
    "memory_used_bytes",
    "swap_used_bytes",
    "disk_percent",
    "disk_read_bytes_per_second",
    "disk_write_bytes_per_second",
    "network_received_bytes_per_second",
    "network_sent_bytes_per_second",
)
_GPU_COLUMNS = ("percent", "memory_used_bytes", "temperature_celsius", "power_watts")
_KEPT_ANSWERS = 8


class _Columns(BaseModel):
    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class GpuHistory(_Columns):
    """One GPU over time: a value for each time of `at`, null where it gave none."""

    index: int
    name: str
    memory_total_bytes: int
    percent: list[float | None]
    memory_used_bytes: list[float | None]
    temperature_celsius: list[float | None]
    power_watts: list[float | None]


class SystemHistory(_Columns):
    """A machine over time, in columns: place i of each belongs to the time at place i of `at`."""

    host: str
    hosts: list[str]
    """Machines of which there are samples."""
    step_seconds: float
    """What a point stands for; its values are means over as many seconds."""
    at: list[float]
    """Seconds since 1970, rising; a pause of the studio leaves a gap."""
    cpu_percent: list[float | None]
    cores: list[list[float | None]]
    """A column a core, in percent."""
    load: list[float | None]
    """Over one minute."""
    memory_percent: list[float | None]
    memory_used_bytes: list[float | None]
    memory_total_bytes: int
    swap_used_bytes: list[float | None]
    swap_total_bytes: int
    disk_percent: list[float | None]
    disk_read_bytes_per_second: list[float | None]
    disk_write_bytes_per_second: list[float | None]
    network_received_bytes_per_second: list[float | None]
    network_sent_bytes_per_second: list[float | None]
    gpus: list[GpuHistory]


@dataclass(frozen=True)
class Reading:
    """What of a sample goes into a history."""

    seconds: float
    """Since 1970."""
    columns: Values
    load: float | None
    cores: Values
    gpus: Values
    """The columns of one GPU after another."""

    @classmethod
    def of(cls, sample: dict[str, Any]) -> Reading:
        """Take it from a sample."""
        return cls(
            seconds=datetime.fromisoformat(sample["at"]).timestamp(),
            columns=[sample[name] for name in _COLUMNS],
            load=sample["load"][0] if sample["load"] else None,
            cores=sample["cores"],
            gpus=[gpu[name] for gpu in sample["gpus"] for name in _GPU_COLUMNS],
        )


class _Answer(NamedTuple):
    newest: float
    history: SystemHistory


class Histories:
    """The last hour of every machine, as far as this process was asked for it."""

    def __init__(self) -> None:
        self._machines: dict[str, _Machine] = {}

    async def of(
        self, session: Session, host: str, hosts: list[str], *, minutes: float, step_seconds: float
    ) -> SystemHistory:
        """The history of one machine.

        Args:
            hosts: all machines that there are.
            minutes: how far back.
            step_seconds: width of a point; one without a sample is left out.
        """
        machine = self._machines.setdefault(host, _Machine())
        machine.add(await samples.since(session, host, machine.read_until))
        return machine.history(host, hosts, minutes, step_seconds)


class _Machine:
    def __init__(self) -> None:
        self._readings: deque[Reading] = deque()
        self._last: dict[str, Any] = {}
        self._answers: dict[tuple[float, float], _Answer] = {}

    @property
    def read_until(self) -> datetime | None:
        """Time of the newest sample that was read."""
        return datetime.fromisoformat(self._last["at"]) if self._last else None

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Note new samples, and forget those of more than an hour ago."""
        newest = self._readings[-1].seconds if self._readings else 0.0
        for row in rows:  # Two requests at once may have read the same.
            if (reading := Reading.of(row)).seconds > newest:
                self._readings.append(reading)
                self._last, newest = row, reading.seconds
        begin = datetime.now(UTC).timestamp() - 60 * KEPT_MINUTES
        while self._readings and self._readings[0].seconds < begin:
            self._readings.popleft()

    def history(self, host: str, hosts: list[str], minutes: float, step_seconds: float) -> SystemHistory:
        newest = self._readings[-1].seconds if self._readings else 0.0
        answer = self._answers.get((minutes, step_seconds))
        if answer is None or answer.newest != newest:
            begin = datetime.now(UTC).timestamp() - 60 * minutes
            recent = [reading for reading in self._readings if reading.seconds >= begin]
            made = history_of(recent, self._last, host=host, step_seconds=step_seconds)
            answer = self._answers[minutes, step_seconds] = _Answer(newest, made)
            while len(self._answers) > _KEPT_ANSWERS:
                del self._answers[next(iter(self._answers))]
        return answer.history.model_copy(update={"hosts": hosts})


def history_of(readings: Sequence[Reading], last: dict[str, Any], *, host: str, step_seconds: float) -> SystemHistory:
    """The readings as columns.

    Args:
        readings: oldest first.
        last: the newest sample, which says how much memory there is and which GPUs.
        host: whose they are.
        step_seconds: width of a point.
    """
    points: dict[int, list[Reading]] = {}
    for reading in readings:
        points.setdefault(int(reading.seconds / step_seconds), []).append(reading)
    groups = list(points.values())
    gpus = last.get("gpus", [])
    cores = _columns([_means(each.cores for each in group) for group in groups], len(last.get("cores", [])))
    of_gpus = _columns([_means(each.gpus for each in group) for group in groups], len(gpus) * len(_GPU_COLUMNS))
    main = _columns([_means(each.columns for each in group) for group in groups], len(_COLUMNS))
    return SystemHistory(
        host=host,
        hosts=[host],
        step_seconds=step_seconds,
        at=[place * step_seconds for place in points],
        cores=cores,
        load=[_mean([each.load for each in group]) for group in groups],
        memory_total_bytes=last.get("memory_total_bytes", 0),
        swap_total_bytes=last.get("swap_total_bytes", 0),
        gpus=[
            GpuHistory(
                index=gpu["index"],
                name=gpu["name"],
                memory_total_bytes=gpu["memory_total_bytes"],
                **dict(zip(_GPU_COLUMNS, of_gpus[place * len(_GPU_COLUMNS) :], strict=False)),
            )
            for place, gpu in enumerate(gpus)
        ],
        **dict(zip(_COLUMNS, main, strict=True)),
    )


def _means(rows: Iterable[Values]) -> list[float | None]:
    """The mean of each place; rows of a time when there were fewer cores or GPUs are shorter."""
    return [_mean(values) for values in zip_longest(*rows)]


def _mean(values: Values) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 2) if known else None


def _columns(rows: list[list[float | None]], width: int) -> list[list[float | None]]:
    """Rows of a table as its columns, of which there are `width`."""
    return [[row[place] if place < len(row) else None for row in rows] for place in range(width)]
