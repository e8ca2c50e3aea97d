"""The demo: the whole road on a small real model. What a stage made is in the studio as soon as it is there."""

from __future__ import annotations

from mistudio.artifacts.manifest import Artifact
from mistudio.demo.road import walk as run_walk
from mistudio.studio.db import indexing
from mistudio.studio.db.artifacts import KINDS
from mistudio.studio.db.session import Session
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish
from mistudio.studio.queue.context import JobContext, Made
from mistudio.studio.queue.requests import Demo

_ENTITIES = {kind: entity for entity, kind in KINDS.items()}


def walk(request: Demo, context: JobContext) -> Made:
    """Walk the road; cancelled or killed, the next walk goes on from the last finished stage or checkpoint."""

    def found(artifact: Artifact) -> None:
        context.portal.run(lambda session: _index(session, artifact, context.job_id))

    road = run_walk(context.store, request.config, context.progress, found=found)
    sae_id = road.sae_artifact.manifest.id
    evaluation = context.write_evaluation(
        sae_id.replace("sae-", "evaluation-", 1),
        sae_id,
        road.tokens.artifact.manifest.id,
        road.evaluation.model_dump(mode="json"),
    )
    context.portal.run(lambda session: indexing.index_result(session, evaluation.path, job_id=context.job_id))
    return Made("feature_set", road.features.artifact.path)


async def _index(session: Session, artifact: Artifact, job_id: str) -> None:
    entity = _ENTITIES[artifact.manifest.kind]
    await indexing.index_artifact(session, entity, artifact, job_id=job_id)
    changed = (entity, "training") if entity == "sae" else (entity,)
    for each in changed:
        await publish(session, StoreChanged(entity=each, id=None), ["store"])
