"""Language models: bring them in, and say what they are."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from pydantic import Field

from mistudio.config import Config
from mistudio.errors import DownloadFailed, EngineUnavailable
from mistudio.language_models.config import ModelConfig
from mistudio.language_models.description import HubModel, ModelDescription
from mistudio.studio.db import artifacts, options
from mistudio.studio.db.artifacts import Model
from mistudio.studio.engine.memory import available_bytes
from mistudio.studio.http.admission import check_role, with_sources
from mistudio.studio.http.dependencies import Paged, Studio, StudioState, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.paths import is_hub_id, source_of
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.queue import short_work
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.derived import derived
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.inputs import row_of
from mistudio.studio.queue.names import free_name, slug
from mistudio.studio.queue.requests import ModelAdd
from mistudio.studio.queue.short_work import aside

router = APIRouter(prefix="/models", tags=["models"])

Force = Annotated[bool, Query(description="Also if other things were made of it; they stay, and lose the link.")]


class ModelOut(ApiModel):
    """A language model in the store."""

    id: str
    name: str
    bytes: int
    """On disk."""
    source: str
    """What it was made from: a Hub id, a directory or a .gguf file."""
    d_model: int
    """Width of the residual stream."""
    n_layers: int
    """Blocks."""
    vocab_size: int
    """Logits."""
    dtype: str
    """Number format of the weights."""
    quantize: str | None
    """`4bit` or `8bit` where the weights are packed."""
    digest: str
    """Identity of the weights."""
    manifest: dict[str, Any]
    job_id: str | None
    """The job that made it; null if the command line did."""
    created_at: datetime


class ModelMemory(ApiModel):
    """What the weights take in one number format."""

    form: str
    """`float32`, `bfloat16`, `float16`, `8bit` or `4bit`."""
    bytes: int
    """Weights only; activations come on top."""
    fits_on: list[str]
    """The devices that have room for it now, with a tenth more for loading; `8bit` and `4bit` run on GPUs only."""


class DeviceMemory(ApiModel):
    """What is free on a device."""

    device: str
    """`cpu`, or `cuda:0` and so on."""
    bytes: int
    """Memory that could be taken now; of the machine's own, without swapping."""


class MemoryOut(ApiModel):
    """What a model takes, and what there is."""

    forms: list[ModelMemory]
    free: list[DeviceMemory]


class ModelPreviewIn(Config):
    """What to look at."""

    source: str = Field(min_length=1)
    """A Hub id, a directory, or a .gguf file."""
    revision: str | None = None
    """Branch, tag or commit on the Hub."""


class ModelPreview(ApiModel):
    """A model that is not in the store yet; no weight was fetched."""

    source: str
    origin: Literal["hub", "directory", "gguf"]
    description: ModelDescription
    memory: MemoryOut
    download_bytes: int | None
    """What would be fetched; null where nothing is, or nobody knows."""
    stored_as: str | None
    """The name under which it is in the store already."""


_LINKS_SECONDS, _PREVIEW_SECONDS = 2.0, 7.5
_DESCRIBE_SECONDS = 60.0
_ON_GPUS = ("8bit", "4bit")
_LOADING_SHARE = 1.1
"""Memory that loading takes, as a multiple of the weights."""
_ADD_EXAMPLES = {
    "hub": {
        "summary": "A model of the Hub",
        "value": {"config": {"source": "HuggingFaceTB/SmolLM2-135M-Instruct"}},
    },
    "file": {
        "summary": "A GGUF file",
        "value": {"name": "smollm2", "config": {"source": "~/models/SmolLM2-135M-Instruct.Q4_1.gguf"}},
    },
}
_PREVIEW_EXAMPLES = {
    "hub": {"summary": "A model of the Hub", "value": {"source": "HuggingFaceTB/SmolLM2-135M-Instruct"}},
}


