"""How soon a thousand browsers on one training see its progress: `studio_sockets.py URL DATABASE_URL`.

Publishes events as a job does, and takes the time from just before the transaction until each socket has the message.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time

import websockets

from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import TrainingCheckpoint
from mistudio.studio.events.publish import publish

SOCKETS, EVENTS, EVERY_SECONDS = 1000, 20, 0.5


async def listen(url: str, seconds: list[float], ready: asyncio.Semaphore) -> None:
    async with ready:
        socket = await websockets.connect(f"{url}/ws/socket.io/?EIO=4&transport=websocket", max_queue=None)
        await socket.recv()
        await socket.send("40")
        await socket.recv()
        await socket.send('420["subscribe",{"channel":"trainings/bench"}]')
        await socket.recv()
    heard = 0
    while heard < EVENTS:
        message = await socket.recv()
        if message == "2":
            await socket.send("3")
        elif message.startswith("42"):
            data = json.loads(message[2:])[1]["data"]
            seconds.append(time.time() - data["step"] / 1e6)
            heard += 1
    await socket.close()


async def main(url: str, database_url: str) -> None:
    seconds: list[float] = []
    ready = asyncio.Semaphore(50)
    listeners = [asyncio.create_task(listen(url.replace("http", "ws", 1), seconds, ready)) for _ in range(SOCKETS)]
    await asyncio.sleep(1)
    while ready.locked() or len(asyncio.all_tasks()) < SOCKETS:
        await asyncio.sleep(0.2)
    await asyncio.sleep(5)
    database = Database(database_url)
    for _ in range(EVENTS):
        async with database.session() as session:
            event = TrainingCheckpoint(training_id="bench", step=int(time.time() * 1e6), bytes=0)
            await publish(session, event, ["trainings/bench"])
        await asyncio.sleep(EVERY_SECONDS)
    await asyncio.wait_for(asyncio.gather(*listeners), 60)
    seconds.sort()
    print(
        f"{SOCKETS} sockets, {EVENTS} events: median {statistics.median(seconds) * 1e3:.0f} ms, "
        f"p95 {seconds[int(0.95 * len(seconds))] * 1e3:.0f} ms, worst {seconds[-1] * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
