"""Samples of an hour as columns, thinned out to as many points as a chart shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

Sample = dict[str, Any]

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


def history_of(samples: Sequence[Sample], *, host: str, hosts: list[str], step_seconds: float) -> SystemHistory:
    """The samples as columns.

    Args:
        samples: of that host, oldest first.
        host: whose samples they are.
        hosts: all that there are.
        step_seconds: width of a point; a point without a sample is left out.
    """
    points: dict[int, list[Sample]] = {}
    for sample in samples:
        points.setdefault(int(_seconds(sample) / step_seconds), []).append(sample)
    groups = list(points.values())
    last = samples[-1] if samples else {}

    def column(value: Callable[[Sample], Any]) -> list[float | None]:
        return [_mean(map(value, group)) for group in groups]

    return SystemHistory(
        host=host,
        hosts=hosts,
        step_seconds=step_seconds,
        at=[place * step_seconds for place in points],
        cores=[
            column(lambda each, core=core: _at(each["cores"], core))  # type: ignore[misc]
            for core in range(len(last.get("cores", ())))
        ],
        load=column(lambda each: each["load"][0] if each["load"] else None),
        memory_total_bytes=last.get("memory_total_bytes", 0),
        swap_total_bytes=last.get("swap_total_bytes", 0),
        gpus=[
            GpuHistory(
                index=gpu["index"],
                name=gpu["name"],
                memory_total_bytes=gpu["memory_total_bytes"],
                **{
                    name: column(lambda each, place=place, name=name: (_at(each["gpus"], place) or {}).get(name))  # type: ignore[misc]
                    for name in _GPU_COLUMNS
                },
            )
            for place, gpu in enumerate(last.get("gpus", ()))
        ],
        **{name: column(lambda each, name=name: each[name]) for name in _COLUMNS},  # type: ignore[misc]
    )


def _seconds(sample: Sample) -> float:
    return datetime.fromisoformat(sample["at"]).timestamp()


def _at(values: Sequence[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 2) if known else None
