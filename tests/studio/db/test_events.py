import asyncio
import contextlib

from sqlalchemy import text

from mistudio.errors import ArtifactExists
from mistudio.studio.db import events, presets
from mistudio.studio.db.presets import Preset
from mistudio.studio.db.session import Database


def with_database(url, run):
    async def opened():
        database = Database(url)
        try:
            return await run(database)
        finally:
            await database.close()

    return asyncio.run(opened())


async def said(database, after=0):
    """Numbers and words of the events of the channel after a number."""
    async with database.session() as session:
        rows, _ = await events.page(session, "jobs", after, limit=500)
    return [(row.seq, row.payload["word"]) for row in rows]


def test_whoever_commits_first_has_the_lower_number(database_url):
    async def run(database):
        async with database.session() as late:
            events.append(late, "jobs", {"word": "late"})
            await late.flush()
            async with database.session() as early:
                events.append(early, "jobs", {"word": "early"})
            seen = await said(database)
        assert [word for _, word in seen] == ["early"]
        assert [word for _, word in await said(database, seen[-1][0])] == ["late"]

    with_database(database_url, run)


def test_a_reader_that_asks_again_and_again_misses_nothing_that_many_publish_at_once(database_url):
    async def publish(database, name):
        for number in range(20):
            async with database.session() as session:
                events.append(session, "jobs", {"word": f"{name}-{number}"})
                await asyncio.sleep(0.001 * (name % 3))

    async def run(database):
        publishing = [asyncio.create_task(publish(database, name)) for name in range(8)]
        heard, is_over = [], False
        while not is_over:
            is_over = all(task.done() for task in publishing)
            heard += await said(database, heard[-1][0] if heard else 0)
        await asyncio.gather(*publishing)
        return [word for _, word in heard]

    heard = with_database(database_url, run)
    assert sorted(heard) == sorted(f"{name}-{number}" for name in range(8) for number in range(20))


def test_events_of_one_transaction_keep_their_order_and_one_that_fails_publishes_nothing(database_url):
    async def run(database):
        async with database.session() as session:
            for word in "abc":
                events.append(session, "jobs", {"word": word})
        with contextlib.suppress(ZeroDivisionError):
            async with database.session() as session:
                events.append(session, "jobs", {"word": "never"})
                raise ZeroDivisionError
        assert [word for _, word in await said(database)] == ["a", "b", "c"]

    with_database(database_url, run)


def test_a_step_that_is_undone_within_a_transaction_changes_nothing_for_its_events(database_url):
    async def run(database):
        async with database.session() as session:
            events.append(session, "jobs", {"word": "before"})
            for _ in range(2):
                preset = Preset(kind="training", name="one", description="", is_favorite=False, config={})
                with contextlib.suppress(ArtifactExists):
                    await presets.save(session, preset)
            async with database.session() as other:
                events.append(other, "jobs", {"word": "meanwhile"})
        assert [word for _, word in await said(database)] == ["meanwhile", "before"]

    with_database(database_url, run)


def test_a_publisher_that_is_stopped_while_it_commits_holds_nobody_up_for_long(database_url):
    async def run(database):
        async with database.session() as session:
            await session.execute(events._ONE_BY_ONE)
            assert await session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "10s"
        async with database.session() as session:
            assert await session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "0"

    with_database(database_url, run)
