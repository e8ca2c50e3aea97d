"""Delete a thing: its directory, its row, and what the studio kept beside it.

1. The directory is renamed to a hidden one beside it: from here on no part of it is found.
2. Its row is removed, in the transaction that tells everybody.
3. The hidden directory is removed, file by file.

Every step finds out what is left to do, so that a job that was killed in any of them goes on when it is run again.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import MANIFEST
from mistudio.artifacts.store import deleted_of
from mistudio.errors import NotAllowedNow
from mistudio.studio.db import artifacts, evaluations, probings, trainings
from mistudio.studio.db.artifacts import KINDS
from mistudio.studio.db.features import Annotation
from mistudio.studio.db.session import Session
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish
from mistudio.studio.queue import derived
from mistudio.studio.queue.context import JobContext
from mistudio.studio.queue.requests import Delete


def delete(request: Delete, context: JobContext) -> None:
    """Delete what the request names; what is gone already is no error."""
    context.progress.advance("delete", 0, None)
    place = context.portal.run(lambda session: _place(session, request, context))
    folder = context.store.home / KINDS.get(request.entity, Kind.SAE).folder
    hidden = deleted_of(folder, request.id)
    if place is not None and os.path.lexists(place):
        _set_aside(place, hidden)
    context.portal.run(lambda session: _forget(session, request))
    _remove(hidden)
    _remove_what_was_beside(request, context)
    context.progress.advance("delete", 1, 1)


async def _place(session: Session, request: Delete, context: JobContext) -> Path | None:
    """Where the thing lies; None if that is not known any more, or another thing lies there by now."""
    if request.entity == "training":
        training = await trainings.get(session, request.id)
        return partial_of(context.store.path(Kind.SAE, training.name)) if training is not None else None
    if request.entity in ("evaluation", "probing"):
        return context.settings.evaluations_dir / f"{request.id}.json"
    row = await artifacts.get(session, request.entity, request.id)
    if row is None or row.id != request.id:
        return None
    path = Path(row.path)
    return path if _id_of(path) in (None, row.id) else None


def _id_of(directory: Path) -> str | None:
    """The id in a manifest; None if it cannot be read: what is broken can be deleted too."""
    try:
        return str(json.loads((directory / MANIFEST).read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _set_aside(place: Path, hidden: Path) -> None:
    _remove(hidden)
    try:
        hidden.parent.mkdir(parents=True, exist_ok=True)
        os.replace(place, hidden)
    except OSError as error:
        raise _not_removed(place, error) from error


async def _forget(session: Session, request: Delete) -> None:
    """Remove the row and say so; what was made of the thing keeps its row, and loses the link."""
    match request.entity:
        case "training":
            await _delete(session, await trainings.get(session, request.id))
        case "evaluation":
            await _delete(session, await evaluations.get(session, request.id))
        case "probing":
            await _delete(session, await probings.get(session, request.id))
        case "sae":
            for training in (await trainings.of_saes(session, [request.id])).values():
                # One that the command line ran is known by its SAE alone.
                if await trainings.newest_job(session, training.id) is None:
                    await session.delete(training)
            await artifacts.remove(session, "sae", request.id)
        case "feature_set":
            await _delete(session, await session.get(Annotation, request.id))
            await artifacts.remove(session, "feature_set", request.id)
        case entity:
            await artifacts.remove(session, entity, request.id)
    await publish(session, StoreChanged(entity=request.entity, id=request.id), ["store"])


async def _delete(session: Session, row: object | None) -> None:
    if row is not None:
        await session.delete(row)


def _remove(path: Path) -> None:
    """Remove a file, a link or a directory, if it is there. What a link leads to stays."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _not_removed(path, error) from error


def _not_removed(path: Path, error: OSError) -> NotAllowedNow:
    return NotAllowedNow(
        f"{path} cannot be removed: {error.strerror or error}.",
        remedy="Let the studio's user write to that folder, then retry.",
    )


def _remove_what_was_beside(request: Delete, context: JobContext) -> None:
    settings = context.settings
    derived.forget(settings, request.id)
    if request.entity == "feature_set":
        (settings.annotations_dir / f"{request.id}.jsonl").unlink(missing_ok=True)
    if request.entity == "sae":
        for path in settings.evaluations_dir.glob("*.json"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                if json.loads(path.read_text(encoding="utf-8"))["sae_id"] == request.id:
                    path.unlink()
