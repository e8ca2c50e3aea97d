"""Write down what is in the store: a row an artifact. The database can be rebuilt from disk by this alone.

1. Artifacts are taken in the order of the road, so that what one was made of has its row already.
2. A row is written again if its manifest changed; rows whose directory is gone are removed.
3. An SAE with a log gets a training; a feature set gets its features (see `features_load`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from mistudio.artifacts.manifest import Artifact, Manifest
from mistudio.artifacts.store import LocalStore
from mistudio.studio.db import evaluations, training_metrics
from mistudio.studio.db.artifacts import KINDS, TABLES, Model, Recording
from mistudio.studio.db.session import Database, Session
from mistudio.studio.db.trainings import Training
from mistudio.training.layout import LOG

ORDER = ("model", "dataset", "tokenization", "recording", "sae", "feature_set")


async def index_store(database: Database, store: LocalStore, evaluations_dir: Path) -> dict[str, int]:
    """Compare the store with the database and mend the database.

    Returns:
        Artifacts found, by entity.
    """
    found = {}
    for entity in ORDER:
        artifacts = store.list(KINDS[entity])
        found[entity] = len(artifacts)
        async with database.session() as session:
            known = {row.id: row for row in await session.scalars(select(TABLES[entity]))}
            for artifact in artifacts:
                row = known.pop(artifact.manifest.id, None)
                if row is None or row.path != str(artifact.path.absolute()):
                    await index_artifact(session, entity, artifact)
            for row in known.values():
                if not (Path(row.path) / "manifest.json").is_file():
                    await session.delete(row)
    for path in sorted(evaluations_dir.glob("*.json")):
        async with database.session() as session:
            await index_evaluation(session, path)
    return found


async def index_artifact(session: Session, entity: str, artifact: Artifact, *, job_id: str | None = None) -> str:
    """Write the row of one artifact.

    Returns:
        Its id.
    """
    manifest = artifact.manifest
    values = {
        "id": manifest.id,
        "name": artifact.path.name,
        "path": str(artifact.path.absolute()),
        "bytes": sum(file.bytes for file in manifest.files.values()),
        "manifest": manifest.model_dump(mode="json", exclude={"files"}),
        "created_at": datetime.fromisoformat(manifest.created_at),
        "job_id": job_id,
        **await _FACTS[entity](session, manifest, artifact.path),
    }
    table = TABLES[entity]
    # Another artifact may have had this name before.
    for stale in await session.scalars(select(table).where(table.name == values["name"], table.id != manifest.id)):
        await session.delete(stale)
    await session.flush()
    statement = insert(table).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in ("id", "job_id")}
    await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed))
    if entity == "sae":
        await _index_training(session, artifact)
    return manifest.id


async def index_evaluation(session: Session, path: Path, *, job_id: str | None = None) -> str:
    """Write the row of one evaluation; those of SAEs that are gone are passed over.

    Returns:
        Its id.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if await session.get(TABLES["sae"], content["sae_id"]):
        tokenization = content["tokenization_id"]
        known = await session.get(TABLES["tokenization"], tokenization)
        await evaluations.put(
            session,
            id=path.stem,
            sae_id=content["sae_id"],
            tokenization_id=tokenization if known else None,
            path=str(path),
            result=content["result"],
            created_at=datetime.fromisoformat(content["created_at"]),
            **({"job_id": job_id} if job_id else {}),
        )
    return path.stem


async def _index_training(session: Session, artifact: Artifact) -> None:
    """Let an SAE have its training, with its log, if the studio did not run it itself."""
    manifest, log = artifact.manifest, artifact.path / LOG
    mine = await session.scalar(
        select(Training).where((Training.sae_id == manifest.id) | (Training.name == artifact.path.name))
    )
    if mine is not None:
        mine.sae_id = manifest.id
        return
    if not log.is_file():
        return
    config = manifest.config
    digest = hashlib.sha256(manifest.id.encode()).hexdigest()[:12]
    training = Training(
        id=f"training-{digest}",
        name=artifact.path.name,
        request={"kind": "train", "config": config},
        model_name=_cfg(artifact.path).get("model_name", ""),
        hook=_cfg(artifact.path).get("hook", ""),
        d_in=int(_cfg(artifact.path)["d_in"]),
        total_steps=int(manifest.metrics.get("step", 0)),
        sae_id=manifest.id,
        created_at=datetime.fromisoformat(manifest.created_at),
    )
    session.add(training)
    await session.flush()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    await training_metrics.write(session, training.id, lines)


