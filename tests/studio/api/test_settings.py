import asyncio
import stat

import pytest
from sqlalchemy import text

from mistudio.errors import NotAllowedNow
from mistudio.studio.api.settings import environment
from mistudio.studio.db import options
from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.db.session import Database

TOKEN = "hf_" + "secret" * 4 + "abcd"


def in_session(settings, work):
    async def run():
        database = Database(str(settings.database_url))
        try:
            async with database.session() as session:
                return await work(session)
        finally:
            await database.close()

    return asyncio.run(run())


def test_a_secret_is_taken_and_never_given_back(client, settings):
    answer = client.patch("/settings", json={"hf_token": TOKEN})
    assert answer.status_code == 200
    assert TOKEN not in answer.text
    told = client.get("/settings").json()["data"]["hf_token"]
    assert (told["is_set"], told["hint"]) == (True, "…abcd")
    assert in_session(settings, lambda session: options.get_secret(session, settings, "hf_token")) == TOKEN


def test_a_secret_lies_encrypted_and_its_key_is_its_owners_alone(client, settings):
    client.patch("/settings", json={"hf_token": TOKEN})
    row = in_session(
        settings, lambda session: session.scalar(text("SELECT settings::text FROM settings WHERE is_secret"))
    )
    assert TOKEN not in row
    assert TOKEN.encode().hex() not in row
    assert stat.S_IMODE(settings.secret_key_path.stat().st_mode) == 0o600
    assert [path.name for path in settings.secret_key_path.parent.glob("*secret.key*")] == ["secret.key"]


def test_what_is_not_given_stays_and_null_forgets(client):
    client.patch("/settings", json={"hf_token": TOKEN})
    assert client.patch("/settings", json={}).json()["data"]["hf_token"]["is_set"]
    assert not client.patch("/settings", json={"hf_token": None}).json()["data"]["hf_token"]["is_set"]


@pytest.mark.parametrize(
    "wrong", [{"hf_token": "short"}, {"hf_token": "not a token, but short"}, {"hf_token": 5}, {"unknown": 1}, [], "x"]
)
def test_a_setting_that_cannot_be_is_refused_without_repeating_it(client, wrong):
    answer = client.patch("/settings", json=wrong)
    assert answer.status_code == 422
    assert "short" not in answer.text


def test_the_environments_settings_are_told_and_explained(client, settings):
    told = {each["name"]: each for each in client.get("/settings").json()["data"]["environment"]}
    assert told["home"]["value"] == str(settings.home)
    assert told["lease_seconds"] == {
        "name": "lease_seconds",
        "variable": "MISTUDIO_LEASE_SECONDS",
        "value": 2.0,
        "default": 15.0,
        "description": "How long a job may be silent before others take it for dead, in seconds.",
    }
    assert told["database_url"]["value"] == "set"
    assert all(len(each["description"].split()) > 2 for each in told.values())


def test_the_studios_own_database_is_no_setting_of_the_users(settings):
    own = settings.model_copy(update={"database_url": EmbeddedPostgres(settings.postgres_dir).url})
    told = {each.name: each.value for each in environment(own)}
    assert told["database_url"] is None


def test_a_secret_of_another_key_is_told_and_may_be_entered_again(client, settings):
    client.patch("/settings", json={"hf_token": TOKEN})
    settings.secret_key_path.unlink()
    with pytest.raises(NotAllowedNow, match="not the key"):
        in_session(settings, lambda session: options.get_secret(session, settings, "hf_token"))
    client.patch("/settings", json={"hf_token": TOKEN})
    assert in_session(settings, lambda session: options.get_secret(session, settings, "hf_token")) == TOKEN
