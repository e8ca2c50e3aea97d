"""What a look at the jobs, a cancel and a removal leave on disk."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.corpora.config import CorpusConfig
from mistudio.studio.db import jobs
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState, Wanted
from mistudio.studio.db.session import Session
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.job_lock import job_lock
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.requests import DatasetAdd
from mistudio.studio.settings import Settings


@pytest.fixture
def portal(settings: Settings) -> Iterator[Portal]:
    made = Portal(str(settings.database_url))
    yield made
    made.close()


def begun(portal: Portal, settings: Settings, **columns: Any) -> Job:
    """A job that has begun to make the data set `begun`."""
    request = DatasetAdd(name="begun", config=CorpusConfig(sources=("somewhere.txt",)))

    async def write(session: Session) -> Job:
        job = await create(session, settings, request, title="Add")
        for name, value in columns.items():
            setattr(job, name, value)
        return job

    partial_of(settings.store.path(Kind.CORPUS, "begun")).mkdir(parents=True)
    return portal.run(write)


@pytest.mark.parametrize("path", ["/jobs", "/trainings", "/road"])
def test_who_finds_a_cancelled_jobs_process_gone_removes_what_it_had_begun(client, settings, portal, path) -> None:
    lost = {"state": JobState.RUNNING, "wanted": Wanted.CANCEL, "lease": "lost", "host": socket.gethostname()}
    job = begun(portal, settings, **lost)
    assert client.get(path).status_code == 200
    found = portal.run(lambda session: jobs.get(session, job.id))
    assert found is not None
    assert found.state == JobState.CANCELLED
    assert not partial_of(settings.store.path(Kind.CORPUS, "begun")).exists()


def test_cancelling_a_job_that_waits_removes_what_it_had_begun(client: httpx.Client, settings, portal) -> None:
    job = begun(portal, settings, state=JobState.PAUSED)
    assert client.post(f"/jobs/{job.id}/cancel").json()["data"]["state"] == "cancelled"
    assert not partial_of(settings.store.path(Kind.CORPUS, "begun")).exists()


def test_with_a_job_its_folder_goes_unless_a_process_holds_it(client: httpx.Client, settings, portal) -> None:
    job = begun(portal, settings, state=JobState.CANCELLED)
    folder = settings.jobs_dir / job.id
    with job_lock(folder):
        assert client.delete(f"/jobs/{job.id}").status_code == 200
        assert (folder / "lock").exists()
    second = begun_again(portal, settings, job)
    (settings.jobs_dir / second.id).mkdir()
    (settings.jobs_dir / second.id / "log.txt").write_text("what it said")
    assert client.delete(f"/jobs/{second.id}").status_code == 200
    assert not (settings.jobs_dir / second.id).exists()
    assert client.get(f"/jobs/{second.id}").status_code == 404


def begun_again(portal: Portal, settings: Settings, job: Job) -> Job:
    """The same job under another id."""
    partial_of(settings.store.path(Kind.CORPUS, "begun")).rmdir()
    return begun(portal, settings, state=JobState.CANCELLED, title=f"{job.title} again")
