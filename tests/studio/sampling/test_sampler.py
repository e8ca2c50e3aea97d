import asyncio
import socket
from datetime import timedelta
from itertools import pairwise

import psutil
import pytest
from sqlalchemy import func, select, text

from mistudio.studio.db import samples
from mistudio.studio.db.base import now
from mistudio.studio.db.events import EventRow
from mistudio.studio.db.leadership import leading
from mistudio.studio.db.samples import SystemSample
from mistudio.studio.db.session import Database
from mistudio.studio.sampling.machine import Machine
from mistudio.studio.sampling.sampler import CHANNEL, keep_sampling


async def until(condition, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


async def count(database, what=SystemSample):
    async with database.session() as session:
        return await session.scalar(select(func.count()).select_from(what))


def test_one_process_samples_and_another_takes_over_when_it_is_gone(settings):
    async def run():
        one, other = Database(str(settings.database_url)), Database(str(settings.database_url))
        first = asyncio.create_task(keep_sampling(one, Machine(settings)))
        await until(lambda: has_more_than(one, 0))
        second = asyncio.create_task(keep_sampling(other, Machine(settings)))
        await asyncio.sleep(2.5)
        async with one.session() as session:
            times = sorted(await session.scalars(select(SystemSample.at)))
        assert all((later - earlier).total_seconds() > 1.5 for earlier, later in pairwise(times))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        taken = await count(one)
        await until(lambda: has_more_than(other, taken))
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        await one.close()
        await other.close()

    async def has_more_than(database, number):
        return await count(database) > number

    asyncio.run(run())


def test_a_leader_that_loses_its_connection_can_write_no_more_and_leads_again(settings):
    async def run():
        database = Database(str(settings.database_url))
        async with leading(database, "test") as leader:
            async with leading(database, "test") as other:
                assert other is None
            async with database.session() as session:
                # It is gone when the answer comes.
                leaders = (
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks JOIN pg_database ON oid = database "
                    "WHERE locktype = 'advisory' AND datname = current_database()"
                )
                assert list(await session.scalars(text(leaders))) == [True]
            with pytest.raises(Exception, match="connection|terminat"):
                async with leader.session() as session:
                    await samples.add(session, "host", now(), {})
        async with leading(database, "test") as again:
            assert again is not None
        await database.close()

    asyncio.run(run())


def test_samples_are_told_live_and_forgotten_after_an_hour(settings):
    async def run():
        database = Database(str(settings.database_url))
        async with database.session() as session:
            await samples.add(session, "elsewhere", now() - timedelta(minutes=61), {})
            await samples.add(session, "elsewhere", now() - timedelta(minutes=59), {})
        task = asyncio.create_task(keep_sampling(database, Machine(settings)))
        await until(lambda: is_told(database))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with database.session() as session:
            hosts = list(await session.scalars(select(SystemSample.host).order_by(SystemSample.host)))
        await database.close()
        assert hosts.count("elsewhere") == 1
        assert socket.gethostname() in hosts

    async def is_told(database):
        async with database.session() as session:
            row = await session.scalar(select(EventRow).where(EventRow.channel == CHANNEL).limit(1))
        return row is not None and row.payload["sample"]["host"] == socket.gethostname()

    asyncio.run(run())


def test_shares_and_rates_are_possible_ones(settings):
    machine = Machine(settings)
    sum(number * number for number in range(3_000_000))
    sample = machine.sample()
    assert len(sample.cores) == psutil.cpu_count()
    assert all(0 <= core <= 100 for core in sample.cores)
    assert max(sample.cores) > 0
    assert sample.disk_write_bytes_per_second >= 0
    assert sample.memory_used_bytes < sample.memory_total_bytes


def test_asking_often_does_not_disturb_the_sampling(settings):
    machine = Machine(settings)
    assert machine.sample() is machine.sample()
