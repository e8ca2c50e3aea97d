import asyncio

import pytest

from mistudio.studio.engine.turns import Turns


async def take(turns, client, log, name, hold=None):
    async with turns.turn(client):
        log.append(name)
        if hold is not None:
            await hold.wait()


async def queued(turns, *calls):
    """Let calls come in this order while somebody holds the turn; the order in which they are served."""
    log, hold = [], asyncio.Event()
    tasks = [asyncio.create_task(take(turns, calls[0][0], log, calls[0], hold))]
    await asyncio.sleep(0)
    for call in calls[1:]:
        tasks.append(asyncio.create_task(take(turns, call[0], log, call)))
        await asyncio.sleep(0)
    hold.set()
    await asyncio.gather(*tasks)
    return log


def test_calls_of_one_client_are_served_as_they_come():
    assert asyncio.run(queued(Turns(), "a1", "a2", "a3")) == ["a1", "a2", "a3"]


def test_a_client_does_not_wait_for_all_that_another_has_asked_for():
    assert asyncio.run(queued(Turns(), "a1", "a2", "a3", "a4", "b1", "b2")) == ["a1", "b1", "a2", "b2", "a3", "a4"]


def test_no_client_is_starved_by_others_that_come_later():
    order = asyncio.run(queued(Turns(), "a1", "a2", "b1", "c1", "b2", "c2", "d1"))
    assert order.index("a2") < order.index("b2") < order.index("c2")


def test_only_one_has_the_turn():
    turns, inside, most = Turns(), 0, 0

    async def work(client):
        nonlocal inside, most
        async with turns.turn(client):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    async def run():
        await asyncio.gather(*(work(str(number % 3)) for number in range(30)))

    asyncio.run(run())
    assert most == 1
    assert not turns.taken


def test_who_gives_up_waiting_is_passed_over():
    async def run():
        turns, log, hold = Turns(), [], asyncio.Event()
        first = asyncio.create_task(take(turns, "a", log, "first", hold))
        await asyncio.sleep(0)
        gone = asyncio.create_task(take(turns, "b", log, "gone"))
        last = asyncio.create_task(take(turns, "c", log, "last"))
        await asyncio.sleep(0)
        assert turns.waiting == 2
        gone.cancel()
        hold.set()
        await asyncio.gather(first, last)
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert not turns.taken
        return log

    assert asyncio.run(run()) == ["first", "last"]


def test_who_is_cancelled_in_the_moment_of_getting_the_turn_hands_it_on():
    async def run():
        turns, log, hold = Turns(), [], asyncio.Event()
        first = asyncio.create_task(take(turns, "a", log, "first", hold))
        await asyncio.sleep(0)
        second = asyncio.create_task(take(turns, "b", log, "second"))
        third = asyncio.create_task(take(turns, "c", log, "third"))
        await asyncio.sleep(0)
        hold.set()
        while not first.done():
            await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait([second, third])
        assert not turns.taken
        return log

    assert "third" in asyncio.run(run())


def test_the_number_of_those_ahead_is_that_of_those_served_before():
    async def run():
        turns, log, hold = Turns(), [], asyncio.Event()
        assert turns.ahead_of("z") == 0
        tasks = [asyncio.create_task(take(turns, "a", log, "a1", hold))]
        await asyncio.sleep(0)
        for name in ("a2", "a3", "b1"):
            tasks.append(asyncio.create_task(take(turns, name[0], log, name)))
            await asyncio.sleep(0)
        found = {client: turns.ahead_of(client) for client in "abz"}
        hold.set()
        await asyncio.gather(*tasks)
        return found

    assert asyncio.run(run()) == {"a": 4, "b": 3, "z": 2}
