import asyncio
import json

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from mistudio.studio.db.base import Base
from mistudio.studio.db.migrate import migrate

ROWS = {
    "models": {
        "id": "model-1", "name": "tiny", "path": "/x", "bytes": 1, "manifest": "{}", "created_at": "2026-01-01",
        "source": "x", "digest": "d", "d_model": 8, "n_layers": 2, "vocab_size": 100,
    },
    "jobs": {
        "id": "job-1", "kind": "train", "queue": "training", "title": "Train", "request": "{}", "priority": 0,
        "state": "running", "wanted": "run", "metrics": "{}", "failed_items": 0, "attempts": 1, "stalled_attempts": 0,
    },
    "presets": {"id": "p", "kind": "training", "name": "n", "description": "", "config": "{}", "is_favorite": False},
}  # fmt: skip


def in_database(url, work):
    async def run():
        engine = create_async_engine(url)
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def fill(connection: Connection) -> None:
    for table, row in ROWS.items():
        literals = ", ".join("NULL" if value is None else f"'{value}'" for value in row.values())
        connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({literals})"))


def tables(connection: Connection) -> set[str]:
    found = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
    return {name for (name,) in found}


def test_the_schema_goes_down_and_up_again_with_data_in_it(database_url):
    in_database(database_url, fill)
    asyncio.run(migrate(database_url, "base"))
    assert in_database(database_url, tables) == {"alembic_version"}
    asyncio.run(migrate(database_url))
    in_database(database_url, fill)


def test_a_migration_that_is_done_already_changes_nothing(database_url):
    in_database(database_url, fill)
    asyncio.run(migrate(database_url))
    count = in_database(database_url, lambda connection: connection.scalar(text("SELECT count(*) FROM jobs")))
    assert count == 1


def test_models_and_migrated_schema_are_the_same(database_url):
    def differences(connection: Connection) -> list[object]:
        return compare_metadata(MigrationContext.configure(connection), Base.metadata)

    assert in_database(database_url, differences) == []


def test_two_migrations_at_once_do_not_meet(postgres_url, database_url):
    async def both() -> None:
        await asyncio.gather(migrate(database_url, "base"), migrate(database_url, "base"))
        await asyncio.gather(migrate(database_url), migrate(database_url))

    asyncio.run(both())
    assert len(in_database(database_url, tables)) > 10


def test_features_that_are_loaded_are_read_anew_when_their_table_changes(database_url):
    def load(connection: Connection) -> None:
        names = "(id, name, path, bytes, manifest, created_at, hook, tokens, latents, alive, loaded)"
        values = "('set-1', 'found', '/f', 1, '{}', now(), 'resid_post.1', 10, 1, 1, true)"
        connection.execute(text(f"INSERT INTO feature_sets {names} VALUES {values}"))
        connection.execute(text("CREATE TABLE features_one PARTITION OF features FOR VALUES IN ('set-1')"))
        row = "(feature_set_id, latent, documents, count, density, max, mean) VALUES ('set-1', 0, 1, 1, 0.1, 1, 1)"
        connection.execute(text(f"INSERT INTO features {row}"))

    asyncio.run(migrate(database_url, "base"))
    asyncio.run(migrate(database_url, "0001"))
    in_database(database_url, load)
    asyncio.run(migrate(database_url))
    loaded = in_database(database_url, lambda connection: connection.scalar(text("SELECT loaded FROM feature_sets")))
    assert loaded is False
    assert "features_one" not in in_database(database_url, tables)


@pytest.mark.parametrize("state", ["training", ""])
def test_a_template_of_an_unknown_kind_is_refused_by_the_database(database_url, state):
    row = ROWS["presets"] | {"kind": state}

    def write(connection: Connection) -> None:
        names, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO presets ({names}) VALUES ({values})"), row)

    if state == "training":
        in_database(database_url, write)
    else:
        with pytest.raises(Exception, match="ck_presets_kind"):
            in_database(database_url, write)


def test_rows_of_what_is_gone_lose_their_link_and_stay(database_url):
    def check(connection: Connection) -> tuple[object, ...]:
        fill(connection)
        connection.execute(
            text(
                "INSERT INTO tokenizations (id, name, path, bytes, manifest, created_at, model_id, contexts, "
                "context_length, tokens) VALUES ('t', 't', '/t', 1, :manifest, now(), 'model-1', 1, 2, 3)"
            ),
            {"manifest": json.dumps({})},
        )
        connection.execute(text("DELETE FROM models"))
        row = connection.execute(text("SELECT id, model_id FROM tokenizations")).one()
        return tuple(row)

    assert in_database(database_url, check) == ("t", None)
