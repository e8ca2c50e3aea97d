"""A real PostgreSQL for the tests of the studio: one server a test process, one database a test."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.db.migrate import migrate
from mistudio.studio.settings import Settings

_TEMPLATE = "studio_template"


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose database `studio_template` has the newest schema."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("pg") / "data")
    url = server.start()
    try:
        # A test's data outlives no power cut, and must not wait behind what others write to the disk.
        _administer(url, "ALTER SYSTEM SET fsync = off")
        _administer(url, "SELECT pg_reload_conf()")
        _administer(url, f"CREATE DATABASE {_TEMPLATE}")
        asyncio.run(migrate(_database(url, _TEMPLATE)))
        yield url
    finally:
        server.stop()


@pytest.fixture
def database_url(postgres_url: str) -> Iterator[str]:
    """A fresh database with the newest schema."""
    with a_database(postgres_url) as url:
        yield url


@contextmanager
def a_database(postgres_url: str) -> Iterator[str]:
    """A fresh database of the server."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
    yield _database(postgres_url, name)
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of a studio in a home of its own."""
    made = Settings(home=tmp_path / "home", DATABASE_URL=database_url, lease_seconds=2.0)
    made.jobs_dir.mkdir(parents=True)
    return made


@pytest.fixture(scope="session")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one thing of every kind (see `NAMES`), to be copied and not to be changed."""
    from tests.studio.small_store import write_store  # It loads torch, which most tests do without.

    home = tmp_path_factory.mktemp("small-store")
    write_store(home)
    return home


def _database(url: str, name: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).set(database=name).render_as_string(hide_password=False)


def _administer(url: str, statement: str) -> None:
    async def run() -> None:
        engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(statement))
        await engine.dispose()

    asyncio.run(run())
