"""Probings of SAEs: what latents know of the labels of documents, or of how words are spelled."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from mistudio.config import Config
from mistudio.errors import NotFound
from mistudio.evaluation.probing.config import ProbingConfig
from mistudio.studio.db import probings
from mistudio.studio.http.dependencies import Studio, Transaction
from mistudio.studio.http.errors import errors
from mistudio.studio.http.estimates import check_fit, estimate_out
from mistudio.studio.http.jobs import Accepted, accepted
from mistudio.studio.http.probings import ProbingOut, probings_out
from mistudio.studio.http.saes import trained_with
from mistudio.studio.http.schemas import Data
from mistudio.studio.queue.enqueue import DEVICE, create
from mistudio.studio.queue.inputs import probe_inputs, row_of
from mistudio.studio.queue.requests import Probe

router = APIRouter(prefix="/saes/{sae_id}/probings", tags=["saes"])

_EXAMPLES = {
    "labels": {
        "summary": "On labelled documents",
        "value": {"dataset_id": "corpus-b3c69c07d994", "config": {"labels": {"label": "party"}}},
    },
    "spelling": {"summary": "On the first letters of words", "value": {"config": {"spelling": {"max_words": 3000}}}},
}


class ProbingRequest(Config):
    """What to probe an SAE for."""

    model_id: str | None = None
    """The model; the one that it was trained on where not given."""
    dataset_id: str | None = None
    """Documents with the label that `config.labels` names; without any, the model's own words are spelled."""
    config: ProbingConfig = ProbingConfig()


@router.get("", responses=errors(404))
async def list_probings(sae_id: str, transaction: Transaction) -> Data[list[ProbingOut]]:
    """All probings of an SAE, newest first."""
    row = await row_of(transaction.session, "sae", sae_id)
    found = await probings.of_sae(transaction.session, row.id)
    return Data(data=await probings_out(transaction.session, row, found))


@router.get("/{probing_id}", responses=errors(404))
async def get_probing(sae_id: str, probing_id: str, transaction: Transaction) -> Data[ProbingOut]:
    """One probing, with everything that it found."""
    row = await row_of(transaction.session, "sae", sae_id)
    found = await probings.get(transaction.session, probing_id)
    if found is None or found.sae_id != row.id:
        raise NotFound(f"{row.name} has no probing {probing_id!r}.", remedy="List its probings.")
    return Data(data=(await probings_out(transaction.session, row, [found]))[0])


@router.post("", status_code=202, responses=errors(404, 409, 503, 507))
async def probe_sae(
    sae_id: str,
    studio: Studio,
    transaction: Transaction,
    wanted: Annotated[ProbingRequest, Body(openapi_examples=_EXAMPLES)],
) -> Data[Accepted]:
    """Ask what latents know of labels, or of spelling; refused where this machine has not the memory (503)."""
    session = transaction.session
    row = await row_of(session, "sae", sae_id)
    model_id = wanted.model_id or trained_with(row, "model_id")
    request = Probe(sae_id=row.id, model_id=model_id, dataset_id=wanted.dataset_id, config=wanted.config)
    request = (await probe_inputs(session, request)).request
    check_fit(await estimate_out(studio, session, request))
    about = wanted.config.labels.label if request.dataset_id is not None else "spelling"
    title, subject = f"Probe {row.name} for {about}", f"saes/{row.id}"
    job = await create(session, studio.settings, request, title=title, subject=subject, device=DEVICE)
    transaction.created.append(job)
    return Data(data=accepted(job))
