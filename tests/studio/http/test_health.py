import asyncio
import time

import httpx
import pytest

from mistudio.studio.db import options
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.session import Database
from mistudio.studio.queue.celery_app import Waker
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.runner import Runner
from tests.studio.serving import serving


@pytest.fixture
def studio(settings):
    with serving(settings) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", ["/health", "/api/v1/health", "/health/ready", "/api/v1/health/ready"])
def test_each_part_says_how_it_is(studio, path):
    answer = studio.get(path)
    assert answer.status_code == 200
    report = answer.json()["data"]
    assert report["status"] == "degraded"
    assert {name: part["status"] for name, part in report["components"].items()} == {
        "database": "up", "queue": "up", "worker": "down", "engine": "down", "disk": "up",
    }  # fmt: skip
    assert all(part["detail"].endswith(".") for part in report["components"].values())


def test_a_worker_that_looks_at_the_jobs_is_seen(settings, studio):
    portal = Portal(str(settings.database_url))
    Runner(settings, portal).reconcile()
    portal.close()
    worker = until_seen(studio)
    assert worker["status"] == "up"
    assert "seen" in worker["detail"]


def until_seen(studio):
    """The worker's part of the first report that knows one: a report may be some seconds old."""
    until = time.monotonic() + 10
    while True:
        worker = studio.get("/health").json()["data"]["components"]["worker"]
        if worker["status"] == "up" or time.monotonic() > until:
            return worker
        time.sleep(0.2)


def test_a_look_serves_everybody_and_nobody_waits_for_the_next(studio):
    first = studio.get("/health").json()["data"]["checked_at"]
    begun = time.monotonic()
    assert studio.get("/health").json()["data"]["checked_at"] == first
    time.sleep(1.2)
    studio.get("/health")
    assert time.monotonic() - begun < 3
    until = time.monotonic() + 10
    while studio.get("/health").json()["data"]["checked_at"] == first:
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_studio_whose_database_is_away_lives_and_is_not_ready(settings):
    broken = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/nothing"})
    with serving(broken) as url, httpx.Client(base_url=url, timeout=30) as client:
        assert client.get("/health/live").json()["data"] == {"status": "ok"}
        begun = time.monotonic()
        answer = client.get("/health/ready")
        assert time.monotonic() - begun < 4
        assert answer.status_code == 503
        assert answer.json()["data"]["status"] == "down"
        failed = client.get("/api/v1/jobs")
        assert (failed.status_code, failed.json()["error"]["code"]) == (503, "DatabaseUnavailable")


def test_a_queue_that_cannot_be_reached_is_told(settings):
    begun = time.monotonic()
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    assert not Waker(away).reaches()
    assert time.monotonic() - begun < 3
    assert Waker(settings).reaches()


def test_the_numbers_are_there_for_prometheus(settings, studio):
    async def add_jobs():
        database = Database(str(settings.database_url))
        async with database.session() as session:
            session.add_all(
                [
                    Job(kind="demo", queue="training", title="x", request={}, state=state)
                    for state in ("queued", "failed")
                ]
            )
            await options.leave_sign(session, "worker")
        await database.close()

    asyncio.run(add_jobs())
    studio.get("/api/v1/jobs/counts")
    until = time.monotonic() + 15
    while "mistudio_machine_cpu_percent{" not in (text := studio.get("/metrics").text):
        assert time.monotonic() < until
        time.sleep(0.3)
    assert 'mistudio_jobs{state="queued"} 1.0' in text
    assert 'mistudio_jobs{state="failed"} 1.0' in text
    assert 'mistudio_jobs{state="running"} 0.0' in text
    assert 'method="GET",' in text
    assert 'route="/jobs/counts",status="200"} 1.0' in text
    assert "mistudio_database_connections{" in text
    assert 'mistudio_leases{state="held"} 0.0' in text
