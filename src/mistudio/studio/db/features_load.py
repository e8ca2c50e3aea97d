"""Bring the numbers of a feature set into the database: a partition of its own, filled by COPY, then indexed.

1. The statistics are read from the artifact, labels, notes and stars from their journal. The text of each distinct top
   token is decoded once.
2. The partition is created and filled in one transaction, without write-ahead log and with its rows frozen, so that
   index-only scans work at once.
3. Its indexes are built, and it is attached.

All in one transaction: a set is loaded whole or not at all, and loading it again changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import MetaData, Table, select, text
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.elements import quoted_name

from mistudio.errors import MistudioError, NotFound
from mistudio.studio.db import feature_journal
from mistudio.studio.db.artifacts import FeatureSet
from mistudio.studio.db.feature_journal import Said
from mistudio.studio.db.features import SEPARATOR, Feature
from mistudio.studio.db.session import Database, Session

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_AT_ONCE = 20_000
_INSTEAD_OF_NUL = "\N{SYMBOL FOR NULL}"
"""PostgreSQL's text holds every character but one."""
_SAID = {"label": "string", "notes": "string", "starred": "bool", "updated_at": "string"}
_TYPES = {"density": "float32", "max": "float32", "mean": "float32"}
log = logging.getLogger(__name__)


def partition_of(feature_set_id: str) -> str:
    """The name of a feature set's partition; the trigger that drops it knows it too."""
    return f"features_{hashlib.sha256(feature_set_id.encode()).hexdigest()[:16]}"


async def load(session: Session, feature_set_id: str, journals: Path) -> bool:
    """Load a feature set, unless it is.

    Args:
        journals: folder of the journals of labels, notes and stars.

    Returns:
        Whether there was anything to do.

    Raises:
        NotFound: the set is gone.
        MistudioError: the artifact cannot be read.
    """
    name = partition_of(feature_set_id)
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": name})
    row = await session.get(FeatureSet, feature_set_id, populate_existing=True)
    if row is None:
        raise NotFound(f"The feature set {feature_set_id} is gone.", remedy="Look at the list of those that are there.")
    if row.loaded:
        return False
    said = await asyncio.to_thread(feature_journal.read, journals, feature_set_id)
    content = await asyncio.to_thread(_read, Path(row.path), feature_set_id, said)
    await _fill(session, name, feature_set_id, content)
    await session.execute(
        text(f"ALTER TABLE features ATTACH PARTITION {name} FOR VALUES IN ({_quoted(feature_set_id)})")
    )
    await feature_journal.note(session, feature_set_id, said.lines)
    row.loaded = True
    await session.flush()
    return True


async def load_missing(database: Database, journals: Path) -> list[str]:
    """Load every set that is not loaded, and bring those that are to what their journals say.

    Returns:
        Ids of the sets that changed.
    """
    async with database.session() as session:
        sets = list(await session.execute(select(FeatureSet.id, FeatureSet.loaded)))
    changed = []
    for feature_set_id, loaded in sets:
        try:
            async with database.session() as session:
                if not loaded:
                    done = await load(session, feature_set_id, journals)
                elif done := await feature_journal.is_behind(session, journals, feature_set_id):
                    await feature_journal.replay(session, journals, feature_set_id)
        except MistudioError as error:
            log.warning("the features of %s are not loaded: %s", feature_set_id, error.message)
            continue
        changed += [feature_set_id] if done else []
    return changed


async def _fill(session: Session, name: str, feature_set_id: str, content: pa.Table) -> None:
    table = _partition(name)
    await session.execute(CreateTable(table))
    # With it, attaching need not look at every row.
    await session.execute(text(f"ALTER TABLE {name} ADD CHECK (feature_set_id = {_quoted(feature_set_id)})"))
    connection = await session.connection()
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.copy_to_table(
        name, source=_lines(content), columns=content.column_names, format="csv", freeze=True, timeout=None
    )
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        await session.execute(CreateIndex(index))
    await session.execute(text(f"ANALYZE {name}"))


def _partition(name: str) -> Table:
    """The parent's table under another name, and not partitioned; its locks are not touched."""
    table = Feature.metadata.tables["features"].to_metadata(MetaData(), name=name)
    table.dialect_options["postgresql"]["partition_by"] = None
    table.primary_key.name = f"pk_{name}"
    for index in table.indexes:
        index.name = quoted_name(str(index.name).replace("ix_features", f"ix_{name}"), quote=None)
    return table


async def _lines(content: pa.Table) -> AsyncIterator[bytes]:
    from pyarrow import csv

    def written(first: int) -> bytes:
        sink = BytesIO()
        csv.write_csv(content.slice(first, _ROWS_AT_ONCE), sink, csv.WriteOptions(include_header=False))
        return sink.getvalue()

    for first in range(0, len(content), _ROWS_AT_ONCE):
        yield await asyncio.to_thread(written, first)


def _read(path: Path, feature_set_id: str, said: Said) -> pa.Table:
    """The rows: what the artifact tells of every latent, and what the journal says."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    from mistudio.features.pages import Features
    from mistudio.features.statistics import NO_TOKEN

    features = Features.open(path)
    names = ["latent", "documents", "count", "density", "max", "mean"]
    table = features.rows.table([*names, "top_tokens"])
    column = table["top_tokens"].combine_chunks()
    ids_FN = column.flatten().to_numpy().reshape(len(table), -1)
    is_token_FN = ids_FN != NO_TOKEN
    distinct, places = np.unique(ids_FN[is_token_FN], return_inverse=True)
    texts = [features.pieces([token_id])[0].replace("\x00", _INSTEAD_OF_NUL) for token_id in distinct.tolist()]
    starts = np.concatenate(([0], np.cumsum(is_token_FN.sum(axis=1)))).astype(np.int32)
    lists = pa.ListArray.from_arrays(starts, pa.array(texts, pa.string()).take(pa.array(places)))
    ours = pa.array([feature_set_id], pa.string()).take(pa.array(np.zeros(len(table), np.int8)))
    columns = {name: pc.cast(table[name], _TYPES.get(name, table[name].type)) for name in names}
    columns["interest"] = pa.array(features.interest, pa.float32())
    columns |= {name: pa.array(_spread(said.latest[name], len(table), name), kind) for name, kind in _SAID.items()}
    return pa.table({"feature_set_id": ours, **columns, "top_tokens": pc.binary_join(lists, SEPARATOR)})


def _spread(values: Mapping[int, Any], length: int, name: str) -> list[Any]:
    """A value for every latent."""
    spread: list[Any] = [False if name == "starred" else None] * length
    for latent, value in values.items():
        if 0 <= latent < length:
            spread[latent] = value.isoformat() if isinstance(value, datetime) else value
    return spread


def _quoted(value: str) -> str:
    """A text as SQL writes it, where no parameter can stand."""
    return "'" + value.replace("'", "''") + "'"
