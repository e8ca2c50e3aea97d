"""What probing found, as the API shows it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from mistudio.evaluation.probing.result import LabelProbing, SpellingProbing
from mistudio.studio.db.artifacts import Sae
from mistudio.studio.db.probings import Probing
from mistudio.studio.db.session import Session
from mistudio.studio.http.references import Ref, References
from mistudio.studio.http.schemas import ApiModel


class ProbingOut(ApiModel):
    """A probing of an SAE: what its latents know of labels, or of spelling."""

    id: str
    sae: Ref
    about: Literal["labels", "spelling"]
    dataset: Ref | None
    """The labelled documents; null of spelling, or where they are gone."""
    model_name: str
    labels: LabelProbing | None
    """Sparse probing and targeted probe perturbation, with their definitions in the schema."""
    spelling: SpellingProbing | None
    """Feature splitting and absorption on first letters."""
    created_at: datetime
    job_id: str | None


async def probings_out(session: Session, sae: Sae, rows: Sequence[Probing]) -> list[ProbingOut]:
    """An SAE's probings as answers."""
    names = await References.read(session, {"dataset": [row.dataset_id for row in rows]})
    return [_probing_out(sae, row, names("dataset", row.dataset_id)) for row in rows]


def _probing_out(sae: Sae, row: Probing, dataset: Ref | None) -> ProbingOut:
    of_labels = "classes" in row.result
    labels = LabelProbing.model_validate(row.result) if of_labels else None
    spelling = None if of_labels else SpellingProbing.model_validate(row.result)
    return ProbingOut(
        id=row.id,
        sae=Ref(id=sae.id, name=sae.name),
        about="labels" if of_labels else "spelling",
        dataset=dataset,
        model_name=str(row.result["model"].get("name", sae.model_name)),
        labels=labels,
        spelling=spelling,
        created_at=row.created_at,
        job_id=row.job_id,
    )