async def _model(_: Session, manifest: Manifest, __: Path) -> dict[str, Any]:
    config = manifest.config
    return {name: config[name] for name in ("source", "digest", "d_model", "n_layers", "vocab_size")}


async def _dataset(_: Session, manifest: Manifest, __: Path) -> dict[str, Any]:
    metrics = manifest.metrics
    return {name: metrics.get(name, 0) for name in ("documents", "held_out_documents", "characters")}


async def _tokenization(session: Session, manifest: Manifest, _: Path) -> dict[str, Any]:
    return {
        "dataset_id": await _input(session, manifest, "dataset"),
        "model_id": await _model_of(session, {"source": manifest.config.get("model")}),
        "contexts": manifest.metrics["contexts"],
        "context_length": manifest.config["context_length"],
        "tokens": manifest.metrics["tokens"],
    }


async def _recording(session: Session, manifest: Manifest, _: Path) -> dict[str, Any]:
    hooks = manifest.metrics.get("hooks", {})
    return {
        "tokenization_id": await _input(session, manifest, "tokenization"),
        "model_id": await _model_of(session, manifest.config.get("model", {})),
        "hooks": list(manifest.config["hooks"]),
        "tokens": max((each["tokens"] for each in hooks.values()), default=0),
    }


async def _sae(session: Session, manifest: Manifest, path: Path) -> dict[str, Any]:
    cfg, metrics = _cfg(path), manifest.metrics
    recording_id = await _input(session, manifest, "recording")
    tokenization_id = await _input(session, manifest, "tokenization")
    model_id = await _input(session, manifest, "model")
    if recording_id is not None:
        recording = await session.get(Recording, recording_id)
        assert recording is not None
        tokenization_id, model_id = recording.tokenization_id, recording.model_id
    return {
        "model_id": model_id,
        "recording_id": recording_id,
        "tokenization_id": tokenization_id,
        "model_name": cfg.get("model_name", ""),
        "hook": cfg.get("hook", ""),
        "architecture": cfg["architecture"],
        "d_in": cfg["d_in"],
        "d_sae": cfg["d_sae"],
        "k": cfg.get("k"),
        "l0": metrics.get("l0"),
        "fvu": metrics.get("fvu"),
        "dead_share": metrics.get("dead_share"),
    }


async def _feature_set(session: Session, manifest: Manifest, _: Path) -> dict[str, Any]:
    metrics = manifest.metrics
    sae_id = await _input(session, manifest, "sae")
    sae = await session.get(TABLES["sae"], sae_id) if sae_id else None
    by_tokenizer = await _model_of(session, {"source": manifest.config.get("tokenizer_source")})
    return {
        "sae_id": sae_id,
        "model_id": getattr(sae, "model_id", None) or by_tokenizer,
        "tokenization_id": await _input(session, manifest, "tokenization"),
        "hook": manifest.config["hook"],
        "tokens": metrics["tokens"],
        "latents": metrics["latents_alive"] + metrics["latents_dead"],
        "alive": metrics["latents_alive"],
    }


_FACTS = {
    "model": _model,
    "dataset": _dataset,
    "tokenization": _tokenization,
    "recording": _recording,
    "sae": _sae,
    "feature_set": _feature_set,
}


def _cfg(path: Path) -> dict[str, Any]:
    """What the SAE's own file says, with our names for what stands in its metadata."""
    content: dict[str, Any] = json.loads((path / "cfg.json").read_text(encoding="utf-8"))
    metadata = content.get("metadata") or {}
    return content | {"hook": metadata.get("mistudio_hook", ""), "model_name": metadata.get("model_name", "")}


async def _input(session: Session, manifest: Manifest, entity: str) -> str | None:
    """The id of the input of that kind, if its row is there."""
    for each in manifest.inputs:
        if each.kind is KINDS[entity] and await session.get(TABLES[entity], each.id):
            return each.id
    return None


async def _model_of(session: Session, identity: Mapping[str, Any]) -> str | None:
    """The model at a path, or with a digest."""
    source, digest = identity.get("source"), identity.get("digest")
    if source:
        path = str(Path(source).expanduser().absolute())
        if found := await session.scalar(select(Model.id).where((Model.path == path) | (Model.source == source))):
            return str(found)
    if digest:
        found = await session.scalar(select(Model.id).where(Model.digest == digest))
        return str(found) if found else None
    return None
