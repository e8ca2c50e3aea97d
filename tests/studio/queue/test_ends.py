"""How jobs end: the end is written under the lease, what was asked last counts, and a stop is no death."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from mistudio.corpora.config import CorpusConfig
from mistudio.errors import BadInput, DatabaseUnavailable, NotAllowedNow
from mistudio.studio.db import jobs, trainings
from mistudio.studio.db.base import now
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState, Wanted
from mistudio.studio.db.session import Session
from mistudio.studio.queue import commands
from mistudio.studio.queue.process import insist
from mistudio.studio.queue.requests import DatasetAdd, Train
from mistudio.training.config import TrainConfig
from tests.studio.workshop import Workshop, workshop

__all__ = ["workshop"]

Q = JobState


def add(workshop: Workshop, name: str) -> Job:
    source = workshop.settings.home / f"{name}.txt"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("a text")
    return workshop.ask(DatasetAdd(name=name, config=CorpusConfig(sources=(str(source),))))


def claim(workshop: Workshop, **options: Any) -> Job | None:
    return workshop.portal.run(
        lambda session: jobs.claim(session, "analysis", lease_seconds=60, host="here", **options)
    )


def finish(workshop: Workshop, job: Job, state: JobState) -> Job:
    ended = workshop.portal.run(lambda session: jobs.finish(session, job.id, job.lease or "", state))
    assert ended is not None
    return ended


def test_while_its_end_waits_for_another_that_indexes_a_job_keeps_its_lease_and_is_no_longer_cancelled(
    workshop: Workshop,
) -> None:
    job = add(workshop, "patient")
    let_go = threading.Event()

    async def index(session: Session) -> None:
        await session.execute(text("SELECT pg_advisory_xact_lock(hashtext('mistudio:index'))"))
        while not let_go.is_set():
            await asyncio.sleep(0.05)

    other = workshop.portal.start(index)
    workshop.begin("analysis")
    log = workshop.settings.jobs_dir / job.id / "log.txt"
    workshop.until(lambda: log.exists() and "Done." in log.read_text())
    workshop.command("cancel", job.id)
    end = time.monotonic() + 2 * workshop.settings.lease_seconds
    while time.monotonic() < end:
        assert (workshop.job(job.id).lease_until or now()) > now()
        time.sleep(0.1)
    let_go.set()
    other.result(10)
    workshop.wait()
    ended = workshop.job(job.id)
    assert (ended.state, ended.attempts, ended.error) == (Q.COMPLETED, 1, None)
    assert [row.name for row in workshop.rows("dataset")] == ["patient"]


def test_work_that_takes_longer_than_it_may_is_rolled_back(workshop: Workshop) -> None:
    done = []

    async def work(session: Session) -> None:
        await session.execute(text("SELECT pg_sleep(0.6)"))
        done.append(True)

    with pytest.raises(TimeoutError):
        workshop.portal.run(work, timeout=0.2)
    time.sleep(1.0)
    assert not done
    assert workshop.portal.database.connections()["in_use"] == 0


def test_only_a_database_that_is_away_is_tried_again() -> None:
    tried: list[Exception] = []

    def work(*errors: Exception) -> Any:
        left = list(errors)

        def attempt() -> None:
            if left:
                tried.append(left.pop(0))
                raise tried[-1]

        return attempt

    insist(work(DatabaseUnavailable("The database does not answer."), TimeoutError()))
    assert len(tried) == 2
    for error in (IntegrityError("INSERT", {}, ValueError("no such training")), BadInput("NUL"), KeyError("id")):
        with pytest.raises(type(error)):
            insist(work(error))


def test_a_pause_does_not_take_back_a_cancel(workshop: Workshop) -> None:
    job = add(workshop, "given-up")
    claimed = claim(workshop)
    assert claimed is not None
    workshop.command("cancel", job.id)
    with pytest.raises(NotAllowedNow, match="being cancelled|cannot be paused"):
        workshop.command("pause", job.id)
    assert workshop.portal.run(lambda session: jobs.ask(session, job.id, Wanted.PAUSE)) is None
    assert (workshop.job(job.id).state, workshop.job(job.id).wanted) == (Q.RUNNING, Wanted.CANCEL)


@pytest.mark.parametrize(
    ("asked", "state", "expected"),
    [
        (None, Q.QUEUED, Q.QUEUED),
        (Wanted.CANCEL, Q.QUEUED, Q.CANCELLED),
        (Wanted.CANCEL, Q.PAUSED, Q.CANCELLED),
        (Wanted.PAUSE, Q.QUEUED, Q.PAUSED),
        (Wanted.CANCEL, Q.COMPLETED, Q.COMPLETED),
    ],
)
def test_what_was_asked_while_the_job_stopped_counts(
    workshop: Workshop, asked: Wanted | None, state: JobState, expected: JobState
) -> None:
    add(workshop, "asked")
    job = claim(workshop)
    assert job is not None
    if asked is not None:
        workshop.portal.run(lambda session: jobs.ask(session, job.id, asked))
    ended = finish(workshop, job, state)
    assert (ended.state, ended.finished_at is not None) == (expected, expected.is_terminal)


def test_a_stop_of_the_studio_is_no_death_of_the_job(workshop: Workshop) -> None:
    add(workshop, "stopped-often")
    for _ in range(jobs.MAX_STALLED_ATTEMPTS + 1):
        job = claim(workshop)
        assert job is not None
        assert finish(workshop, job, Q.QUEUED).stalled_attempts == 0


def test_a_job_whose_worker_was_replaced_counts_among_those_that_run(workshop: Workshop) -> None:
    add(workshop, "orphan")
    add(workshop, "next")
    orphan = claim(workshop, at_most=1)
    assert orphan is not None
    assert claim(workshop, at_most=1) is None
    finish(workshop, orphan, Q.COMPLETED)
    assert claim(workshop, at_most=1) is not None


def test_a_deleted_trainings_job_is_not_retried(workshop: Workshop) -> None:
    recording = workshop.recording()
    request = Train(recording_ids=(recording,), hook="resid_post.1", config=TrainConfig(tokens=4096), name="gone")
    training, job = workshop.train(request)
    workshop.command("cancel", job.id)

    async def delete(session: Session) -> None:
        await session.delete(await trainings.get(session, training.id))

    workshop.portal.run(delete)
    with pytest.raises(NotAllowedNow, match="training of this job was deleted"):
        workshop.portal.run(lambda session: commands.retry(session, workshop.settings, job.id))
