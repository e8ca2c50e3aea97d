"""Bring the database to the newest schema: `python -m mistudio.studio.db.migrate`.

Every table of the studio is imported here, so that a comparison of models and schema sees all.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from mistudio.studio.db import (  # noqa: F401  registers the tables
    artifacts,
    evaluations,
    events,
    features,
    jobs,
    options,
    presets,
    probings,
    requests,
    samples,
    training_metrics,
    trainings,
)
from mistudio.studio.db.session import asyncpg_url

_LOCK = 7_239_001


def alembic_config(url: str) -> Config:
    """Where the revisions are, and which database they act on."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = asyncpg_url(url)
    return config


async def migrate(url: str, revision: str = "head") -> None:
    """Upgrade (or, to an earlier revision, downgrade) the database; one caller works, others wait."""
    engine = create_async_engine(asyncpg_url(url))
    config = alembic_config(url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
            await connection.commit()
            try:
                go = command.downgrade if revision == "base" or revision.startswith("-") else command.upgrade
                await connection.run_sync(lambda sync: _run(go, config, sync, revision))
            finally:
                await connection.rollback()
                await connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
                await connection.commit()
    finally:
        await engine.dispose()


def _run(go: object, config: Config, connection: object, revision: str) -> None:
    config.attributes["connection"] = connection
    assert callable(go)
    go(config, revision)


if __name__ == "__main__":
    from mistudio.studio.settings import load_settings

    url = sys.argv[1] if len(sys.argv) > 1 else load_settings().database_url
    if not url:
        raise SystemExit("Give the database's address: python -m mistudio.studio.db.migrate postgresql://…")
    asyncio.run(migrate(url))
