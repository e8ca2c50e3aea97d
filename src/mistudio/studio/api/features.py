"""Features: sets of them, the table, the page of one, what people say of it, and a text to try it on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Path, Query, Request

from mistudio.errors import NotAllowedNow, NotFound
from mistudio.language_models.config import ModelConfig
from mistudio.studio.db import artifacts, feature_journal, features, features_query
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.features import Feature
from mistudio.studio.db.features_query import Sort, Wanted
from mistudio.studio.db.session import Session
from mistudio.studio.engine.messages import ActivationsRequest
from mistudio.studio.http import feature_pages
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.disconnects import while_connected
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.features import (
    Examples,
    FeatureChange,
    FeatureList,
    FeatureOut,
    FeaturePage,
    FeaturePagination,
    FeatureSetDetail,
    FeatureSetOut,
    LogitLensOut,
    Neighbours,
    TextToTry,
    TriedText,
)
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.schemas import Data, Page
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.enqueue import DEVICE, create
from mistudio.studio.queue.inputs import find_inputs, row_of
from mistudio.studio.queue.names import free_name, slug
from mistudio.studio.queue.requests import Find

router = APIRouter(prefix="/feature-sets", tags=["features"])
_FIND = {
    "sae_id": "my-first-sae",
    "model_id": "smollm2",
    "tokenization_id": "letters-smollm2",
    "config": {"max_tokens": 1_000_000},
}
Latent = Annotated[int, Path(ge=0, lt=2**31, description="Number of the latent.")]


@dataclass(frozen=True)
class Filter:
    """Which features are asked for, and in what order."""

    min_density: Annotated[float | None, Query(ge=0, le=1, description="Share of tokens, at least.")] = None
    max_density: Annotated[float | None, Query(ge=0, le=1, description="Share of tokens, at most.")] = None
    min_max: Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="Largest activation, at least.")] = (
        None
    )
    alive: Annotated[bool | None, Query(description="Only living latents, or only dead ones.")] = None
    starred: Annotated[bool | None, Query(description="Only those with a star, or without.")] = None
    labelled: Annotated[bool | None, Query(description="Only those with a label, or without.")] = None
    sortBy: Annotated[Sort | None, Query(description="`relevance` in a search and `interest` else, if not given.")] = (
        None
    )

    def wanted(self, paging: Paged) -> Wanted:
        """The same for the database."""
        searched = (paging.search or "").strip() or None
        return Wanted(
            search=searched,
            min_density=self.min_density,
            max_density=self.max_density,
            min_max=self.min_max,
            alive=self.alive,
            starred=self.starred,
            labelled=self.labelled,
            sort=self.sortBy or ("relevance" if searched else "interest"),
            descending=paging.descending,
        )


Filtered = Annotated[Filter, Depends()]


@router.get("")
async def list_feature_sets(
    transaction: Transaction,
    paging: Paged,
    sae_id: Annotated[str | None, Query(description="Only those of this SAE.")] = None,
    sortBy: Literal["created_at", "name", "bytes", "tokens", "latents", "alive"] = "created_at",
) -> Page[FeatureSetOut]:
    """All feature sets, newest first."""
    rows, total = await artifacts.page(
        transaction.session, "feature_set", search=paging.search, where={"sae_id": sae_id} if sae_id else None,
        sort=sortBy, descending=paging.descending, offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of(await feature_pages.sets_out(transaction.session, rows), total)


@router.post("", status_code=202, responses=errors(404, 409, 503, 507))
async def find_features(
    request: Annotated[Find, Body(examples=[_FIND])], studio: Studio, transaction: Transaction
) -> Data[Accepted]:
    """Find what activates every latent of an SAE. Recordings of the text spare running the model.

    Refused with the numbers where this machine has not the memory (503) or the disk (507).
    """
    session = transaction.session
    found = await find_inputs(session, request)
    check_fit(await estimate_out(studio, session, found.request))
    name = request.name or await free_name(session, studio.settings, request, slug(found.sae.name))
    request = found.request.model_copy(update={"name": name})
    title = f"Find features of {found.sae.name}"
    job = await create(session, studio.settings, request, title=title, subject=f"saes/{found.sae.id}", device=DEVICE)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/{set_id}", responses=errors(404))
async def get_feature_set(set_id: str, studio: Studio, transaction: Transaction) -> Data[FeatureSetDetail]:
    """One feature set, and how its latents are spread."""
    row = await _set(transaction.session, set_id)
    opened = await studio.features.open(row)
    histogram, largest = await asyncio.to_thread(feature_pages.log_density, opened)
    [out] = await feature_pages.sets_out(transaction.session, [row])
    labelled, starred = await features.count_annotated(transaction.session, row.id)
    config = row.manifest["config"]
    detail = FeatureSetDetail(
        **out.model_dump(),
        labelled=labelled,
        starred=starred,
        log_density=histogram,
        max_activation=largest,
        lens=config.get("logit_lens"),
        excluded=str((config.get("filter") or {}).get("rule", "")),
        manifest=row.manifest,
    )
    return Data(data=detail)


@router.delete("/{set_id}", status_code=202, responses=errors(404, 409))
async def delete_feature_set(set_id: str, studio: Studio, transaction: Transaction) -> Data[Accepted]:
    """Remove a feature set from the store, with its labels, notes and stars."""
    row = await _set(transaction.session, set_id)
    job = await request_deletion(transaction.session, studio.settings, "feature_set", row.id, row.name)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/{set_id}/features", responses=errors(404, 503))
async def list_features(
    set_id: str, studio: Studio, transaction: Transaction, paging: Paged, wanted: Filtered
) -> FeatureList:
    """The table: features of a set, filtered, searched and sorted. A search ranks its first matches by relevance."""
    row = await _loaded(studio, transaction.session, set_id)
    found = await features_query.page(
        transaction.session, row, wanted.wanted(paging), offset=paging.offset, limit=paging.limit
    )
    pagination = FeaturePagination(
        page=paging.page, limit=paging.limit, total=found.total, estimated=found.estimated, has_next=found.has_next
    )
    return FeatureList(data=[feature_pages.feature_out(each, row.tokens) for each in found.rows], pagination=pagination)


@router.get("/{set_id}/features/{latent}", responses=errors(404, 503))
async def get_feature(
    set_id: str, latent: Latent, studio: Studio, transaction: Transaction, paging: Paged, wanted: Filtered
) -> Data[FeaturePage]:
    """All about one latent but its passages; with the table's own parameters also its neighbours in the table."""
    session = transaction.session
    row = await _loaded(studio, session, set_id)
    feature = await _feature(session, row, latent)
    around = await features_query.neighbours(session, row, wanted.wanted(paging), latent)
    [out] = await feature_pages.sets_out(session, [row])
    opened = await studio.features.open(row)
    statistics, histogram = await asyncio.to_thread(feature_pages.numbers, opened, latent)
    page = FeaturePage(
        feature_set=out,
        feature=feature_pages.feature_out(feature, row.tokens),
        statistics=statistics,
        histogram=histogram,
        lens=await asyncio.to_thread(feature_pages.logit_lens, opened, latent),
        steering=feature_pages.suggested(feature.max, row.manifest),
        neighbours=Neighbours(previous=around.previous, next=around.next),
        permalink=f"/features/{row.id}/{latent}",
    )
    return Data(data=page)


