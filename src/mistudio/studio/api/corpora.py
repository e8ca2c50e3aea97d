"""Data sets and their tokenizations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter

from mistudio.errors import NotFound
from mistudio.studio.db import artifacts
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.schemas import ApiModel, Data, Page
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.requests import DatasetAdd

router = APIRouter(tags=["datasets"])


class DatasetOut(ApiModel):
    """Text that was brought in."""

    id: str
    name: str
    bytes: int
    documents: int
    held_out_documents: int
    """Set aside for evaluation."""
    characters: int
    manifest: dict[str, Any]
    created_at: datetime


@router.get("/datasets")
async def list_datasets(
    transaction: Transaction,
    paging: Paged,
    sortBy: Literal["created_at", "name", "bytes", "documents", "characters"] = "created_at",
) -> Page[DatasetOut]:
    """All data sets, newest first."""
    rows, total = await artifacts.page(
        transaction.session, "dataset", search=paging.search, sort=sortBy, descending=paging.descending,
        offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of((DatasetOut.model_validate(row) for row in rows), total)


@router.post("/datasets", status_code=202, responses=errors(409))
async def add_dataset(request: DatasetAdd, studio: Studio, transaction: Transaction) -> Data[Accepted]:
    """Bring text in, from files or from the Hub."""
    job = await create(transaction.session, studio.settings, request, title=f"Add data set {request.name}")
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/datasets/{dataset_id}", responses=errors(404))
async def get_dataset(dataset_id: str, transaction: Transaction) -> Data[DatasetOut]:
    """One data set."""
    row = await artifacts.get(transaction.session, "dataset", dataset_id)
    if row is None:
        raise NotFound(f"There is no data set {dataset_id!r}.", remedy="List the data sets.")
    return Data(data=DatasetOut.model_validate(row))
