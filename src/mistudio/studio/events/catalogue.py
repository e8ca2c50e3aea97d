"""All live events: their channels, types and payloads. The TypeScript types and the docs are generated from here.

A channel is `{entity}/{id}`, or one of the fixed ones. A payload states what is so now, never a difference, so that
a client that missed some is right again with the next.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel


class Payload(BaseModel):
    """What every event is: frozen, closed, and with its type."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class JobProgress(Payload):
    """How far a job is. Channels: `jobs/{id}`, `jobs`."""

    type: Literal["job.progress"] = "job.progress"
    job_id: str
    stage: str
    done: float
    total: float | None
    """In units of `done`; null where nobody knows it."""
    rate: float | None
    """Units a second."""
    eta_seconds: float | None
    metrics: dict[str, float]


class JobChanged(Payload):
    """A job was created, or came into another state. Channels: `jobs/{id}`, `jobs`, and its subject's."""

    type: Literal["job.state"] = "job.state"
    job_id: str
    kind: str
    title: str
    state: str
    previous: str | None
    """Null where the job is new."""
    wanted: str
    subject: str | None


class JobCompleted(Payload):
    """A job made what it was to make. Channels: `jobs/{id}`, `jobs`, and its subject's."""

    type: Literal["job.completed"] = "job.completed"
    job_id: str
    kind: str
    title: str
    failed_items: int
    """Above 0 the job is completed_with_errors."""
    entity: str | None
    """What was made: dataset, model, sae, …"""
    entity_id: str | None
    entity_name: str | None


class JobFailed(Payload):
    """A job gave up. Channels: `jobs/{id}`, `jobs`, and its subject's."""

    type: Literal["job.failed"] = "job.failed"
    job_id: str
    kind: str
    title: str
    code: str
    message: str
    remedy: str


class MetricPoint(Payload):
    """One line of a training's log."""

    step: int
    tokens: int
    loss: float
    auxiliary_loss: float
    fvu: float
    l0: float
    dead_share: float
    lr: float
    gradient_norm: float
    penalty: float = 0.0
    coefficient: float = 0.0
    revived: float = 0.0
    seconds: float


class TrainingMetrics(Payload):
    """New lines of a training's log. Channel: `trainings/{id}`."""

    type: Literal["training.metrics"] = "training.metrics"
    training_id: str
    points: tuple[MetricPoint, ...]


class TrainingCheckpoint(Payload):
    """A checkpoint was saved. Channel: `trainings/{id}`."""

    type: Literal["training.checkpoint"] = "training.checkpoint"
    training_id: str
    step: int
    bytes: int


class GpuSample(Payload):
    """How one GPU is; null where its driver does not say."""

    index: int
    name: str
    percent: float | None
    """Share of the time in which it worked, in percent."""
    memory_used_bytes: int
    memory_total_bytes: int
    temperature_celsius: float | None
    power_watts: float | None


class ProcessSample(Payload):
    """One of the studio's processes."""

    name: str
    """What it is: API, worker, engine, database, timetable, supervisor or job."""
    pid: int
    cpu_percent: float
    """Of one core."""
    memory_bytes: int
    """Resident."""
    job_id: str | None
    """The job that it does."""


class MachineSample(Payload):
    """How a machine is at one moment. Rates are over the two seconds before it."""

    host: str
    at: datetime
    cpu_percent: float
    """Of all cores together."""
    cores: tuple[float, ...]
    """Each core, in percent."""
    load: tuple[float, float, float] | None
    """Processes that run or want to, averaged over 1, 5 and 15 minutes; null where the system does not say."""
    memory_percent: float
    memory_used_bytes: int
    memory_total_bytes: int
    swap_used_bytes: int
    swap_total_bytes: int
    disk_percent: float
    """Of the disk that holds the home."""
    disk_free_bytes: int
    disk_total_bytes: int
    disk_read_bytes_per_second: float
    disk_write_bytes_per_second: float
    network_received_bytes_per_second: float
    network_sent_bytes_per_second: float
    gpu_percent: float | None
    """Of all GPUs together; null without one."""
    gpus: tuple[GpuSample, ...]
    processes: tuple[ProcessSample, ...]
    """The studio's, largest first."""


class SystemMetrics(Payload):
    """How the machine is. Channel: `system/metrics`, every two seconds."""

    type: Literal["system.metrics"] = "system.metrics"
    sample: MachineSample
    """As `GET /api/v1/system/metrics`."""


class StoreChanged(Payload):
    """Artifacts came or went. Channel: `store`."""

    type: Literal["store.changed"] = "store.changed"
    entity: str
    """dataset, tokenization, model, recording, training, sae, evaluation, probing, feature_set or template."""
    id: str | None
    """Null where many changed."""


Event = (
    JobProgress
    | JobChanged
    | JobCompleted
    | JobFailed
    | TrainingMetrics
    | TrainingCheckpoint
    | SystemMetrics
    | StoreChanged
)


class StudioEvent(RootModel[Annotated[Event, Field(discriminator="type")]]):
    """Any event, told apart by `type`."""


class Envelope(BaseModel):
    """What a socket delivers under the name `event`."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    seq: int
    """Rises within a channel; name the last one seen as `after` when subscribing again."""
    channel: str
    data: StudioEvent
    timestamp: datetime


CHANNELS = {
    "jobs": "Every job's progress and changes of state.",
    "jobs/{id}": "One job's progress and changes of state.",
    "trainings/{id}": "One training: its metrics, checkpoints and changes of state.",
    "system/metrics": "The machine, every two seconds.",
    "store": "Artifacts that came or went.",
}
"""Every channel and what it carries."""

_PATTERN = "|".join(name.replace("{id}", "[A-Za-z0-9_-]{1,64}") for name in CHANNELS)


def is_channel(name: str) -> bool:
    """Whether there is such a channel."""
    return re.fullmatch(_PATTERN, name, re.ASCII) is not None
