"""Features: sets of them, the table, the page of one, what people say of it, and a text to try it on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query

from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.features import (
    Examples,
    FeatureChange,
    FeatureList,
    FeatureOut,
    FeaturePage,
    FeatureSetDetail,
    FeatureSetOut,
    LogitLensOut,
    Sort,
    TextToTry,
    TriedText,
)
from mistudio.studio.http.jobs import Accepted
from mistudio.studio.http.schemas import Data, Page
from mistudio.studio.queue.requests import Find

router = APIRouter(prefix="/feature-sets", tags=["features"])


@dataclass(frozen=True)
class Filter:
    """Which features are asked for, and in what order."""

    min_density: Annotated[float | None, Query(ge=0, le=1, description="Share of tokens, at least.")] = None
    max_density: Annotated[float | None, Query(ge=0, le=1, description="Share of tokens, at most.")] = None
    min_max: Annotated[float | None, Query(ge=0, description="Largest activation, at least.")] = None
    alive: Annotated[bool | None, Query(description="Only living latents, or only dead ones.")] = None
    starred: Annotated[bool | None, Query(description="Only those with a star, or without.")] = None
    labelled: Annotated[bool | None, Query(description="Only those with a label, or without.")] = None
    sortBy: Annotated[Sort | None, Query(description="`relevance` in a search and `max` else, if not given.")] = None


Filtered = Annotated[Filter, Depends()]


@router.get("")
async def list_feature_sets(
    transaction: Transaction,
    paging: Paged,
    sae_id: Annotated[str | None, Query(description="Only those of this SAE.")] = None,
    sortBy: Literal["created_at", "name", "bytes", "tokens", "latents", "alive"] = "created_at",
) -> Page[FeatureSetOut]:
    """All feature sets, newest first."""
    raise NotImplementedError


@router.post("", status_code=202, responses=errors(404, 409))
async def find_features(request: Find, studio: Studio, transaction: Transaction) -> Data[Accepted]:
    """Find what activates every latent of an SAE."""
    raise NotImplementedError


@router.get("/{set_id}", responses=errors(404))
async def get_feature_set(set_id: str, studio: Studio, transaction: Transaction) -> Data[FeatureSetDetail]:
    """One feature set."""
    raise NotImplementedError


@router.delete("/{set_id}", status_code=202, responses=errors(404, 409))
async def delete_feature_set(set_id: str, studio: Studio, transaction: Transaction) -> Data[Accepted]:
    """Delete a feature set and its directory."""
    raise NotImplementedError


@router.get("/{set_id}/features", responses=errors(404))
async def list_features(
    set_id: str, studio: Studio, transaction: Transaction, paging: Paged, wanted: Filtered
) -> FeatureList:
    """The table: features of a set, filtered, searched and sorted."""
    raise NotImplementedError


@router.get("/{set_id}/features/{latent}", responses=errors(404))
async def get_feature(
    set_id: str, latent: int, studio: Studio, transaction: Transaction, paging: Paged, wanted: Filtered
) -> Data[FeaturePage]:
    """All about one latent but its passages; with the table's own parameters also its neighbours in the table."""
    raise NotImplementedError


@router.patch("/{set_id}/features/{latent}", responses=errors(404))
async def change_feature(
    set_id: str, latent: int, change: FeatureChange, studio: Studio, transaction: Transaction
) -> Data[FeatureOut]:
    """Write a label, notes or a star."""
    raise NotImplementedError


@router.get("/{set_id}/features/{latent}/examples", responses=errors(404))
async def get_examples(set_id: str, latent: int, studio: Studio, transaction: Transaction) -> Data[Examples]:
    """Passages in which the latent is active: the strongest, and some of each strength."""
    raise NotImplementedError


@router.get("/{set_id}/features/{latent}/logit-lens", responses=errors(404))
async def get_logit_lens(set_id: str, latent: int, studio: Studio, transaction: Transaction) -> Data[LogitLensOut]:
    """Tokens that the latent promotes and suppresses."""
    raise NotImplementedError


@router.post("/{set_id}/features/{latent}/test", responses=errors(404, 503))
async def try_feature(
    set_id: str, latent: int, text: TextToTry, studio: Studio, transaction: Transaction
) -> Data[TriedText]:
    """How active the latent is on a text, token by token."""
    raise NotImplementedError
