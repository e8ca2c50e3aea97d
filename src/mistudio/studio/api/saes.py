"""SAEs: what there is, what each is worth, and measuring one on text."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query

from mistudio.config import Config
from mistudio.evaluation.config import EvaluateConfig
from mistudio.studio.db import artifacts, evaluations
from mistudio.studio.http.dependencies import Paged, Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.saes import (
    EvaluationOut,
    SaeDetail,
    SaeOut,
    evaluations_out,
    sae_detail,
    saes_out,
    trained_with,
)
from mistudio.studio.http.schemas import Data, Page
from mistudio.studio.queue.deletion import request_deletion
from mistudio.studio.queue.enqueue import DEVICE, create
from mistudio.studio.queue.inputs import evaluate_inputs, row_of
from mistudio.studio.queue.requests import Evaluate

router = APIRouter(prefix="/saes", tags=["saes"])


class EvaluationRequest(Config):
    """Which text to measure an SAE on, and how much of it."""

    model_id: str | None = None
    """The model; the one that it was trained on where not given."""
    tokenization_id: str | None = None
    """The text; the one that it was trained on where not given, of which held-out documents are read."""
    against_id: str | None = None
    """Another SAE of the same hook point, such as one of another seed: how far does it have the same latents?"""
    config: EvaluateConfig = EvaluateConfig()


@router.get("")
async def list_saes(
    transaction: Transaction,
    paging: Paged,
    model_id: Annotated[str | None, Query(description="Only those of this model.")] = None,
    hook: Annotated[str | None, Query(description="Only those of this hook point.")] = None,
    architecture: Annotated[str | None, Query(description="Only those of this architecture.")] = None,
    sortBy: Literal["created_at", "name", "bytes", "hook", "d_sae", "k", "fvu", "dead_share"] = "created_at",
) -> Page[SaeOut]:
    """All SAEs, newest first."""
    where = {"model_id": model_id, "hook": hook, "architecture": architecture}
    rows, total = await artifacts.page(
        transaction.session, "sae", search=paging.search, where={k: v for k, v in where.items() if v is not None},
        sort=sortBy, descending=paging.descending, offset=paging.offset, limit=paging.limit,
    )  # fmt: skip
    return paging.of(await saes_out(transaction.session, rows), total)


@router.get("/{sae_id}", responses=errors(404))
async def get_sae(sae_id: str, transaction: Transaction) -> Data[SaeDetail]:
    """One SAE, with its feature sets and evaluations."""
    return Data(data=await sae_detail(transaction.session, await row_of(transaction.session, "sae", sae_id)))


@router.delete("/{sae_id}", status_code=202, responses=errors(404, 409))
async def delete_sae(
    sae_id: str,
    studio: Studio,
    transaction: Transaction,
    force: Annotated[bool, Query(description="Also if features were found with it; they stay.")] = False,
) -> Data[Accepted]:
    """Remove an SAE from the store, and its evaluations."""
    row = await row_of(transaction.session, "sae", sae_id)
    job = await request_deletion(transaction.session, studio.settings, "sae", row.id, row.name, force=force)
    transaction.created.append(job)
    return Data(data=accepted(job))


@router.get("/{sae_id}/evaluations", responses=errors(404))
async def list_evaluations(sae_id: str, transaction: Transaction) -> Data[list[EvaluationOut]]:
    """All evaluations of an SAE, newest first."""
    row = await row_of(transaction.session, "sae", sae_id)
    found = await evaluations.of_sae(transaction.session, row.id)
    return Data(data=await evaluations_out(transaction.session, row, found))


@router.post("/{sae_id}/evaluations", status_code=202, responses=errors(404, 409, 503, 507))
async def evaluate_sae(
    sae_id: str,
    studio: Studio,
    transaction: Transaction,
    wanted: Annotated[EvaluationRequest | None, Body(examples=[{"config": {"max_tokens": 65_536}}])] = None,
) -> Data[Accepted]:
    """Measure an SAE on text that it was not trained on; refused where this machine has not the memory (503)."""
    session, wanted = transaction.session, wanted or EvaluationRequest()
    row = await row_of(session, "sae", sae_id)
    request = Evaluate(
        sae_id=row.id,
        model_id=wanted.model_id or trained_with(row, "model_id"),
        tokenization_id=wanted.tokenization_id or trained_with(row, "tokenization_id"),
        against_id=wanted.against_id,
        config=wanted.config,
    )
    request = (await evaluate_inputs(session, request)).request
    check_fit(await estimate_out(studio, session, request))
    title, subject = f"Evaluate {row.name}", f"saes/{row.id}"
    job = await create(session, studio.settings, request, title=title, subject=subject, device=DEVICE)
    transaction.created.append(job)
    return Data(data=accepted(job))
