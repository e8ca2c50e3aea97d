"""Data sets: text that was brought in, and what is in it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from pydantic import Field

from mistudio.config import Config
from mistudio.corpora.documents import DocumentSample, DocumentStatistics
from mistudio.corpora.preview import CorpusPreview
from mistudio.errors import NotFound
from mistudio.studio.db import artifacts
from mistudio.studio.db.artifacts import Dataset
from mistudio.studio.db.session import Session
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.paths import source_of
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.names import free_name, slug
from mistudio.studio.queue.requests import DatasetAdd

router = APIRouter(prefix="/datasets", tags=["datasets"])

Force = Annotated[bool, Query(description="Also if other things were made of it; they stay, and lose the link.")]


class DatasetOut(ApiModel):
    """Text that was brought in."""

    id: str
    name: str
    bytes: int
    """On disk, compressed."""
    documents: int
    held_out_documents: int
    """Set aside for evaluation."""
    characters: int
    sources: list[str]
    """Files, folders or ids of the Hub that it was made from."""
    tokenizations: int
    """How many times it was tokenized."""
    manifest: dict[str, Any]
    job_id: str | None
    """The job that made it; null if the command line did."""
    created_at: datetime


class DatasetPreviewIn(Config):
    """What to look into."""

    source: str = Field(min_length=1)
    """A file, a folder, an uploaded file (`upload:ID/NAME`), or the id of a data set on the Hub."""
    split: str | None = None
    """Split of a data set of the Hub; its first one where not given."""
    config_name: str | None = None
    """Configuration (subset) of a data set of the Hub; its first one where not given."""
    revision: str | None = None
    """Branch, tag or commit of a data set of the Hub."""
    rows: int = Field(default=10, ge=1, le=100)
    """How many rows to show."""


class Uploaded(ApiModel):
    """A file that was uploaded."""

    source: str
    """Name it as a source when a data set is previewed or added; it is kept until it was added, or for a week."""
    name: str
    bytes: int


class Scan(ApiModel):
    """How far a search has come: it goes on where it stopped when the page is asked for again."""

    documents_searched: int
    documents: int
    complete: bool


class DocumentsPage(Page[DocumentSample]):
    """Documents of a data set; while `scan.complete` is false, the total is what was found so far."""

    scan: Scan


_ADD_EXAMPLES = {
    "file": {
        "summary": "A file that was uploaded",
        "value": {"name": "letters", "config": {"sources": ["upload:3f2a9c01b7de/letters.jsonl"], "held_out": 0.1}},
    },
    "hub": {
        "summary": "A data set of the Hub, the first 10,000 documents",
        "value": {
            "config": {"sources": ["Salesforce/wikitext"], "config_name": "wikitext-103-v1", "limit": 10000},
        },
    },
}

_PREVIEW_EXAMPLES = {
    "file": {"summary": "A file that was uploaded", "value": {"source": "upload:3f2a9c01b7de/letters.jsonl"}},
    "hub": {
        "summary": "A data set of the Hub",
        "value": {"source": "Salesforce/wikitext", "config_name": "wikitext-103-v1", "split": "train", "rows": 5},
    },
}


@router.get("")
async def list_datasets(
    transaction: Transaction,
    paging: Paged,
    sortBy: Literal["created_at", "name", "bytes", "documents", "characters"] = "created_at",
) -> Page[DatasetOut]:
    """All data sets, newest first; `search` looks into their names."""
    rows, total = await artifacts.page(
        transaction.session, "dataset", search=paging.search, sort=sortBy, descending=paging.descending,
        offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of(await _out(transaction.session, rows), total)


@router.post("", status_code=202, responses=errors(403, 404, 409))
async def add_dataset(
    request: Annotated[DatasetAdd, Body(openapi_examples=_ADD_EXAMPLES)], studio: Studio, transaction: Transaction
) -> Data[Accepted]:
    """Bring text in, from files, folders, uploads or the Hub, as a job."""
    sources = [await asyncio.to_thread(source_of, studio.settings, each) for each in request.config.sources]
    config = request.config.model_copy(update={"sources": tuple(sources)})
    wanted = slug(sources[0] if len(sources) == 1 else f"{sources[0]}-and-{len(sources) - 1}-more")
    name = request.name or await free_name(transaction.session, studio.settings, request, wanted)
    request = request.model_copy(update={"config": config, "name": name})
    job = await create(transaction.session, studio.settings, request, title=f"Add data set {name}")
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.post("/preview", responses=errors(403, 404, 413, 502))
async def preview_dataset(
    wanted: Annotated[DatasetPreviewIn, Body(openapi_examples=_PREVIEW_EXAMPLES)], studio: Studio
) -> Data[CorpusPreview]:
    """Look into a file, folder or data set of the Hub without adding it; answers within ten seconds."""
    raise NotImplementedError


@router.post("/upload", status_code=201, responses=errors(413, 507))
async def upload_file(request: Request, studio: Studio) -> Data[Uploaded]:
    """Upload one file as multipart/form-data, in a part called `file`; it is written to disk as it arrives."""
    raise NotImplementedError


@router.get("/{dataset_id}", responses=errors(404))
async def get_dataset(dataset_id: str, transaction: Transaction) -> Data[DatasetOut]:
    """One data set, by id or name."""
    row = await _find(transaction.session, dataset_id)
    return Data(data=(await _out(transaction.session, [row]))[0])


@router.delete("/{dataset_id}", status_code=202, responses=errors(404, 409))
async def delete_dataset(
    dataset_id: str, studio: Studio, transaction: Transaction, force: Force = False
) -> Data[Accepted]:
    """Delete a data set and its directory; refused while something was made of it, unless forced."""
    row = await _find(transaction.session, dataset_id)
    job = await request_deletion(transaction.session, studio.settings, "dataset", row.id, row.name, force=force)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/{dataset_id}/samples", responses=errors(404))
async def list_documents(
    dataset_id: str,
    transaction: Transaction,
    paging: Paged,
    split: Annotated[
        Literal["train", "held_out"] | None, Query(description="Only documents of this side of the split.")
    ] = None,
    characters: Annotated[int, Query(ge=0, le=100_000, description="How much of each text is shown.")] = 1000,
) -> DocumentsPage:
    """Documents in their order; with `search`, those in whose text or name it occurs, shown from just before it.

    A search of a large data set takes a second at a time: while `scan.complete` is false, ask again for the same page.
    """
    raise NotImplementedError


@router.get("/{dataset_id}/samples/{doc}", responses=errors(404))
async def get_document(
    dataset_id: str,
    doc: int,
    transaction: Transaction,
    offset: Annotated[int, Query(ge=0, description="First character that is shown.")] = 0,
    characters: Annotated[int, Query(ge=1, le=1_000_000, description="How many are shown.")] = 100_000,
) -> Data[DocumentSample]:
    """One document, by its number."""
    raise NotImplementedError


@router.get("/{dataset_id}/statistics", responses=errors(404))
async def get_dataset_statistics(dataset_id: str, studio: Studio, transaction: Transaction) -> Data[DocumentStatistics]:
    """Lengths, words and metadata of the documents; counted once and kept."""
    raise NotImplementedError


async def _out(session: Session, rows: list[Dataset]) -> list[DatasetOut]:
    counts = await artifacts.counts(session, "tokenization", "dataset_id", (row.id for row in rows))
    return [
        DatasetOut(
            id=row.id,
            name=row.name,
            bytes=row.bytes,
            documents=row.documents,
            held_out_documents=row.held_out_documents,
            characters=row.characters,
            sources=list(row.manifest["config"].get("sources", ())),
            tokenizations=counts.get(row.id, 0),
            manifest=row.manifest,
            job_id=row.job_id,
            created_at=row.created_at,
        )
        for row in rows
    ]


async def _find(session: Session, dataset_id: str) -> Dataset:
    row = await artifacts.get(session, "dataset", dataset_id)
    if not isinstance(row, Dataset):
        raise NotFound(f"There is no data set {dataset_id!r}.", remedy="List the data sets.")
    return row
