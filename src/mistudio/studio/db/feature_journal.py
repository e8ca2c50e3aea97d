"""Labels, notes and stars on disk: one line a change, from which the database's rows can be made again.

A change is written here first, and synchronised; then into its row. A line that has no row yet, because the process
was killed in between, gets it when the journal is next compared with the count of lines that are in the rows.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ARRAY, Boolean, DateTime, Integer, String, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from mistudio.studio.db.base import now
from mistudio.studio.db.features import Annotation, Feature
from mistudio.studio.db.session import Session

FIELDS = ("label", "notes", "starred")
"""What a line may change."""
_TYPES: dict[str, Any] = {"label": String(), "notes": String(), "starred": Boolean()}
_AT_ONCE = 10_000
log = logging.getLogger(__name__)


@dataclass
class Said:
    """What a journal says in the end."""

    lines: int
    """Lines that could be read."""
    latest: dict[str, dict[int, Any]]
    """By field, also `updated_at`, and by latent."""


def journal_of(folder: Path, feature_set_id: str) -> Path:
    """The journal of a feature set."""
    return folder / f"{feature_set_id}.jsonl"


async def annotate(
    session: Session, folder: Path, feature_set_id: str, latent: int, change: Mapping[str, Any]
) -> Feature | None:
    """Change what is said of a feature.

    Args:
        folder: of the journals.
        change: some of `FIELDS`.

    Returns:
        The row; None where there is no such feature.
    """
    # Held until the end of the transaction, so that lines and rows come in the same order.
    wanted = select(Feature).where(Feature.feature_set_id == feature_set_id, Feature.latent == latent)
    row = await session.scalar(wanted.with_for_update())
    if row is None or not change:
        return row
    at = now()
    line = {"latent": latent, **{name: change[name] for name in FIELDS if name in change}, "at": at.isoformat()}
    await asyncio.to_thread(_append, journal_of(folder, feature_set_id), line)
    for name in FIELDS:
        if name in change:
            setattr(row, name, change[name])
    row.updated_at = at
    added = insert(Annotation).values(feature_set_id=feature_set_id, lines=1)
    one_more = {"lines": Annotation.lines + 1, "updated_at": at}
    await session.execute(added.on_conflict_do_update(index_elements=["feature_set_id"], set_=one_more))
    await session.flush()
    return row


async def replay(session: Session, folder: Path, feature_set_id: str) -> None:
    """Bring the rows of a loaded set to what the journal says."""
    said = await asyncio.to_thread(read, folder, feature_set_id)
    for name, values in said.latest.items():
        await _write(session, feature_set_id, name, values)
    await note(session, feature_set_id, said.lines)


async def note(session: Session, feature_set_id: str, lines: int) -> None:
    """Note that so many lines are in the rows."""
    same = {"lines": lines, "updated_at": now()}
    count = insert(Annotation).values(feature_set_id=feature_set_id, **same)
    await session.execute(count.on_conflict_do_update(index_elements=["feature_set_id"], set_=same))


async def is_behind(session: Session, folder: Path, feature_set_id: str) -> bool:
    """Whether the journal has lines that are not in the rows."""
    known = await session.scalar(select(Annotation.lines).where(Annotation.feature_set_id == feature_set_id))
    return (await asyncio.to_thread(read, folder, feature_set_id)).lines != (known or 0)


def read(folder: Path, feature_set_id: str) -> Said:
    """What a journal says; nothing where there is none."""
    path = journal_of(folder, feature_set_id)
    said = Said(0, {name: {} for name in (*FIELDS, "updated_at")})
    for text in path.read_bytes().splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
            latent, at = int(line["latent"]), datetime.fromisoformat(line["at"])
        except (ValueError, KeyError, TypeError):
            log.warning("%s has a line that cannot be read", path)
            continue
        said.lines += 1
        said.latest["updated_at"][latent] = at
        for name in FIELDS:
            if name in line:
                said.latest[name][latent] = _storable(line[name])
    return said


def _storable(value: Any) -> Any:
    # Whoever edits the file may write what PostgreSQL's text cannot hold.
    return value.replace("\x00", "") if isinstance(value, str) else value


async def _write(session: Session, feature_set_id: str, name: str, values: Mapping[int, Any]) -> None:
    items = list(values.items())
    kind = _TYPES.get(name, DateTime(timezone=True))
    for first in range(0, len(items), _AT_ONCE):
        some = items[first : first + _AT_ONCE]
        told = (
            func.unnest(
                bindparam("latents", [latent for latent, _ in some], ARRAY(Integer)),
                bindparam("values", [value for _, value in some], ARRAY(kind)),
            )
            .table_valued("latent", "value", name="told")
            .render_derived()
        )
        await session.execute(
            update(Feature)
            .where(Feature.feature_set_id == feature_set_id, Feature.latent == told.c.latent)
            .values({name: told.c.value})
            .execution_options(synchronize_session=False)
        )


def _append(path: Path, line: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(line, ensure_ascii=False).encode() + b"\n"
    with path.open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":  # The machine went down in the middle of a line.
                content = b"\n" + content
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
