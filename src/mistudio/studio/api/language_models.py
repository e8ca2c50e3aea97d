"""Language models: bring them in, and say what they are."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query
from pydantic import Field

from mistudio.config import Config
from mistudio.language_models.description import ModelDescription
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.jobs import Accepted
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.queue.requests import ModelAdd

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
    fits: bool
    """Whether so much memory is free now."""


class MemoryOut(ApiModel):
    """What a model takes, and what there is."""

    forms: list[ModelMemory]
    available_bytes: int
    """Memory of the machine that could be taken now without swapping."""


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
    raise NotImplementedError


@router.post("", status_code=202, responses=errors(403, 404, 409))
async def add_model(
    request: Annotated[ModelAdd, Body(openapi_examples=_ADD_EXAMPLES)], studio: Studio, transaction: Transaction
) -> Data[Accepted]:
    """Fetch a model and keep it as safetensors, as a job."""
    raise NotImplementedError


@router.post("/preview", responses=errors(403, 404, 502, 503))
async def preview_model(
    wanted: Annotated[ModelPreviewIn, Body(openapi_examples=_PREVIEW_EXAMPLES)],
    studio: Studio,
    transaction: Transaction,
) -> Data[ModelPreview]:
    """Architecture and memory of a model that is not here yet: only its configuration is fetched."""
    raise NotImplementedError


@router.get("/{model_id}", responses=errors(404))
async def get_model(model_id: str, transaction: Transaction) -> Data[ModelOut]:
    """One model, by id or name."""
    raise NotImplementedError


@router.delete("/{model_id}", status_code=202, responses=errors(404, 409))
async def delete_model(model_id: str, studio: Studio, transaction: Transaction, force: Force = False) -> Data[Accepted]:
    """Delete a model and its directory; refused while something was made of it, unless forced."""
    raise NotImplementedError


@router.get("/{model_id}/architecture", responses=errors(404, 503))
async def get_architecture(model_id: str, studio: Studio, transaction: Transaction) -> Data[ModelDescription]:
    """Layers, widths, parameters and hook points."""
    raise NotImplementedError


@router.get("/{model_id}/memory", responses=errors(404, 503))
async def get_model_memory(model_id: str, studio: Studio, transaction: Transaction) -> Data[MemoryOut]:
    """What the weights take in each number format, and what is free."""
    raise NotImplementedError
