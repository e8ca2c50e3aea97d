"""The store: look at it again, and find anything in it by name."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.schemas import ApiModel, Data

router = APIRouter(tags=["store"])


class BrokenArtifact(ApiModel):
    """A directory of the store that cannot be used."""

    path: str
    message: str
    """What is wrong with it."""


class IndexReport(ApiModel):
    """What was found in the store."""

    found: dict[str, int]
    """Artifacts by entity."""
    added: int
    """Rows that were written, because their artifact was new or had moved."""
    removed: int
    """Rows that were removed, because their artifact is gone."""
    broken: list[BrokenArtifact]
    seconds: float


class SearchHit(ApiModel):
    """Something that fits."""

    entity: Literal["dataset", "tokenization", "model", "recording", "training", "sae", "feature_set", "feature", "job"]
    id: str
    name: str
    detail: str | None
    """What tells it from others of that name."""
    url: str
    """Of its page."""


@router.post("/store/index", responses=errors(503))
async def index_store(studio: Studio) -> Data[IndexReport]:
    """Compare the store with the database and mend the database: what the command line made appears."""
    raise NotImplementedError


@router.get("/search")
async def search_everything(
    transaction: Transaction,
    search: Annotated[str, Query(min_length=1, max_length=200, description="Part of a name or label.")],
    limit: Annotated[int, Query(ge=1, le=50, description="Most hits of each kind.")] = 5,
) -> Data[list[SearchHit]]:
    """Everything whose name fits, for the command palette."""
    raise NotImplementedError
