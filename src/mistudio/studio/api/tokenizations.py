"""Tokenizations: data sets, tokenized for a model and packed into contexts."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query

from mistudio.config import Config
from mistudio.corpora.config import TokenizeConfig
from mistudio.corpora.description import CorpusStatistics, SampleContext
from mistudio.errors import NotAllowedNow
from mistudio.studio.db import artifacts
from mistudio.studio.db.artifacts import Model, Tokenization
from mistudio.studio.db.session import Session
from mistudio.studio.http.dependencies import Paged, Paging, Studio, StudioState, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.references import Ref, References
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.queue import short_work
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.derived import derived
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.inputs import row_of
from mistudio.studio.queue.names import free_name, slug
from mistudio.studio.queue.requests import DatasetTokenize, Name
from mistudio.studio.queue.short_work import aside

router = APIRouter(tags=["tokenizations"])

Force = Annotated[bool, Query(description="Also if other things were made of it; they stay, and lose the link.")]
_COUNT_SECONDS = 300.0
_TOKENIZER_SECONDS = 60.0
Sort = Literal["created_at", "name", "bytes", "contexts", "context_length", "tokens"]


class TokenizationOut(ApiModel):
    """A data set, tokenized for a model and packed into contexts of equal length."""

    id: str
    name: str
    bytes: int
    dataset: Ref | None
    """Null where it was deleted."""
    model: Ref | None
    """The model whose tokenizer was used; null where it was deleted, or was never in the store."""
    tokenizer: str
    """What the tokenizer came from: a path or a Hub id."""
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
    dataset = await row_of(transaction.session, "dataset", dataset_id)
    return await _page(transaction.session, paging, sortBy, {"dataset_id": dataset.id})


@router.post("/datasets/{dataset_id}/tokenizations", status_code=202, responses=errors(404, 409, 503, 507))
async def tokenize_dataset(
    dataset_id: str,
    wanted: Annotated[TokenizeIn, Body(openapi_examples=_EXAMPLES)],
    studio: Studio,
    transaction: Transaction,
) -> Data[Accepted]:
    """Tokenize a data set for a model and pack it into contexts, as a job."""
    dataset = await row_of(transaction.session, "dataset", dataset_id)
    model = await row_of(transaction.session, "model", wanted.model_id)
    request = DatasetTokenize(dataset_id=dataset.id, model_id=model.id, config=wanted.config, name=wanted.name)
    check_fit(await estimate_out(studio, transaction.session, request))
    if request.name is None:
        name = await free_name(transaction.session, studio.settings, request, slug(dataset.name, model.name))
        request = request.model_copy(update={"name": name})
    title = f"Tokenize {dataset.name} for {model.name}"
    job = await create(transaction.session, studio.settings, request, title=title)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/tokenizations")
async def list_tokenizations(
    transaction: Transaction,
    paging: Paged,
    dataset_id: Annotated[str | None, Query(description="Only those of this data set, by id.")] = None,
    model_id: Annotated[str | None, Query(description="Only those made with this model's tokenizer, by id.")] = None,
    sortBy: Sort = "created_at",
) -> Page[TokenizationOut]:
    """All tokenizations, newest first; `search` looks into their names."""
    where = {"dataset_id": dataset_id, "model_id": model_id}
    given = {column: value for column, value in where.items() if value is not None}
    return await _page(transaction.session, paging, sortBy, given)


@router.get("/tokenizations/{tokenization_id}", responses=errors(404))
async def get_tokenization(tokenization_id: str, transaction: Transaction) -> Data[TokenizationOut]:
    """One tokenization, by id or name."""
    row = await row_of(transaction.session, "tokenization", tokenization_id)
    return Data(data=(await _out(transaction.session, [row]))[0])


@router.delete("/tokenizations/{tokenization_id}", status_code=202, responses=errors(404, 409))
async def delete_tokenization(
    tokenization_id: str, studio: Studio, transaction: Transaction, force: Force = False
) -> Data[Accepted]:
    """Delete a tokenization and its directory; refused while something was made of it, unless forced."""
    row = await row_of(transaction.session, "tokenization", tokenization_id)
    job = await request_deletion(transaction.session, studio.settings, "tokenization", row.id, row.name, force=force)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/tokenizations/{tokenization_id}/statistics", responses=errors(404, 409))
async def get_tokenization_statistics(tokenization_id: str, studio: Studio) -> Data[CorpusStatistics]:
    """Lengths, vocabulary use and frequent tokens; counted once and kept."""
    row, model = await _with_model(studio, tokenization_id)

    async def count() -> CorpusStatistics:
        text = await _text_of_tokens(studio, row, model)
        late = NotAllowedNow(f"{row.name} could not be counted in time.", remedy="Try again when less runs.")
        arguments = {"path": row.path, "text": str(text)}
        answer = await aside(short_work.token_statistics, arguments, seconds=_COUNT_SECONDS, late=late)
        return CorpusStatistics.model_validate_json(answer)

    return Data(data=await derived(studio.settings, row.id, CorpusStatistics, count))


@router.get("/tokenizations/{tokenization_id}/samples", responses=errors(404, 409))
async def list_contexts(
    tokenization_id: str,
    studio: Studio,
    paging: Paged,
    split: Annotated[
        Literal["train", "held_out"] | None, Query(description="Only contexts of this side of the split.")
    ] = None,
    seed: Annotated[
        int | None, Query(ge=0, le=2**32, description="Draw the contexts at random; in their order without.")
    ] = None,
) -> Page[SampleContext]:
    """Contexts as the model sees them, a piece of text for every token; at most 65,536 tokens a page."""
    row, model = await _with_model(studio, tokenization_id)
    text = await _text_of_tokens(studio, row, model)

    # Imported when first used: what reads Parquet takes 50 MiB.
    from mistudio.studio.http.context_pages import page_of

    return await asyncio.to_thread(page_of, Path(row.path), text, paging, split or "all", seed)


async def _page(session: Session, paging: Paging, sort: Sort, where: dict[str, str]) -> Page[TokenizationOut]:
    rows, total = await artifacts.page(
        session, "tokenization", search=paging.search, where=where, sort=sort, descending=paging.descending,
        offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of(await _out(session, rows), total)


async def _out(session: Session, rows: list[Tokenization]) -> list[TokenizationOut]:
    wanted = {"dataset": (row.dataset_id for row in rows), "model": (row.model_id for row in rows)}
    reference = await References.read(session, wanted)
    found = []
    for row in rows:
        config, metrics = dict(row.manifest["config"]), row.manifest["metrics"]
        layout, source = metrics.get("layout") or {}, str(config.pop("model", ""))
        found.append(
            TokenizationOut(
                id=row.id,
                name=row.name,
                bytes=row.bytes,
                dataset=reference("dataset", row.dataset_id),
                model=reference("model", row.model_id),
                tokenizer=source,
                contexts=row.contexts,
                contexts_held_out=layout.get("contexts_held_out", 0),
                context_length=row.context_length,
                tokens=row.tokens,
                text_tokens=metrics.get("text_tokens", row.tokens),
                config=config,
                note=layout.get("note"),
                manifest=row.manifest,
                job_id=row.job_id,
                created_at=row.created_at,
            )
        )
    return found


async def _with_model(studio: StudioState, tokenization_id: str) -> tuple[Tokenization, Model | None]:
    # The database is not held while something is counted or decoded.
    async with studio.database.session() as session:
        row: Tokenization = await row_of(session, "tokenization", tokenization_id)
        model = await artifacts.get(session, "model", row.model_id) if row.model_id else None
    return row, model if isinstance(model, Model) else None


async def _text_of_tokens(studio: StudioState, row: Tokenization, model: Model | None) -> Path:
    """Where the text of every token lies; written when it is first asked for, which may take transformers' help."""
    out = studio.settings.derived_dir / f"{row.id}.tokens"
    if not out.is_dir():
        source = model.path if model is not None else str(row.manifest["config"]["model"])
        late = NotAllowedNow(f"The tokenizer of {row.name} could not be read in time.", remedy="Try again in a moment.")
        arguments = {"source": source, "out": str(out)}
        await aside(short_work.token_text, arguments, seconds=_TOKENIZER_SECONDS, late=late)
    return out
