"""Trainings: start one, watch it, pause, resume, stop and retry it."""

from __future__ import annotations

from itertools import count
from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Request
from pydantic import Field

from mistudio.config import Config
from mistudio.errors import ArtifactExists, NotAllowedNow, NotFound
from mistudio.studio.db import jobs, trainings
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.db.trainings import Training
from mistudio.studio.http.admission import check_retry
from mistudio.studio.http.dependencies import Paged, RequestTransaction, Studio, StudioState, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import EstimateOut, check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.schemas import Data, Page
from mistudio.studio.http.training_curves import TrainingCurves, curves_of
from mistudio.studio.http.trainings import TrainingCheckpoints, TrainingOut, checkpoints_of, trainings_out
from mistudio.studio.queue import commands
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.enqueue import DEVICE, create
from mistudio.studio.queue.inputs import TrainInputs, train_inputs
from mistudio.studio.queue.names import free_name, slug
from mistudio.studio.queue.reconcile import reconcile
from mistudio.studio.queue.requests import Finalize, Name, Train

router = APIRouter(prefix="/trainings", tags=["trainings"])

_EXAMPLES = {
    "recording": {
        "summary": "On a recording",
        "value": {
            "recording_ids": ["activations-df42176ba180"],
            "config": {"sae": {"k": 32, "expansion": 8}, "tokens": 2_000_000},
        },
    },
    "model": {
        "summary": "On a model that runs along",
        "value": {
            "model_id": "model-75a4175741ed",
            "tokenization_id": "tokens-69310e249235",
            "hook": "resid_post.15",
            "config": {"sae": {"k": 32, "expansion": 8}, "tokens": 2_000_000},
        },
    },
}
Wanted = Annotated[Train, Body(openapi_examples=_EXAMPLES)]


class FinalizeRequest(Config):
    """Of which state of a training an SAE is to be made."""

    name: Name | None = None
    """Of the SAE; chosen from the training's and the step where not given."""
    step: int | None = Field(default=None, ge=0)
    """Of which checkpoint; the newest where not given."""
    best: bool = False
    """Instead of the state with the best validation, which the training was told to keep."""


