"""The store: look at it again, and find anything in it by name."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from mistudio.studio.db.search import Found, search
from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.schemas import ApiModel, Data
from mistudio.studio.http.store_index import IndexReport, look_at_store

router = APIRouter(tags=["store"])


class SearchHit(ApiModel):
    """Something whose name fits."""

    entity: Literal["dataset", "tokenization", "model", "recording", "training", "sae", "feature_set", "feature", "job"]
    id: str
    """Of a feature `SET/LATENT`."""
    name: str
    detail: str | None
    """What tells it from others of that name."""
    url: str
    """Of its page."""


@router.post("/store/index", responses=errors(503))
async def index_store(studio: Studio) -> Data[IndexReport]:
    """Compare the store with the database and mend the database: what the command line made appears."""
    return Data(data=await look_at_store(studio.settings, studio.database))


@router.get("/search")
async def search_everything(
    transaction: Transaction,
    search_for: Annotated[
        str, Query(alias="search", min_length=1, max_length=200, description="Part of a name, title or label.")
    ],
    limit: Annotated[int, Query(ge=1, le=50, description="Most hits of each kind.")] = 5,
) -> Data[list[SearchHit]]:
    """Everything whose name fits, for the command palette."""
    found = await search(transaction.session, search_for, limit=limit)
    return Data(
        data=[
            SearchHit(entity=each.entity, id=each.id, name=each.name, detail=each.detail, url=_url(each))
            for each in found
        ]
    )


def _url(found: Found) -> str:
    """Of the page that shows it; what has none is shown with what it belongs to."""
    if found.entity == "tokenization":
        return f"/datasets/{found.part_of}?tokenization={found.id}" if found.part_of else "/datasets"
    return f"{_PAGES[found.entity]}{found.id}"


_PAGES = {
    "dataset": "/datasets/",
    "model": "/models/",
    "recording": "/training/new?recording=",
    "training": "/training/",
    "sae": "/saes/",
    "feature_set": "/features/",
    "feature": "/features/",
    "job": "/jobs/",
}
