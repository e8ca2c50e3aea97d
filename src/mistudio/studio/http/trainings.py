"""Trainings as the API shows them: where each is, what it is made of, and its checkpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.store import LocalStore
from mistudio.sae.config import TopKConfig, TrainableConfig
from mistudio.studio.db import artifacts, training_metrics, trainings
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.db.training_metrics import TrainingMetric
from mistudio.studio.db.trainings import Training
from mistudio.studio.http.jobs import JobOut, job_out
from mistudio.studio.http.references import Ref, References
from mistudio.studio.http.schemas import ApiModel
from mistudio.training.config import TrainConfig
from mistudio.training.layout import BEST, CHECKPOINTS, step_of

_CLASSES = [get_args(each)[0] for each in get_args(get_args(TrainableConfig)[0])]
_OPTIONS = {each.model_fields["architecture"].default: each for each in _CLASSES}
"""What can be said of each architecture."""


class TrainingLine(ApiModel):
    """One line of a training's log; its curves' `definitions` say what the numbers mean."""

    step: int
    tokens: int
    """Trained on so far."""
    loss: float
    auxiliary_loss: float
    fvu: float
    l0: float
    dead_share: float
    lr: float
    gradient_norm: float
    penalty: float
    coefficient: float
    revived: float
    """Since the line before."""
    seconds: float
    """Since the training began, without pauses."""


class TrainingOut(ApiModel):
    """A training."""

    id: str
    name: str
    """Also of the SAE that it makes."""
    state: JobState
    origin: Literal["studio", "command_line"]
    job: JobOut | None
    """The newest job; null of a training that the command line ran."""
    source: Literal["recording", "model"]
    """Whether it reads recorded activations, or runs the model along."""
    model: Ref | None
    """Null where it is gone; its name is `model_name`."""
    model_name: str
    dataset: Ref | None
    tokenization: Ref | None
    recordings: list[Ref]
    sae: Ref | None
    """What it made, once it is finished."""
    hook: str
    """Hook point, such as `resid_post.15`."""
    d_in: int
    """Width of the activations."""
    d_sae: int
    """Latents."""
    config: TrainConfig
    learning_rate: float
    """The highest one, given or chosen."""
    step: int
    total_steps: int
    tokens: int
    """Trained on so far."""
    last_line: TrainingLine | None
    """The newest line of the log."""
    tokens_per_second: float | None
    """While it runs over the last seconds, else of the whole training."""
    eta_seconds: float | None
    """Until the end of the training, while it runs."""
    seconds: float | None
    """That it trained, without pauses and waiting."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class CheckpointOut(ApiModel):
    """A saved state from which the training can go on."""

    step: int
    tokens: int
    """Trained on until then."""
    bytes: int
    created_at: datetime


class TakenSae(ApiModel):
    """An SAE that was made from a checkpoint, or is being made."""

    job: JobOut
    step: int | None
    """Of the checkpoint; null where the newest or the best was asked for."""
    best: bool
    sae: Ref | None
    """Null until it is made, and where it is gone again."""


class TrainingCheckpoints(ApiModel):
    """What the training has on disk."""

    checkpoints: list[CheckpointOut]
    """Newest first; as many as the training was told to keep."""
    best: CheckpointOut | None
    """The state with the best validation, where the training keeps it."""
    made: list[TakenSae]
    """SAEs from its checkpoints, newest first."""
    every_steps: int
    """Steps between two: the most that a killed process loses."""
    sae: Ref | None
    """The finished SAE."""
    sae_bytes: int | None


async def trainings_out(session: Session, found: Sequence[tuple[Training, Job | None]]) -> list[TrainingOut]:
    """Rows as answers; a few queries, however many there are."""
    lines = await training_metrics.last_lines(session, [training.id for training, _ in found])
    origins = await _Origins.read(session, [training for training, _ in found])
    return [_training_out(training, job, lines.get(training.id), origins) for training, job in found]


async def checkpoints_of(session: Session, store: LocalStore, training: Training) -> TrainingCheckpoints:
    """What a training has on disk."""
    row = await artifacts.get(session, "sae", training.sae_id) if training.sae_id else None
    config = config_of(training)
    folder = partial_of(store.path(Kind.SAE, training.name))
    found = [] if row is not None else await asyncio.to_thread(_states, folder / CHECKPOINTS, config.batch_size)
    best = [] if row is not None else await asyncio.to_thread(_states, folder / BEST, config.batch_size)
    return TrainingCheckpoints(
        checkpoints=found,
        best=best[0] if best else None,
        made=await _made_of(session, training),
        every_steps=config.checkpoint_steps(),
        sae=Ref(id=row.id, name=row.name) if row is not None else None,
        sae_bytes=row.bytes if row is not None else None,
    )


async def _made_of(session: Session, training: Training) -> list[TakenSae]:
    jobs = await trainings.finalizations(session, training.id)
    ids = {job.id: str(job.result["id"]) for job in jobs if job.result}
    names = await References.read(session, {"sae": set(ids.values())})
    return [
        TakenSae(
            job=job_out(job),
            step=job.request.get("step"),
            best=bool(job.request.get("best")),
            sae=names("sae", ids.get(job.id)),
        )
        for job in jobs
    ]