@router.patch("/{set_id}/features/{latent}", responses=errors(404, 503))
async def change_feature(
    set_id: str,
    latent: Latent,
    change: Annotated[FeatureChange, Body()],
    studio: Studio,
    transaction: Transaction,
) -> Data[FeatureOut]:
    """Write a label, notes or a star; what is not named stays as it is."""
    row = await _loaded(studio, transaction.session, set_id)
    said: dict[str, Any] = {name: getattr(change, name) for name in change.model_fields_set}
    changed = await feature_journal.annotate(transaction.session, studio.settings.annotations_dir, row.id, latent, said)
    if changed is None:
        raise _no_latent(row, latent)
    return Data(data=feature_pages.feature_out(changed, row.tokens))


@router.get("/{set_id}/features/{latent}/examples", responses=errors(404))
async def get_examples(set_id: str, latent: Latent, studio: Studio) -> Data[Examples]:
    """Passages in which the latent is active: the strongest, and some of each strength."""
    opened = await studio.features.open(await _row_alone(studio, set_id))
    return Data(data=await asyncio.to_thread(feature_pages.examples, opened, latent))


@router.get("/{set_id}/features/{latent}/logit-lens", responses=errors(404))
async def get_logit_lens(set_id: str, latent: Latent, studio: Studio) -> Data[LogitLensOut]:
    """Tokens that the latent promotes and suppresses."""
    row = await _row_alone(studio, set_id)
    if latent >= row.latents:
        raise _no_latent(row, latent)
    return Data(data=await asyncio.to_thread(feature_pages.logit_lens, await studio.features.open(row), latent))


@router.post("/{set_id}/features/{latent}/test", responses=errors(404, 409, 503))
async def try_feature(
    set_id: str, latent: Latent, tried: TextToTry, studio: Studio, request: Request
) -> Data[TriedText]:
    """How active the latent is on a text, token by token. Hanging up gives the work up."""
    # The database is not held while the engine works.
    async with studio.database.session() as session:
        row = await _loaded(studio, session, set_id)
        feature = await _feature(session, row, latent)
        model, sae = await _model_and_sae(session, row)
    wanted = ActivationsRequest(
        model=ModelConfig(source=model), sae=sae, text=tried.text, latents=(latent,), top=0, other_model=True
    )
    client = request.client.host if request.client else ""
    found = await while_connected(request, studio.engine.activations(wanted, client=client))
    return Data(data=feature_pages.tried(latent, tried.text, found, feature.max))


async def _set(session: Session, id_or_name: str) -> FeatureSet:
    row: FeatureSet = await row_of(session, "feature_set", id_or_name)
    return row


async def _row_alone(studio: Studio, id_or_name: str) -> FeatureSet:
    """The row, without holding the database while the artifact is read."""
    async with studio.database.session() as session:
        return await _set(session, id_or_name)


async def _loaded(studio: Studio, session: Session, id_or_name: str) -> FeatureSet:
    row = await _set(session, id_or_name)
    await studio.features.ensure_loaded(row)
    return row


async def _feature(session: Session, row: FeatureSet, latent: int) -> Feature:
    found = await features.get(session, row.id, latent)
    if found is None:
        raise _no_latent(row, latent)
    return found


def _no_latent(row: FeatureSet, latent: int) -> NotFound:
    return NotFound(f"There is no latent {latent}.", remedy=f"Latents are numbered 0 to {row.latents - 1}.")


async def _model_and_sae(session: Session, row: FeatureSet) -> tuple[str, str]:
    """Where the model and the SAE lie that the features were found with."""
    sae = await artifacts.get(session, "sae", row.sae_id) if row.sae_id else None
    model = await artifacts.get(session, "model", row.model_id) if row.model_id else None
    if sae is None or model is None:
        gone = "SAE" if sae is None else "model"
        raise NotAllowedNow(
            f"The {gone} of {row.name} is not here any more.", remedy=f"Add that {gone} to the studio again."
        )
    return model.path, sae.path
