"""Write down what is in the store: a row an artifact. The database can be rebuilt from disk by this alone.

1. The store is read, and every row is worked out from its manifest, in the order of the road.
2. Rows of artifacts that are gone are removed, those that differ are written; the others are left alone.
3. An SAE with a log has a training, which is written with its SAE's row; evaluations and probings are files
   of their own.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.manifest import MANIFEST, Artifact
from mistudio.artifacts.store import Broken, LocalStore
from mistudio.evaluation.result import PROBING
from mistudio.studio.db import evaluations, probings, training_metrics
from mistudio.studio.db.artifacts import KINDS, TABLES, AnyRow
from mistudio.studio.db.evaluations import Evaluation
from mistudio.studio.db.facts import ORDER, Links, columns_of, sae_settings
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.probings import Probing
from mistudio.studio.db.session import Database, Session, columns
from mistudio.studio.db.trainings import Training

_LOG = "training.jsonl"
_UNREADABLE = (KeyError, TypeError, ValueError, OSError)
_Sound = Mapping[str, list[Artifact]]
_Values = tuple[Artifact, dict[str, Any]]


@dataclass
class Indexed:
    """What was found in the store, and what was done to the database."""

    found: dict[str, int] = field(default_factory=dict)
    """Sound artifacts by entity; evaluations too."""
    added: int = 0
    changed: int = 0
    removed: int = 0
    broken: list[Broken] = field(default_factory=list)
    """What cannot be used. The row that it may have from better times stays."""


async def index_store(database: Database, store: LocalStore, evaluations_dir: Path) -> Indexed:
    """Compare the store with the database and mend the database."""
    indexed = Indexed()
    sound = await asyncio.to_thread(_look, store, indexed)
    async with database.session() as session:
        await _alone(session)
        await _index_artifacts(session, sound, indexed)
        await _index_results(session, evaluations_dir, indexed)
        await _forget_trainings(session, store)
    return indexed


async def index_artifact(session: Session, entity: str, artifact: Artifact, *, job_id: str | None = None) -> str:
    """Write the row of one artifact.

    Returns:
        Its id.
    """
    await _alone(session)
    values = columns_of(entity, artifact, await _links(session)) | {"job_id": job_id}
    table = TABLES[entity]
    # Another artifact may have had this name before.
    await session.execute(delete(table).where(table.name == values["name"], table.id != values["id"]))
    await _write(session, entity, [values])
    if entity == "sae":
        await _index_trainings(session, [artifact])
    return artifact.manifest.id


async def index_result(session: Session, path: Path, *, job_id: str | None = None) -> str:
    """Write the row of one evaluation or probing; those of SAEs that are gone are passed over.

    Returns:
        Its id.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if await session.get(TABLES["sae"], content["sae_id"]):
        values = {
            "id": path.stem,
            "sae_id": content["sae_id"],
            "path": str(path),
            "result": content["result"],
            "created_at": datetime.fromisoformat(content["created_at"]),
            **({"job_id": job_id} if job_id else {}),
        }
        if path.stem.startswith(PROBING):
            await probings.put(session, dataset_id=await _known(session, "dataset", content["dataset_id"]), **values)
        else:
            text_id = await _known(session, "tokenization", content["tokenization_id"])
            against_id = await _known(session, "sae", content.get("against_id"))
            await evaluations.put(session, tokenization_id=text_id, against_id=against_id, **values)
    return path.stem


async def _known(session: Session, entity: str, row_id: str | None) -> str | None:
    """The id, if there is such a thing."""
    return row_id if row_id is not None and await session.get(TABLES[entity], row_id) else None


# ── artifacts ────────────────────────────────────────────────────────────────────────────────────


def _look(store: LocalStore, indexed: Indexed) -> _Sound:
    """Read the store; of artifacts with the same id, copies of one another, one counts."""
    sound: dict[str, list[Artifact]] = {}
    for entity in ORDER:
        found, broken = store.look(KINDS[entity])
        first: dict[str, Artifact] = {}
        for artifact in found:
            other = first.setdefault(artifact.manifest.id, artifact)
            if other is not artifact:
                message = f"{artifact.path} is a copy of {other.path.name}: it has the same id."
                broken.append(Broken(artifact.path, message))
        sound[entity] = list(first.values())
        indexed.broken += broken
    return sound


async def _index_artifacts(session: Session, sound: _Sound, indexed: Indexed) -> None:
    rows = {entity: {row.id: row for row in await session.scalars(select(TABLES[entity]))} for entity in ORDER}
    broken = {str(each.path.absolute()) for each in indexed.broken}
    ids = {artifact.manifest.id for found in sound.values() for artifact in found}
    links, wanted = Links(), dict[str, list[_Values]]()
    for entity in ORDER:
        # What is broken, or was made while the store was read, keeps its row and its links.
        kept = [row for row in rows[entity].values() if row.id not in ids and _is_there(row, broken)]
        for row in kept:
            links.add(entity, columns(row))
        wanted[entity] = _columns_of_all(entity, sound[entity], links, indexed)
        known = {row.id for row in kept} | {values["id"] for _, values in wanted[entity]}
        gone = rows[entity].keys() - known
        await session.execute(delete(TABLES[entity]).where(TABLES[entity].id.in_(gone)))
        indexed.found[entity], indexed.removed = len(wanted[entity]), indexed.removed + len(gone)
        rows[entity] = {row_id: row for row_id, row in rows[entity].items() if row_id in known}
    for entity in ORDER:
        await _write_different(session, entity, wanted[entity], rows[entity], indexed)


