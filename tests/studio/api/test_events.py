import asyncio

import pytest

from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import StoreChanged
from mistudio.studio.events.publish import publish


@pytest.fixture
def announced(settings):
    async def run():
        database = Database(str(settings.database_url))
        async with database.session() as session:
            for number in range(5):
                await publish(session, StoreChanged(entity="sae", id=f"sae-{number}"), ["store", "jobs"])
        await database.close()

    asyncio.run(run())


@pytest.mark.usefixtures("announced")
def test_events_are_read_in_order_and_in_pieces(client):
    first = client.get("/events", params={"channel": "store", "limit": 3}).json()
    assert [each["data"]["id"] for each in first["data"]] == ["sae-0", "sae-1", "sae-2"]
    assert first["pagination"]["has_next"] is True
    rest = client.get("/events", params={"channel": "store", "after": first["data"][-1]["seq"]}).json()
    assert [each["data"]["id"] for each in rest["data"]] == ["sae-3", "sae-4"]
    assert rest["pagination"]["has_next"] is False


def test_a_channel_without_events_is_empty(client):
    assert client.get("/events", params={"channel": "jobs/job-1"}).json()["data"] == []


@pytest.mark.parametrize("channel", ["nothing", "jobs/", "jobs/a/b", "trainings/é", "{id}", ""])
def test_a_channel_that_does_not_exist_is_not_found(client, channel):
    answer = client.get("/events", params={"channel": channel})
    assert answer.status_code == 404
    assert "trainings/{id}" in answer.json()["error"]["details"]["remedy"]