@router.get("")
async def list_models(
    transaction: Transaction,
    paging: Paged,
    sortBy: Literal["created_at", "name", "bytes", "d_model", "n_layers", "vocab_size"] = "created_at",
) -> Page[ModelOut]:
    """All models, newest first; `search` looks into names and sources."""
    rows, total = await artifacts.page(
        transaction.session, "model", search=paging.search, sort=sortBy, descending=paging.descending,
        offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of(map(_out, rows), total)


@router.post("", status_code=202, responses=errors(403, 404, 409, 503, 507))
async def add_model(
    wanted: Annotated[ModelAdd, Body(openapi_examples=_ADD_EXAMPLES)],
    request: Request,
    studio: Studio,
    transaction: Transaction,
) -> Data[Accepted]:
    """Fetch a model and keep it as safetensors, as a job.

    Refused with the numbers where this machine has not the memory (503) or the disk (507) for a model that lies here.
    `trust_remote_code` runs code of its author on this machine; where the studio wants tokens, only admins may.
    """
    settings = studio.settings
    check_role(settings, request.headers, wanted)
    wanted = await with_sources(settings, wanted)
    check_fit(await estimate_out(studio, transaction.session, wanted))
    name = wanted.name or await free_name(transaction.session, settings, wanted, slug(wanted.config.source))
    named = wanted.model_copy(update={"name": name})
    job = await create(transaction.session, settings, named, title=f"Add model {name}")
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.post("/preview", responses=errors(403, 404, 502, 503))
async def preview_model(
    wanted: Annotated[ModelPreviewIn, Body(openapi_examples=_PREVIEW_EXAMPLES)], studio: Studio
) -> Data[ModelPreview]:
    """Architecture and memory of a model that is not here yet: only its configuration is fetched.

    Of a model that is defined by its author's own code nothing can be said before it is added.
    """
    source = await asyncio.to_thread(source_of, studio.settings, wanted.source, _LINKS_SECONDS)
    async with studio.database.session() as session:
        token = await options.get_secret(session, studio.settings, "hf_token")
        stored, _ = await artifacts.page(session, "model", where={"source": source}, limit=1)
    download_bytes, path = None, source
    if on_hub := is_hub_id(source):
        late = DownloadFailed(
            f"The Hub did not send the configuration of {source} within {_PREVIEW_SECONDS:.0f} seconds.",
            remedy="Try again, or add the model: the job takes as long as it needs.",
        )
        arguments = {"source": source, "revision": wanted.revision, "token": token}
        answer = await aside(short_work.model_config, arguments, seconds=_PREVIEW_SECONDS, late=late)
        found = HubModel.model_validate_json(answer)
        download_bytes, path = found.download_bytes, found.directory
    description = await _describe(studio, path)
    return Data(
        data=ModelPreview(
            source=wanted.source,
            origin="hub" if on_hub else "gguf" if Path(path).is_file() else "directory",
            description=description.model_copy(update={"name": source}) if on_hub else description,
            memory=await _memory(studio, description),
            download_bytes=download_bytes,
            stored_as=stored[0].name if stored else None,
        )
    )


@router.get("/{model_id}", responses=errors(404))
async def get_model(model_id: str, transaction: Transaction) -> Data[ModelOut]:
    """One model, by id or name."""
    return Data(data=_out(await row_of(transaction.session, "model", model_id)))


@router.delete("/{model_id}", status_code=202, responses=errors(404, 409))
async def delete_model(model_id: str, studio: Studio, transaction: Transaction, force: Force = False) -> Data[Accepted]:
    """Delete a model and its directory; refused while something was made of it, unless forced."""
    row = await row_of(transaction.session, "model", model_id)
    job = await request_deletion(transaction.session, studio.settings, "model", row.id, row.name, force=force)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/{model_id}/architecture", responses=errors(404, 503))
async def get_architecture(model_id: str, studio: Studio) -> Data[ModelDescription]:
    """Layers, widths, parameters and hook points."""
    return Data(data=await _description_of(studio, model_id))


@router.get("/{model_id}/memory", responses=errors(404, 503))
async def get_model_memory(model_id: str, studio: Studio) -> Data[MemoryOut]:
    """What the weights take in each number format, and what is free."""
    return Data(data=await _memory(studio, await _description_of(studio, model_id)))


def _out(row: Model) -> ModelOut:
    config = row.manifest["config"]
    return ModelOut(
        id=row.id,
        name=row.name,
        bytes=row.bytes,
        source=row.source,
        d_model=row.d_model,
        n_layers=row.n_layers,
        vocab_size=row.vocab_size,
        dtype=str(config.get("dtype", "")),
        quantize=config.get("quantize"),
        digest=row.digest,
        manifest=row.manifest,
        job_id=row.job_id,
        created_at=row.created_at,
    )


async def _description_of(studio: StudioState, model_id: str) -> ModelDescription:
    """What a stored model is: the job that added it wrote it down; of others the engine is asked once."""
    async with studio.database.session() as session:
        row: Model = await row_of(session, "model", model_id)
    return await derived(studio.settings, row.id, ModelDescription, lambda: _describe(studio, row.path))


async def _describe(studio: StudioState, path: str) -> ModelDescription:
    try:
        async with asyncio.timeout(_DESCRIBE_SECONDS):
            return await studio.engine.describe(ModelConfig(source=path))
    except TimeoutError:
        raise EngineUnavailable("The engine did not describe the model in time.", remedy="Try again later.") from None


async def _memory(studio: StudioState, description: ModelDescription) -> MemoryOut:
    gpus = (await asyncio.to_thread(studio.machine.sample)).gpus
    free = {"cpu": available_bytes()}
    free |= {f"cuda:{gpu.index}": gpu.memory_total_bytes - gpu.memory_used_bytes for gpu in gpus}
    forms = [
        ModelMemory(
            form=each.form,
            bytes=each.bytes,
            fits_on=[
                device
                for device, room in free.items()
                if each.bytes * _LOADING_SHARE <= room and (device != "cpu" or each.form not in _ON_GPUS)
            ],
        )
        for each in description.memory
    ]
    return MemoryOut(forms=forms, free=[DeviceMemory(device=device, bytes=room) for device, room in free.items()])