def _columns_of_all(entity: str, sound: list[Artifact], links: Links, indexed: Indexed) -> list[_Values]:
    """The columns of every row that is to be, noted for those that are made of them."""
    found = []
    for artifact in sound:
        try:
            values = columns_of(entity, artifact, links)
        except _UNREADABLE as error:
            message = f"{artifact.path} does not say what it must: {type(error).__name__}: {error}."
            indexed.broken.append(Broken(artifact.path, message))
            continue
        links.add(entity, values)
        found.append((artifact, values))
    return found


async def _write_different(
    session: Session, entity: str, wanted: list[_Values], rows: Mapping[str, AnyRow], indexed: Indexed
) -> None:
    different = [(artifact, values) for artifact, values in wanted if _differs(rows.get(values["id"]), values)]
    changed = [values for _, values in different if values["id"] in rows]
    indexed.added += len(different) - len(changed)
    indexed.changed += len(changed)
    # Two directories may have changed names with one another, so those names are let go first.
    table, taken = TABLES[entity], {values["name"] for _, values in different}
    renamed = [row.id for row in rows.values() if row.name in taken]
    await session.execute(update(table).where(table.id.in_(renamed)).values(name=table.id))
    await _write(session, entity, [values for _, values in different])
    if entity == "sae":
        indexed.broken += await _index_trainings(session, [artifact for artifact, _ in different])


def _is_there(row: AnyRow, broken: set[str]) -> bool:
    try:
        content = json.loads((Path(row.path) / MANIFEST).read_text(encoding="utf-8"))
        return bool(content["id"] == row.id)
    except _UNREADABLE:
        return row.path in broken


def _differs(row: AnyRow | None, values: Mapping[str, Any]) -> bool:
    return row is None or any(getattr(row, name) != value for name, value in values.items())


async def _write(session: Session, entity: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        # Of the table and not of the class: one statement for all rows, which is prepared once.
        statement = insert(TABLES[entity].__table__)
        changed = {name: statement.excluded[name] for name in rows[0] if name != "id"}
        await session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changed), rows)


async def _links(session: Session) -> Links:
    links = Links()
    for entity in ORDER:
        for row in await session.scalars(select(TABLES[entity])):
            links.add(entity, columns(row))
    return links


async def _alone(session: Session) -> None:
    """Two that write the same rows at once would each miss what the other wrote."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('mistudio:index'))"))


# ── trainings, evaluations and probings ──────────────────────────────────────────────────────────


async def _index_trainings(session: Session, saes: list[Artifact]) -> list[Broken]:
    """Let SAEs have their trainings, with their logs, where the studio did not run them itself.

    Returns:
        Those whose log cannot be read.
    """
    known = list(await session.scalars(select(Training))) if saes else []
    by_sae, by_name = {each.sae_id: each for each in known}, {each.name: each for each in known}
    logs, broken = {}, []
    for artifact in saes:
        mine, named = by_sae.get(artifact.manifest.id), by_name.get(artifact.path.name)
        if mine is None and named is not None and named.sae_id is None:
            named.sae_id = artifact.manifest.id
        elif mine is not None and named is None:
            mine.name = artifact.path.name
        elif mine is None and named is None and (artifact.path / _LOG).is_file() and _is_finished(artifact):
            try:
                training, lines = _training_of(artifact)
            except _UNREADABLE as error:
                broken.append(Broken(artifact.path, f"The log of {artifact.path} cannot be read: {error}."))
                continue
            session.add(training)
            logs[training.id] = lines
    await session.flush()
    await training_metrics.write_all(session, logs)
    return broken


def _is_finished(sae: Artifact) -> bool:
    """Whether its training ended with it; one that is made from a checkpoint belongs to a training that may go on."""
    return sae.manifest.metrics.get("finished") is not False


def _training_of(sae: Artifact) -> tuple[Training, list[dict[str, Any]]]:
    """The training that an SAE's own files tell of, and its log."""
    settings, manifest = sae_settings(sae.path), sae.manifest
    lines = [json.loads(line) for line in (sae.path / _LOG).read_text(encoding="utf-8").splitlines()]
    training = Training(
        id=f"training-{hashlib.sha256(manifest.id.encode()).hexdigest()[:12]}",
        name=sae.path.name,
        request={"kind": "train", "config": manifest.config},
        model_name=settings["model_name"],
        hook=settings["hook"],
        d_in=int(settings["d_in"]),
        total_steps=int(manifest.metrics.get("step", 0)),
        sae_id=manifest.id,
        created_at=datetime.fromisoformat(manifest.created_at),
    )
    return training, lines


async def _forget_trainings(session: Session, store: LocalStore) -> None:
    """Remove trainings of which nothing is left: no SAE, no job, no work that could be gone on with."""
    has_job = exists().where(Job.subject == func.concat("trainings/", Training.id))
    for training in await session.scalars(select(Training).where(Training.sae_id.is_(None), ~has_job)):
        if not partial_of(store.path(KINDS["sae"], training.name)).exists():
            await session.delete(training)


async def _index_results(session: Session, folder: Path, indexed: Indexed) -> None:
    paths = {path.stem: path for path in sorted(folder.glob("[!.]*.json"))}
    rows: dict[str, Evaluation | Probing] = {row.id: row for row in await session.scalars(select(Evaluation))}
    rows.update({row.id: row for row in await session.scalars(select(Probing))})
    for row in rows.values():
        if row.id not in paths:
            await session.delete(row)
            indexed.removed += 1
    for row_id, path in paths.items():
        if row_id not in rows or rows[row_id].path != str(path):
            try:
                await index_result(session, path)
            except _UNREADABLE as error:
                indexed.broken.append(Broken(path, f"{path} cannot be read: {type(error).__name__}: {error}."))
    await session.flush()
    indexed.found["evaluation"] = await evaluations.count(session)
