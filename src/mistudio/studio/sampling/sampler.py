"""Sample the machine every two seconds, in one API process of each machine, and tell whoever watches.

The same process forgets what is over: old samples, events, answers and counters.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time

from mistudio.studio.db import events, requests, samples
from mistudio.studio.db.leadership import Leader, leading
from mistudio.studio.db.session import Database
from mistudio.studio.events.catalogue import SystemMetrics
from mistudio.studio.events.publish import publish
from mistudio.studio.sampling.machine import SAMPLE_SECONDS, Machine

CHANNEL = "system/metrics"
_STAND_BY_SECONDS = 2.0
_TIDY_SECONDS = 60.0
log = logging.getLogger(__name__)


async def keep_sampling(database: Database, machine: Machine) -> None:
    """Sample while this process leads, and else wait for the lead; for ever."""
    while True:
        try:
            async with leading(database, f"sampling:{socket.gethostname()}") as leader:
                if leader is not None:
                    await _lead(leader, machine)
        except Exception as error:  # noqa: BLE001  the database comes back, and so does this
            log.warning("the machine is not sampled: %s", error)
        await asyncio.sleep(_STAND_BY_SECONDS)


async def _lead(leader: Leader, machine: Machine) -> None:
    due, tidied = time.monotonic(), -_TIDY_SECONDS
    while True:
        sample = await asyncio.to_thread(machine.sample)
        async with leader.session() as session:
            await samples.add(session, sample.host, sample.at, sample.model_dump(mode="json"))
            await publish(session, SystemMetrics(sample=sample), [CHANNEL])
            if due - tidied >= _TIDY_SECONDS:
                tidied = due
                for table in (samples, events, requests):
                    await table.prune(session)
        due = max(due + SAMPLE_SECONDS, time.monotonic())
        await asyncio.sleep(due - time.monotonic())
