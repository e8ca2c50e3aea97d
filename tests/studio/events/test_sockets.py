import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import socketio
import uvicorn
from sqlalchemy import text

from mistudio.studio.app import create_app
from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import Envelope, StoreChanged
from mistudio.studio.events.publish import publish
from mistudio.studio.events.sockets import SOCKET_PATH


@contextlib.asynccontextmanager
async def served(settings) -> AsyncIterator[str]:
    """The studio's application on a free port of this process."""
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_level="warning", lifespan="on"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@contextlib.asynccontextmanager
async def listening(url: str, **options) -> AsyncIterator[tuple[socketio.AsyncClient, asyncio.Queue]]:
    client, heard = socketio.AsyncClient(reconnection=False), asyncio.Queue()
    client.on("event", heard.put)
    await client.connect(url, socketio_path=SOCKET_PATH, transports=["websocket"], **options)
    try:
        yield client, heard
    finally:
        await client.disconnect()


async def announce(database: Database, entity_id: str, channel: str = "store") -> None:
    async with database.session() as session:
        await publish(session, StoreChanged(entity="sae", id=entity_id), [channel])


async def announce_many(database: Database, names) -> None:
    for name in names:
        await announce(database, str(name))


async def next_id(heard: asyncio.Queue) -> str:
    envelope = Envelope.model_validate(await asyncio.wait_for(heard.get(), 10))
    return envelope.data.root.id


def test_a_client_hears_what_is_published_after_the_commit_and_only_on_its_channels(settings):
    async def run():
        database = Database(settings.database_url)
        async with served(settings) as url, listening(url) as (client, heard):
            assert (await client.call("subscribe", {"channel": "store"}))["ok"]
            with contextlib.suppress(ZeroDivisionError):
                async with database.session() as session:
                    await publish(session, StoreChanged(entity="sae", id="rolled back"), ["store"])
                    raise ZeroDivisionError
            await announce(database, "elsewhere", "jobs")
            await announce(database, "one")
            assert await next_id(heard) == "one"
            await client.call("unsubscribe", {"channel": "store"})
            await announce(database, "two")
            await asyncio.sleep(0.3)
            assert heard.empty()
        await database.close()

    asyncio.run(run())


def test_a_client_that_was_away_gets_what_it_missed_once_and_in_order(settings):
    async def run():
        database = Database(settings.database_url)
        async with served(settings) as url:
            async with listening(url) as (client, heard):
                await client.call("subscribe", {"channel": "store"})
                await announce(database, "seen")
                last = (await asyncio.wait_for(heard.get(), 10))["seq"]
            for name in ("a", "b", "c"):
                await announce(database, name)
            async with listening(url) as (client, heard):
                answer = await client.call("subscribe", {"channel": "store", "after": last})
                assert answer["missed"] == 3
                await announce(database, "d")
                assert [await next_id(heard) for _ in range(4)] == ["a", "b", "c", "d"]
        await database.close()

    asyncio.run(run())


def test_what_is_published_while_a_client_catches_up_comes_after_what_it_missed(settings):
    async def run():
        database = Database(settings.database_url)
        async with served(settings) as url, listening(url) as (client, heard):
            await announce(database, "0")
            publishing = asyncio.create_task(announce_many(database, range(1, 60)))
            for _ in range(5):
                await asyncio.sleep(0.03)
                await client.call("subscribe", {"channel": "store", "after": 0})
                seen = [await next_id(heard) for _ in range(heard.qsize())]
                assert seen == [str(number) for number in range(len(seen))]
                assert seen
                await client.call("unsubscribe", {"channel": "store"})
                while not heard.empty():
                    heard.get_nowait()
            await publishing
        await database.close()

    asyncio.run(run())


def test_a_number_that_no_event_can_have_is_refused_in_words(settings):
    async def run():
        async with served(settings) as url, listening(url) as (client, _):
            for after in (2**70, -1, "7", 1.5):
                answer = await client.call("subscribe", {"channel": "store", "after": after}, timeout=5)
                assert not answer["ok"]
                assert "after" in answer["message"]

    asyncio.run(run())


def test_pages_of_the_studio_and_of_named_origins_may_connect_and_no_others(settings):
    opened = settings.model_copy(update={"allowed_origins": "https://pages.example"})

    async def run():
        for made in (settings, opened):
            async with served(made) as url:
                allowed = [url, *([] if made is settings else ["https://pages.example"])]
                for origin in allowed:
                    async with listening(url, headers={"Origin": origin}) as (client, _):
                        assert (await client.call("subscribe", {"channel": "jobs"}))["ok"]
                async with httpx.AsyncClient() as asking:
                    for origin in ("https://elsewhere.example", "http://127.0.0.1:1"):
                        answer = await asking.get(
                            f"{url}{SOCKET_PATH}/?EIO=4&transport=websocket", headers={"Origin": origin}
                        )
                        assert (answer.status_code, "not an accepted origin" in answer.text) == (400, True)

    asyncio.run(run())


def test_an_event_too_large_for_a_notification_arrives_whole(settings):
    async def run():
        database = Database(settings.database_url)
        async with served(settings) as url, listening(url) as (client, heard):
            await client.call("subscribe", {"channel": "store"})
            await announce(database, "x" * 20_000)
            assert len(await next_id(heard)) == 20_000
        await database.close()

    asyncio.run(run())


def test_unknown_channels_are_refused_in_words(settings):
    async def run():
        async with served(settings) as url, listening(url) as (client, _):
            for channel in ("nonsense", "jobs/../../x", None, 7):
                answer = await client.call("subscribe", {"channel": channel})
                assert not answer["ok"]
                assert "no channel" in answer["message"]

    asyncio.run(run())


def test_a_client_without_token_is_turned_away_where_tokens_are_set(settings):
    guarded = settings.model_copy(update={"api_tokens": "viewer:0123456789abcdef"})

    async def run():
        async with served(guarded) as url:
            async with listening(url, auth={"token": "0123456789abcdef"}) as (client, _):
                assert (await client.call("subscribe", {"channel": "jobs"}))["ok"]
            for auth in (None, {"token": "wrong"}, "wrong"):
                try:
                    async with listening(url, auth=auth):
                        raise AssertionError("it was let in")
                except socketio.exceptions.ConnectionError:
                    pass

    asyncio.run(run())


def test_events_go_on_after_the_listening_connection_was_cut_and_none_is_missed(settings):
    async def run():
        database = Database(settings.database_url)
        async with served(settings) as url, listening(url) as (client, heard):
            await client.call("subscribe", {"channel": "store"})
            await announce(database, "before")
            assert await next_id(heard) == "before"
            async with database.session() as session:
                cut = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
                for (pid,) in await session.execute(text(cut)):
                    await session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
            await announce(database, "meanwhile")
            await announce(database, "after")
            assert [await next_id(heard) for _ in range(2)] == ["meanwhile", "after"]
        await database.close()

    asyncio.run(run())