@router.get("")
async def list_trainings(
    studio: Studio,
    transaction: Transaction,
    paging: Paged,
    state: Annotated[list[JobState] | None, Query(description="Only these states; may be repeated.")] = None,
    model: Annotated[str | None, Query(max_length=300, description="Only those of the model of this name.")] = None,
    sortBy: Literal["created_at", "name", "model_name", "hook", "state"] = "created_at",
) -> Page[TrainingOut]:
    """All trainings, newest first."""
    transaction.changed += await reconcile(transaction.session, studio.settings)
    found, total = await trainings.page(
        transaction.session, states=[each.value for each in state or ()], model=model, search=paging.search,
        sort=sortBy, descending=paging.descending, offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of(await trainings_out(transaction.session, found), total)


@router.post("", status_code=202, responses=errors(404, 409, 503, 507))
async def start_training(request: Wanted, studio: Studio, transaction: Transaction) -> Data[TrainingOut]:
    """Train an SAE. Refused with the numbers where this machine has not the memory (503) or the disk (507)."""
    session = transaction.session
    inputs = await train_inputs(session, request)
    check_fit(await estimate_out(studio, session, inputs.request))
    name = request.name or await _free_name(session, studio, inputs)
    named = inputs.request.model_copy(update={"name": name})
    training = await trainings.add(
        session,
        name=name,
        request=named.model_dump(mode="json"),
        model_name=inputs.model_name,
        hook=inputs.hook,
        d_in=inputs.d_in,
        total_steps=named.config.steps,
    )
    if training is None:
        raise ArtifactExists(
            f"There is a training called {name!r} already.",
            remedy="Choose another name; one that was stopped can be retried or deleted.",
        )
    subject = trainings.channel(training.id)
    job = await create(session, studio.settings, named, title=f"Train {name}", subject=subject, device=DEVICE)
    transaction.created.append(job)
    return Data(data=await _out(session, training, job))


@router.post("/estimate", responses=errors(404))
async def estimate_training(request: Wanted, studio: Studio, transaction: Transaction) -> Data[EstimateOut]:
    """What a training would need: memory, disk and time; and what is likely to go wrong. Nothing is started."""
    inputs = await train_inputs(transaction.session, request)
    return Data(data=await estimate_out(studio, transaction.session, inputs.request))


@router.get("/{training_id}", responses=errors(404))
async def get_training(training_id: str, studio: Studio, transaction: Transaction) -> Data[TrainingOut]:
    """One training."""
    transaction.changed += await reconcile(transaction.session, studio.settings)
    training = await _find(transaction.session, training_id)
    job = await trainings.newest_job(transaction.session, training.id)
    return Data(data=await _out(transaction.session, training, job))


@router.get("/{training_id}/metrics", responses=errors(404))
async def get_metrics(
    training_id: str,
    transaction: Transaction,
    points: Annotated[int, Query(ge=2, le=10_000, description="Most points of a curve.")] = 1000,
    start_step: Annotated[int | None, Query(ge=0, le=2**53, description="First step.")] = None,
    end_step: Annotated[int | None, Query(ge=0, le=2**53, description="Last step.")] = None,
) -> Data[TrainingCurves]:
    """The curves of a training, with as many points as a chart can show; extremes are kept."""
    training = await _find(transaction.session, training_id)
    return Data(data=await curves_of(transaction.session, training.id, points, start_step, end_step))


@router.get("/{training_id}/checkpoints", responses=errors(404))
async def get_checkpoints(training_id: str, studio: Studio, transaction: Transaction) -> Data[TrainingCheckpoints]:
    """What the training has on disk: its checkpoint, and the SAE once it is finished."""
    training = await _find(transaction.session, training_id)
    return Data(data=await checkpoints_of(transaction.session, studio.settings.store, training))


@router.post("/{training_id}/finalize", status_code=202, responses=errors(404, 409, 503, 507))
async def finalize_training(
    training_id: str,
    studio: Studio,
    transaction: Transaction,
    wanted: Annotated[FinalizeRequest | None, Body(examples=[{"step": 500}])] = None,
) -> Data[Accepted]:
    """Make an SAE from a checkpoint of a training that is not finished; the training can go on."""
    session, wanted = transaction.session, wanted or FinalizeRequest()
    training = await _find(session, training_id)
    found = await checkpoints_of(session, studio.settings.store, training)
    if found.sae is not None:
        raise NotAllowedNow(f"{training.name} is finished.", remedy=f"Use its SAE, {found.sae.name}.")
    states = [found.best] if wanted.best else found.checkpoints
    there = [each for each in states if each is not None and wanted.step in (None, each.step)]
    if not there:
        which = "best state" if wanted.best else "checkpoint" if wanted.step is None else f"checkpoint of {wanted.step}"
        raise NotFound(f"{training.name} has no {which}.", remedy="List its checkpoints, or let it train longer.")
    ending = "best" if wanted.best else str(there[0].step)
    request = Finalize(training_id=training.id, **wanted.model_dump())
    name = wanted.name or await free_name(session, studio.settings, request, f"{training.name}-at-{ending}")
    if await trainings.named(session, name) or await jobs.makes(session, "finalize", name):
        raise ArtifactExists(f"The name {name!r} is taken.", remedy="Choose another name.")
    request = request.model_copy(update={"name": name})
    check_fit(await estimate_out(studio, session, request))
    title, subject = f"Make an SAE of {training.name} at {ending}", trainings.channel(training.id)
    job = await create(session, studio.settings, request, title=title, subject=subject)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.post("/{training_id}/pause", responses=errors(404, 409))
async def pause_training(training_id: str, transaction: Transaction) -> Data[TrainingOut]:
    """Let it save a checkpoint and wait."""
    training, job = await _with_job(transaction, training_id)
    return Data(data=await _out(transaction.session, training, await commands.pause(transaction.session, job.id)))


@router.post("/{training_id}/resume", responses=errors(404, 409))
async def resume_training(training_id: str, transaction: Transaction) -> Data[TrainingOut]:
    """Put a paused training back into its queue; it goes on bit for bit."""
    training, job = await _with_job(transaction, training_id)
    resumed = await commands.resume(transaction.session, job.id)
    transaction.created.append(resumed)
    return Data(data=await _out(transaction.session, training, resumed))


@router.post("/{training_id}/stop", responses=errors(404, 409))
async def stop_training(training_id: str, transaction: Transaction) -> Data[TrainingOut]:
    """End it within two seconds. Its checkpoint is kept: retry goes on from there."""
    training, job = await _with_job(transaction, training_id)
    stopped = await commands.cancel(transaction.session, job.id)
    transaction.changed.append(stopped)
    return Data(data=await _out(transaction.session, training, stopped))


@router.post("/{training_id}/retry", status_code=202, responses=errors(404, 409, 503, 507))
async def retry_training(
    training_id: str, request: Request, studio: Studio, transaction: Transaction
) -> Data[TrainingOut]:
    """Go on with a training that failed or was stopped, from its last checkpoint; checked as if it were started."""
    training, job = await _with_job(transaction, training_id)
    await check_retry(request, studio, transaction.session, await commands.retryable(transaction.session, job.id))
    again = await commands.retry(transaction.session, studio.settings, job.id)
    transaction.created.append(again)
    return Data(data=await _out(transaction.session, training, again))


@router.delete("/{training_id}", status_code=202, responses=errors(404, 409))
async def delete_training(
    training_id: str,
    studio: Studio,
    transaction: Transaction,
    force: Annotated[bool, Query(description="Also if it made an SAE, which stays.")] = False,
) -> Data[Accepted]:
    """Remove a training with its log and its checkpoint."""
    training = await _find(transaction.session, training_id)
    job = await request_deletion(
        transaction.session, studio.settings, "training", training.id, training.name, force=force
    )
    transaction.created.append(job)
    return Data(data=accepted(job))


async def _find(session: Session, training_id: str) -> Training:
    training = await trainings.get(session, training_id)
    if training is None:
        raise NotFound(f"There is no training {training_id!r}.", remedy="List the trainings.")
    return training


async def _with_job(transaction: RequestTransaction, training_id: str) -> tuple[Training, Job]:
    training = await _find(transaction.session, training_id)
    job = await trainings.newest_job(transaction.session, training.id)
    if job is None:
        raise NotAllowedNow(
            f"{training.name} was trained by the command line, so there is no job to act on.",
            remedy="Start a new training with its configuration.",
        )
    return training, job


async def _free_name(session: Session, studio: StudioState, inputs: TrainInputs) -> str:
    """A name that says what it is of, and that neither a training nor an SAE has."""
    sae = inputs.request.config.sae
    wanted = slug(inputs.model_name, inputs.hook, sae.label)
    for number in count(1):
        name = wanted if number == 1 else f"{wanted}-{number}"
        free = name == await free_name(session, studio.settings, inputs.request, name)
        if free and not await trainings.named(session, name):
            return name
    raise AssertionError


async def _out(session: Session, training: Training, job: Job | None) -> TrainingOut:
    return (await trainings_out(session, [(training, job)]))[0]
