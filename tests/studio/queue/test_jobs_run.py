"""From the queue to the end: jobs run, wait, pause, go on, stop, on every broker."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mistudio.errors import ArtifactExists, NotAllowedNow, NotFound
from mistudio.studio.db import jobs
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.session import Session
from mistudio.studio.queue import commands
from tests.studio.queue.conftest import Station, pause_anyway, until

Q = JobState


def test_a_job_is_run_and_says_what_it_made(station: Station) -> None:
    station.start_ready()
    job = station.reach(station.enqueue("one", files=1), Q.COMPLETED)
    assert job.result is not None
    assert (job.result["entity"], job.result["name"]) == ("dataset", "one")
    assert (job.done, job.total) == (50_000, 50_000)
    assert (job.attempts, job.lease, job.pid, job.error) == (1, None, None, None)
    assert job.created_at <= job.started_at <= job.finished_at  # type: ignore[operator]
    assert station.datasets() == ["one"]
    assert "Attempt 1" in station.log_of(job.id)


def test_a_job_that_waited_before_there_was_a_worker_is_run_when_one_starts(station: Station) -> None:
    job_id = station.enqueue("early", wake=False)
    station.start()
    station.reach(job_id, Q.COMPLETED)


def test_a_job_whose_message_was_lost_is_found_by_the_reconciler(station: Station) -> None:
    station.start_ready()
    station.start("beat")
    job_id = station.enqueue("lost", wake=False)
    station.reach(job_id, Q.COMPLETED)


def test_a_message_that_comes_ten_times_runs_the_job_once(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("once", files=1)
    for _ in range(10):
        station.wake()
    assert station.reach(job_id, Q.COMPLETED).attempts == 1
    assert station.log_of(job_id).count("Attempt") == 1


def test_a_job_that_cannot_be_done_fails_with_the_librarys_words(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("bad", files=1, wake=False)
    station.texts.joinpath("bad.jsonl").write_text("{not json", encoding="utf-8")
    station.change(job_id, request=_reading(station.job(job_id), station.texts / "bad.jsonl"))
    station.wake()
    job = station.reach(job_id, Q.FAILED)
    assert job.error is not None
    assert job.error["code"] == "BadInput"
    assert "bad.jsonl" in job.error["message"]
    assert job.error["remedy"]
    assert station.partials() == []


def test_a_failed_job_is_retried_with_the_same_configuration(station: Station) -> None:
    station.start_ready()
    gone = station.texts / "gone.jsonl"
    job_id = station.enqueue("again", wake=False)
    station.change(job_id, request=_reading(station.job(job_id), gone))
    station.wake()
    assert station.reach(job_id, Q.FAILED).error["code"] == "NotFound"  # type: ignore[index]
    gone.write_text('{"text": "it is back"}\n', encoding="utf-8")
    second = station.ask(commands.retry, job_id)
    station.wake()
    assert station.reach(second.id, Q.COMPLETED).request == station.job(job_id).request
    assert second.retry_of == job_id
    gone.unlink()
    with pytest.raises(ArtifactExists):
        station.ask(commands.retry, job_id)


def test_the_most_urgent_job_goes_first_and_equals_in_the_order_of_their_coming(station: Station) -> None:
    wanted = {"a": 0, "b": 0, "urgent": 10, "c": 0, "late": -1}
    ids = {name: station.enqueue(name, wake=False, priority=priority) for name, priority in wanted.items()}
    station.start()
    started = {name: station.reach(job_id, Q.COMPLETED, seconds=90).started_at for name, job_id in ids.items()}
    assert sorted(started, key=lambda name: str(started[name])) == ["urgent", "a", "b", "c", "late"]


def test_of_the_jobs_that_need_a_device_one_runs_at_a_time(station: Station) -> None:
    first = station.enqueue("first", files=8, wake=False, device="cuda:0")
    station.enqueue("second", wake=False, device="cuda:0", queue="extraction")
    third = station.enqueue("third", wake=False, device="cuda:1", queue="extraction")
    station.start()
    # The second is older, but its device is taken: the third passes it.
    station.reach(third, Q.COMPLETED)
    assert station.job(first).state == Q.RUNNING
    states = station.portal.run(lambda session: _running_on(session, "cuda:0"))
    assert states == [first]


def test_when_a_device_becomes_free_the_job_that_waited_for_it_runs(station: Station) -> None:
    station.start_ready()
    station.start("beat")
    first = station.enqueue("first", files=2, device="cuda:0")
    second = station.enqueue("second", device="cuda:0", queue="extraction")
    ended = station.reach(first, Q.COMPLETED).finished_at
    assert station.reach(second, Q.COMPLETED).started_at > ended  # type: ignore[operator]


def test_a_running_job_pauses_and_is_run_again(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("paused", files=8)
    station.works(job_id)
    assert station.ask(pause_anyway, job_id).state == Q.PAUSING
    asked = time.monotonic()
    job = station.reach(job_id, Q.PAUSED, seconds=5)
    assert time.monotonic() - asked < 2
    assert (job.lease, job.pid, job.wanted, job.finished_at) == (None, None, "run", None)
    until(lambda: station.process_of(job_id) is None)
    station.wake()
    time.sleep(1.0)
    assert station.job(job_id).state == Q.PAUSED
    assert station.ask(commands.resume, job_id).state == Q.QUEUED
    station.wake()
    assert station.reach(job_id, Q.COMPLETED).attempts == 2


def test_a_running_job_that_would_begin_again_is_not_paused(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("kept", files=4)
    assert commands.can_pause(station.job(job_id))
    station.works(job_id)
    assert not commands.can_pause(station.job(job_id))
    with pytest.raises(NotAllowedNow, match="cannot be paused while it runs"):
        station.ask(commands.pause, job_id)
    station.reach(job_id, Q.COMPLETED)


def test_a_waiting_job_pauses_and_goes_on_without_ever_having_run(station: Station) -> None:
    job_id = station.enqueue("set-aside", wake=False)
    assert station.ask(commands.pause, job_id).state == Q.PAUSED
    station.start_ready()
    station.wake()
    time.sleep(1.0)
    assert station.job(job_id).attempts == 0
    station.ask(commands.resume, job_id)
    station.wake()
    assert station.reach(job_id, Q.COMPLETED).attempts == 1


def test_a_cancelled_job_ends_within_two_seconds_and_leaves_nothing(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("unwanted", files=20)
    process = station.works(job_id)
    station.ask(commands.cancel, job_id)
    asked = time.monotonic()
    job = station.reach(job_id, Q.CANCELLED, seconds=5)
    assert time.monotonic() - asked < 2
    until(lambda: not process.is_running(), seconds=3)
    assert job.finished_at is not None
    until(lambda: station.partials() == [])
    assert station.datasets() == []


def test_a_waiting_or_paused_job_is_cancelled_at_once(station: Station) -> None:
    first, second = station.enqueue("first", wake=False), station.enqueue("second", wake=False)
    assert station.ask(commands.cancel, first).state == Q.CANCELLED
    station.ask(commands.pause, second)
    assert station.ask(commands.cancel, second).state == Q.CANCELLED
    station.start_ready()
    station.wake()
    time.sleep(1.0)
    assert [station.job(each).attempts for each in (first, second)] == [0, 0]


def test_a_job_that_is_pausing_can_still_be_cancelled(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("both", files=20)
    process = station.works(job_id)
    process.suspend()
    station.ask(pause_anyway, job_id)
    station.ask(commands.cancel, job_id)
    process.resume()
    station.reach(job_id, Q.CANCELLED, seconds=5)


def test_what_a_job_cannot_do_now_is_refused_in_words(station: Station) -> None:
    with pytest.raises(NotFound, match="There is no job 'job-nothing'"):
        station.ask(commands.cancel, "job-nothing")
    job_id = station.enqueue("done", wake=False)
    with pytest.raises(NotAllowedNow, match="only a paused one"):
        station.ask(commands.resume, job_id)
    with pytest.raises(NotAllowedNow, match="failed or was cancelled"):
        station.ask(commands.retry, job_id)
    station.ask(commands.cancel, job_id)
    for command in (commands.pause, commands.cancel, commands.resume):
        with pytest.raises(NotAllowedNow, match="cancelled"):
            station.ask(command, job_id)


def test_two_jobs_are_not_asked_to_make_the_same_thing(station: Station) -> None:
    station.enqueue("twin", wake=False)
    with pytest.raises(ArtifactExists, match="'twin'"):
        station.enqueue("twin", wake=False)


def test_two_workers_on_one_database_run_every_job_once(station: Station) -> None:
    ids = [station.enqueue(f"job-{number}", wake=False) for number in range(4)]
    station.start()
    station.start()
    with ThreadPoolExecutor(4) as threads:
        for _ in range(20):
            threads.submit(station.wake)
    ended = [station.reach(job_id, Q.COMPLETED, seconds=120) for job_id in ids]
    assert [job.attempts for job in ended] == [1] * 4
    assert all(station.log_of(job_id).count("Attempt") == 1 for job_id in ids)
    assert station.datasets() == [f"job-{number}" for number in range(4)]


def _reading(job: Job, path: Path) -> dict[str, Any]:
    return job.request | {"config": job.request["config"] | {"sources": [str(path)]}}


async def _running_on(session: Session, device: str) -> list[str]:
    return [job.id for job in await jobs.live(session) if job.device == device]
