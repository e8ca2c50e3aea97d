"""Data sets: text that was brought in, and what is in it."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi import Path as PathParameter
from pydantic import Field

from mistudio.config import Config
from mistudio.corpora.description import CorpusPreview, DocumentSample, DocumentStatistics
from mistudio.errors import DownloadFailed, NotAllowedNow, NotFound
from mistudio.studio.db import artifacts, options
from mistudio.studio.db.artifacts import Dataset
from mistudio.studio.db.session import Session
from mistudio.studio.http import uploads
from mistudio.studio.http.admission import with_sources
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.documents import DocumentsPage
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.paths import source_of
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.http.uploads import Uploaded
from mistudio.studio.queue import short_work
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.derived import derived
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.names import free_name, slug
from mistudio.studio.queue.requests import DatasetAdd
from mistudio.studio.queue.short_work import aside

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
    """Files, folders or ids of the Hub that it was made from; of an upload its name."""
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


_LINKS_SECONDS, _PREVIEW_SECONDS = 2.0, 7.5
_COUNT_SECONDS = 300.0

_UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "description": "A .txt, .md, .json, .jsonl, .csv or .parquet file.",
                    }
                },
            }
        }
    },
}
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


@router.post("", status_code=202, responses=errors(403, 404, 409, 503, 507))
async def add_dataset(
    request: Annotated[DatasetAdd, Body(openapi_examples=_ADD_EXAMPLES)], studio: Studio, transaction: Transaction
) -> Data[Accepted]:
    """Bring text in, from files, folders, uploads or the Hub, as a job.

    Refused with the numbers where this machine has not the memory (503) or the disk (507).
    """
    request = await with_sources(studio.settings, request)
    check_fit(await estimate_out(studio, transaction.session, request))
    sources = request.config.sources
    wanted = slug(sources[0] if len(sources) == 1 else f"{sources[0]}-and-{len(sources) - 1}-more")
    name = request.name or await free_name(transaction.session, studio.settings, request, wanted)
    request = request.model_copy(update={"name": name})
    job = await create(transaction.session, studio.settings, request, title=f"Add data set {name}")
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.post("/preview", responses=errors(403, 404, 502))
async def preview_dataset(
    wanted: Annotated[DatasetPreviewIn, Body(openapi_examples=_PREVIEW_EXAMPLES)], studio: Studio
) -> Data[CorpusPreview]:
    """Look into a file, folder or data set of the Hub without adding it; answers within ten seconds."""
    source = await asyncio.to_thread(source_of, studio.settings, wanted.source, _LINKS_SECONDS)
    async with studio.database.session() as session:
        token = await options.get_secret(session, studio.settings, "hf_token")
    late = DownloadFailed(
        f"{wanted.source} could not be looked into within {_PREVIEW_SECONDS:.0f} seconds.",
        remedy="Try again, or add it: the job takes as long as it needs.",
    )
    arguments = wanted.model_dump() | {"source": source, "token": token}
    answer = await aside(short_work.dataset_preview, arguments, seconds=_PREVIEW_SECONDS, late=late)
    return Data(data=CorpusPreview.model_validate_json(answer).model_copy(update={"source": wanted.source}))


@router.post("/upload", status_code=201, responses=errors(413, 507), openapi_extra={"requestBody": _UPLOAD_BODY})
async def upload_file(request: Request, studio: Studio) -> Data[Uploaded]:
    """Upload one file as multipart/form-data, in a part called `file`; it is written to disk as it arrives."""
    stated = request.headers.get("content-length", "")
    return Data(
        data=await uploads.receive(
            studio.settings,
            request.headers.get("content-type", ""),
            int(stated) if stated.isdecimal() else None,
            request.stream(),
        )
    )


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
    studio: Studio,
    paging: Paged,
    split: Annotated[
        Literal["train", "held_out"] | None, Query(description="Only documents of this side of the split.")
    ] = None,
    characters: Annotated[
        int, Query(ge=1, le=100_000, description="How much of each text is shown; less on pages of many documents.")
    ] = 1000,
) -> DocumentsPage:
    """Documents in their order; with `search`, those in whose text or name it occurs, shown from just before it.

    A search of a large data set takes a second at a time: while `scan.complete` is false, ask again for the same page.
    """
    async with studio.database.session() as session:
        row = await _find(session, dataset_id)
    # Imported when first used: what reads Parquet takes 50 MiB.
    from mistudio.studio.http.document_pages import page_of

    held_out = None if split is None else split == "held_out"
    return await asyncio.to_thread(page_of, Path(row.path), paging, held_out, characters)


@router.get("/{dataset_id}/samples/{doc}", responses=errors(404))
async def get_document(
    dataset_id: str,
    doc: Annotated[int, PathParameter(ge=0, le=2**53, description="Number of the document.")],
    studio: Studio,
    offset: Annotated[int, Query(ge=0, le=2**40, description="First character that is shown.")] = 0,
    characters: Annotated[int, Query(ge=1, le=1_000_000, description="How many are shown.")] = 100_000,
) -> Data[DocumentSample]:
    """One document, by its number."""
    async with studio.database.session() as session:
        row = await _find(session, dataset_id)

    from mistudio.studio.http.document_pages import document_of

    return Data(data=await asyncio.to_thread(document_of, Path(row.path), doc, offset, characters))


@router.get("/{dataset_id}/statistics", responses=errors(404, 503))
async def get_dataset_statistics(dataset_id: str, studio: Studio) -> Data[DocumentStatistics]:
    """Lengths and metadata of the documents; counted once and kept."""
    async with studio.database.session() as session:
        row = await _find(session, dataset_id)

    async def count() -> DocumentStatistics:
        late = NotAllowedNow(f"{row.name} could not be counted in time.", remedy="Try again when less runs.")
        arguments = {"path": row.path}
        answer = await aside(short_work.document_statistics, arguments, seconds=_COUNT_SECONDS, late=late)
        return DocumentStatistics.model_validate_json(answer)

    return Data(data=await derived(studio.settings, row.id, DocumentStatistics, count))


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
            sources=[_source_named(source) for source in row.manifest["config"].get("sources", ())],
            tokenizations=counts.get(row.id, 0),
            manifest=row.manifest,
            job_id=row.job_id,
            created_at=row.created_at,
        )
        for row in rows
    ]


def _source_named(source: str) -> str:
    """A source as it was given; of an uploaded file, its name."""
    return Path(source).name if Path(source).parts[-4:-2] == ("studio", "uploads") else source


async def _find(session: Session, dataset_id: str) -> Dataset:
    row = await artifacts.get(session, "dataset", dataset_id)
    if not isinstance(row, Dataset):
        raise NotFound(f"There is no data set {dataset_id!r}.", remedy="List the data sets.")
    return row