def _states(folder: Path, batch_size: int) -> list[CheckpointOut]:
    found = []
    for path in sorted(folder.glob("step-*"), reverse=True):
        # The training may remove it at this moment.
        with suppress(FileNotFoundError):
            step = step_of(path)
            size = sum(file.stat().st_size for file in path.iterdir())
            at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found.append(CheckpointOut(step=step, tokens=step * batch_size, bytes=size, created_at=at))
    return found


def config_of(training: Training) -> TrainConfig:
    """How it is trained; what this version does not know of an older or newer one is left out."""
    given: dict[str, Any] = training.request.get("config") or {}
    known = {name: value for name, value in given.items() if name in TrainConfig.model_fields}
    if isinstance(sae := known.get("sae"), dict):
        fields = _OPTIONS.get(str(sae.get("architecture")), TopKConfig).model_fields
        known["sae"] = {name: value for name, value in sae.items() if name in fields}
    return TrainConfig.model_validate(known)


def _training_out(training: Training, job: Job | None, line: TrainingMetric | None, origins: _Origins) -> TrainingOut:
    config, shown = config_of(training), job_out(job) if job is not None else None
    state = shown.state if shown is not None else JobState.COMPLETED
    width, names = config.sae.width(training.d_in), origins.names
    # The job's progress is newer than the last line, but only a live one says anything of this stage.
    tokens = line.tokens if line is not None else 0
    if shown is not None and state.is_live and shown.stage == "train" and shown.done is not None:
        tokens = max(tokens, int(shown.done))
    ids = origins.ids(training)
    return TrainingOut(
        id=training.id,
        name=training.name,
        state=state,
        origin="command_line" if job is None else "studio",
        job=shown,
        source="recording" if origins.recordings(training) else "model",
        model=names("model", ids["model"]),
        model_name=training.model_name,
        dataset=names("dataset", ids["dataset"]),
        tokenization=names("tokenization", ids["tokenization"]),
        recordings=[ref for each in origins.recordings(training) if (ref := names("recording", each))],
        sae=names("sae", training.sae_id),
        hook=training.hook,
        d_in=training.d_in,
        d_sae=width,
        config=config,
        learning_rate=config.learning_rate(width),
        step=max(line.step if line is not None else 0, tokens // config.batch_size),
        total_steps=training.total_steps,
        tokens=tokens,
        last_line=TrainingLine.model_validate(line) if line is not None else None,
        tokens_per_second=_speed(shown, line),
        eta_seconds=shown.eta_seconds if shown is not None and shown.stage == "train" else None,
        seconds=line.seconds if line is not None else None,
        created_at=training.created_at,
        started_at=shown.started_at if shown is not None else None,
        finished_at=shown.finished_at if shown is not None else training.created_at,
    )


def _speed(job: JobOut | None, line: TrainingMetric | None) -> float | None:
    if job is not None and job.state.is_live:  # An earlier attempt's speed says nothing of this one.
        return job.rate if job.stage == "train" else None
    return line.tokens / line.seconds if line is not None and line.seconds else None


class _Origins:
    """What some trainings are made of."""

    def __init__(self, saes: dict[str, Any], recordings: dict[str, Any]) -> None:
        self._saes, self._recordings = saes, recordings
        self._datasets: dict[str, str | None] = {}
        self.names = References({})

    @classmethod
    async def read(cls, session: Session, found: Sequence[Training]) -> _Origins:
        """Read the rows and names that some trainings point to."""
        saes = await artifacts.by_ids(session, "sae", {each.sae_id for each in found if each.sae_id})
        recorded = {each for training in found for each in training.request.get("recording_ids") or ()}
        recorded |= {sae.recording_id for sae in saes.values() if sae.recording_id}
        origins = cls(saes, await artifacts.by_ids(session, "recording", recorded))
        tokenized = {each for training in found if (each := origins.ids(training)["tokenization"])}
        rows = await artifacts.by_ids(session, "tokenization", tokenized)
        origins._datasets = {row.id: row.dataset_id for row in rows.values()}
        wanted: dict[str, set[str | None]] = {"sae": set(saes), "recording": set(origins._recordings)}
        for training in found:
            for entity, each in origins.ids(training).items():
                wanted.setdefault(entity, set()).add(each)
        origins.names = await References.read(session, wanted)
        return origins

    def ids(self, training: Training) -> dict[str, str | None]:
        """The ids of its model, tokenization and data set."""
        sae = self._saes.get(training.sae_id or "")
        recording = self._recordings.get(next(iter(self.recordings(training)), ""))
        made_of = recording or sae
        model = made_of.model_id if made_of else training.request.get("model_id")
        tokenization = made_of.tokenization_id if made_of else training.request.get("tokenization_id")
        return {"model": model, "tokenization": tokenization, "dataset": self._datasets.get(tokenization or "")}

    def recordings(self, training: Training) -> list[str]:
        """The ids of its recordings."""
        sae = self._saes.get(training.sae_id or "")
        made_of = [sae.recording_id] if sae is not None and sae.recording_id else []
        return list(training.request.get("recording_ids") or made_of)
