"""Tokenizations: data sets, tokenized for a model and packed into contexts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query

from mistudio.config import Config
from mistudio.corpora.config import TokenizeConfig
from mistudio.corpora.statistics import CorpusStatistics, SampleContext
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.jobs import Accepted
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.queue.requests import Name

router = APIRouter(tags=["tokenizations"])

Force = Annotated[bool, Query(description="Also if other things were made of it; they stay, and lose the link.")]
Sort = Literal["created_at", "name", "bytes", "contexts", "context_length", "tokens"]


class TokenizationOut(ApiModel):
    """A data set, tokenized for a model and packed into contexts of equal length."""

    id: str
    name: str
    bytes: int
    dataset_id: str | None
    """Null where the data set was deleted."""
    dataset_name: str | None
    model_id: str | None
    """The model whose tokenizer was used; null where it was deleted, or was never in the store."""
    model_name: str
    """Its name, or what the tokenizer came from."""
    contexts: int
    contexts_held_out: int
    """Of documents set aside for evaluation."""
    context_length: int
    """Tokens in a context."""
    tokens: int
    """Of all contexts, BOS and separators included."""
    text_tokens: int
    """Without special tokens."""
    config: dict[str, Any]
    """How it was tokenized."""
    note: str | None
    """What was done otherwise than asked, and why."""
    manifest: dict[str, Any]
    job_id: str | None
    """The job that made it; null if the command line did."""
    created_at: datetime


class TokenizeIn(Config):
    """For which model, and how."""

    model_id: str
    """The model whose tokenizer is used, by id or name."""
    config: TokenizeConfig = TokenizeConfig()
    name: Name | None = None
    """Name of the tokenization; made from data set and model where not given."""


_EXAMPLES = {
    "plain": {
        "summary": "Contexts of 256 tokens",
        "value": {"model_id": "SmolLM2-135M-Instruct", "config": {"context_length": 256}},
    }
}


@router.get("/datasets/{dataset_id}/tokenizations", responses=errors(404))
async def list_tokenizations_of_dataset(
    dataset_id: str, transaction: Transaction, paging: Paged, sortBy: Sort = "created_at"
) -> Page[TokenizationOut]:
    """How a data set was tokenized, newest first."""
    raise NotImplementedError


@router.post("/datasets/{dataset_id}/tokenizations", status_code=202, responses=errors(404, 409))
async def tokenize_dataset(
    dataset_id: str,
    wanted: Annotated[TokenizeIn, Body(openapi_examples=_EXAMPLES)],
    studio: Studio,
    transaction: Transaction,
) -> Data[Accepted]:
    """Tokenize a data set for a model and pack it into contexts, as a job."""
    raise NotImplementedError


@router.get("/tokenizations")
async def list_tokenizations(
    transaction: Transaction,
    paging: Paged,
    dataset_id: Annotated[str | None, Query(description="Only those of this data set.")] = None,
    model_id: Annotated[str | None, Query(description="Only those made with this model's tokenizer.")] = None,
    sortBy: Sort = "created_at",
) -> Page[TokenizationOut]:
    """All tokenizations, newest first; `search` looks into their names."""
    raise NotImplementedError


@router.get("/tokenizations/{tokenization_id}", responses=errors(404))
async def get_tokenization(tokenization_id: str, transaction: Transaction) -> Data[TokenizationOut]:
    """One tokenization, by id or name."""
    raise NotImplementedError


@router.delete("/tokenizations/{tokenization_id}", status_code=202, responses=errors(404, 409))
async def delete_tokenization(
    tokenization_id: str, studio: Studio, transaction: Transaction, force: Force = False
) -> Data[Accepted]:
    """Delete a tokenization and its directory; refused while something was made of it, unless forced."""
    raise NotImplementedError


@router.get("/tokenizations/{tokenization_id}/statistics", responses=errors(404))
async def get_tokenization_statistics(
    tokenization_id: str, studio: Studio, transaction: Transaction
) -> Data[CorpusStatistics]:
    """Lengths, vocabulary use and frequent tokens; counted once and kept."""
    raise NotImplementedError


@router.get("/tokenizations/{tokenization_id}/samples", responses=errors(404))
async def list_contexts(
    tokenization_id: str,
    transaction: Transaction,
    paging: Paged,
    split: Annotated[
        Literal["train", "held_out"] | None, Query(description="Only contexts of this side of the split.")
    ] = None,
    seed: Annotated[int | None, Query(ge=0, description="Draw the contexts at random; in their order without.")] = None,
) -> Page[SampleContext]:
    """Contexts as the model sees them, a piece of text for every token."""
    raise NotImplementedError
