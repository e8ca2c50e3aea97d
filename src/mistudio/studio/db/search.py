"""Find anything by its name: one query over all tables, and one over the labels of features."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import String, cast, func, literal, select, union_all

from mistudio.studio.db.artifacts import Dataset, FeatureSet, Model, Recording, Sae, Tokenization
from mistudio.studio.db.features import Feature
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.session import Session
from mistudio.studio.db.trainings import Training


class Found(NamedTuple):
    """Something whose name fits."""

    entity: str
    id: str
    name: str
    detail: str | None
    """What tells it from others of that name."""
    part_of: str | None
    """The id of what it is shown with."""


def _counted(column: Any, what: str) -> Any:
    return func.to_char(column, "FM999,999,999,999,999").concat(f" {what}")


def _on(model: Any, hook: Any) -> Any:
    return func.concat_ws(" · ", func.nullif(model, ""), func.nullif(hook, ""))


_NOTHING = literal(None, String)
_NAMED: tuple[tuple[str, Any, Any, Any, Any], ...] = (
    ("dataset", Dataset, Dataset.name, _counted(Dataset.documents, "documents"), _NOTHING),
    ("model", Model, Model.name, Model.source, _NOTHING),
    ("tokenization", Tokenization, Tokenization.name, _counted(Tokenization.tokens, "tokens"), Tokenization.dataset_id),
    ("recording", Recording, Recording.name, func.array_to_string(Recording.hooks, ", "), _NOTHING),
    ("training", Training, Training.name, _on(Training.model_name, Training.hook), _NOTHING),
    ("sae", Sae, Sae.name, _on(Sae.model_name, Sae.hook), _NOTHING),
    ("feature_set", FeatureSet, FeatureSet.name, FeatureSet.hook, _NOTHING),
    ("job", Job, Job.title, Job.state, _NOTHING),
)


async def search(session: Session, text: str, *, limit: int) -> list[Found]:
    """What is called so, in upper or lower case: names that begin with the text first, then the newest.

    Args:
        limit: most hits of each entity.
    """
    parts = [
        select(
            literal(entity).label("entity"),
            cast(table.id, String).label("id"),
            name.label("name"),
            detail.label("detail"),
            part_of.label("part_of"),
        )
        .where(name.icontains(text, autoescape=True))
        .order_by(name.istartswith(text, autoescape=True).desc(), table.created_at.desc())
        .limit(limit)
        .subquery()
        for entity, table, name, detail, part_of in _NAMED
    ]
    rows = await session.execute(union_all(*(select(part) for part in parts)))
    return [Found(*row) for row in rows] + await _labels(session, text, limit)


async def _labels(session: Session, text: str, limit: int) -> list[Found]:
    wanted = (
        select(Feature.feature_set_id, Feature.latent, Feature.label, FeatureSet.name)
        .join(FeatureSet, FeatureSet.id == Feature.feature_set_id)
        .where(Feature.label.is_not(None), Feature.label.icontains(text, autoescape=True))
        .order_by(Feature.label.istartswith(text, autoescape=True).desc(), func.length(Feature.label), Feature.latent)
        .limit(limit)
    )
    rows = await session.execute(wanted)
    return [
        Found("feature", f"{set_id}/{latent}", label or "", f"latent {latent} of {name}", set_id)
        for set_id, latent, label, name in rows
    ]
