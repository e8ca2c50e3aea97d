"""Whatever is killed, every job ends, and none is done twice at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time

import httpx
import psutil
import pytest

from mistudio.studio.db import jobs
from mistudio.studio.db.embedded import EmbeddedPostgres
from mistudio.studio.db.jobs import MAX_STALLED_ATTEMPTS
from mistudio.studio.db.lifecycle import JobState
from mistudio.studio.db.migrate import migrate
from mistudio.studio.queue import commands, reconcile
from mistudio.studio.queue.portal import Portal
from mistudio.studio.settings import Settings
from tests.studio.queue.conftest import Station, free_port, pause_anyway, start_redis, until

Q = JobState


def test_a_job_goes_on_while_its_worker_is_killed_and_the_next_worker_leaves_it_alone(station: Station) -> None:
    worker = station.start_ready()
    job_id = station.enqueue("orphan", files=5)
    process = station.works(job_id)
    worker.kill()
    worker.wait()
    station.start_ready()
    station.wake()
    assert station.process_of(job_id) == process
    job = station.reach(job_id, Q.COMPLETED)
    assert (job.attempts, station.datasets()) == (1, ["orphan"])


def test_a_job_killed_together_with_its_worker_is_taken_up_by_the_next_worker(station: Station) -> None:
    worker = station.start_ready()
    job_id = station.enqueue("both", files=5)
    process = station.works(job_id)
    worker.kill()
    _kill_group(process)
    worker.wait()
    assert station.job(job_id).state == Q.RUNNING
    station.start()
    job = station.reach(job_id, Q.COMPLETED)
    assert (job.attempts, job.failed_items, station.datasets()) == (2, 0, ["both"])


def test_a_killed_job_is_run_again_at_once_and_not_blamed(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("victim", files=6)
    for attempt in range(1, MAX_STALLED_ATTEMPTS + 2):
        until(lambda: station.job(job_id).attempts == attempt and station.job(job_id).pid)  # noqa: B023
        _kill_group(station.process_of(job_id))
    job = station.reach(job_id, Q.COMPLETED)
    assert job.attempts == MAX_STALLED_ATTEMPTS + 2
    assert station.datasets() == ["victim"]


def test_a_job_that_dies_by_itself_again_and_again_is_given_up(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("crasher", files=20)
    for attempt in range(1, MAX_STALLED_ATTEMPTS + 1):
        until(lambda: station.job(job_id).attempts == attempt and station.job(job_id).pid)  # noqa: B023
        station.works(job_id).send_signal(signal.SIGABRT)
    job = station.reach(job_id, Q.FAILED)
    assert job.attempts == MAX_STALLED_ATTEMPTS
    assert job.error is not None
    assert job.error["code"] == "ProcessDied"
    assert "SIGABRT" in job.error["message"]


def test_a_job_that_dies_by_itself_but_gets_further_each_time_is_not_given_up(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("slow-crasher", files=8)
    for attempt in range(1, MAX_STALLED_ATTEMPTS + 2):
        further = 50_000 * attempt
        until(
            lambda n=attempt, done=further: station.job(job_id).attempts == n and (station.job(job_id).done or 0) > done
        )
        station.works(job_id).send_signal(signal.SIGABRT)
    assert station.reach(job_id, Q.COMPLETED).attempts == MAX_STALLED_ATTEMPTS + 2


def test_a_job_that_is_terminated_goes_back_to_its_queue_and_says_that_it_begins_again(station: Station) -> None:
    worker = station.start_ready()
    job_id = station.enqueue("later", files=20)
    process = station.works(job_id)
    worker.terminate()
    worker.wait(20)
    process.terminate()
    job = station.reach(job_id, Q.QUEUED, seconds=5)
    assert (job.lease, job.pid, job.error) == (None, None, None)
    assert "begins again from the start" in station.log_of(job_id)
    until(lambda: not process.is_running())
    station.enqueue("urgent", wake=False, priority=1)
    station.ask(commands.cancel, job_id)
    station.start()
    until(lambda: station.datasets() == ["urgent"])


def test_a_terminated_job_of_a_worker_that_stays_is_run_again(station: Station) -> None:
    station.start_ready()
    job_id = station.enqueue("again", files=4)
    station.works(job_id).terminate()
    assert station.reach(job_id, Q.COMPLETED).attempts == 2


def test_what_was_asked_of_a_job_that_is_killed_is_done_all_the_same(station: Station) -> None:
    station.start_ready()
    for command, state in ((pause_anyway, Q.PAUSED), (commands.cancel, Q.CANCELLED)):
        job_id = station.enqueue(f"asked-{state}", files=20)
        process = station.works(job_id)
        process.suspend()
        station.ask(command, job_id)
        _kill_group(process)
        station.reach(job_id, state, seconds=10)
    until(lambda: not [path for path in station.partials() if "asked-cancelled" in path.name])


def test_a_job_that_does_not_come_to_a_checkpoint_is_ended_when_it_is_cancelled(station: Station) -> None:
    station.start_ready()
    lines = station.texts / "endless.json"  # Read whole before the first checkpoint after the start.
    lines.write_text("[" + ",".join(['{"text": "a"}'] * 3_000_000) + "]", encoding="utf-8")
    job_id = station.enqueue("deaf", wake=False)
    station.change(job_id, request=station.job(job_id).request | {"config": {"sources": [str(lines)]}})
    station.wake()
    process = until(lambda: station.process_of(job_id) if "read documents" in station.log_of(job_id) else None)
    station.ask(commands.cancel, job_id)
    asked = time.monotonic()
    station.reach(job_id, Q.CANCELLED, seconds=10)
    until(lambda: not process.is_running())
    assert time.monotonic() - asked < 3
    until(lambda: station.partials() == [])


def test_a_process_that_hangs_keeps_its_job_for_a_while_and_is_then_ended(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = station.start_ready()
    job_id = station.enqueue("hung", files=5)
    process = station.works(job_id)
    worker.kill()
    worker.wait()
    process.suspend()
    time.sleep(station.settings.lease_seconds + 0.5)
    look = lambda: station.portal.run(lambda session: reconcile.reconcile(session, station.settings))  # noqa: E731
    assert look() == []
    assert process.is_running()
    monkeypatch.setattr(reconcile, "HUNG_SECONDS", 0.1)
    look()
    until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert [job.state for job in until(look)] == [Q.QUEUED]
    station.start()
    assert station.reach(job_id, Q.COMPLETED).attempts == 2


def test_a_process_that_wakes_up_after_its_job_went_to_another_changes_nothing(station: Station) -> None:
    worker = station.start_ready()
    job_id = station.enqueue("sleeper", files=6)
    process = station.works(job_id)
    worker.kill()
    worker.wait()
    process.suspend()
    job = station.job(job_id)
    # As a machine that was asleep: the lease ran out and others gave the job away.
    station.portal.run(lambda session: jobs.release(session, job_id, job.lease, "it slept"))
    station.start_ready()
    station.wake()
    until(lambda: station.job(job_id).attempts == 2)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()
    done = station.reach(job_id, Q.COMPLETED)
    assert (done.attempts, station.datasets()) == (2, ["sleeper"])
    until(lambda: not process.is_running())


def test_of_two_workers_one_takes_over_what_the_other_left(station: Station) -> None:
    first = station.start_ready()
    job_id = station.enqueue("handed-over", files=5)
    process = station.works(job_id)
    station.start_ready()
    station.start("beat")
    first.kill()
    _kill_group(process)
    first.wait()
    assert station.reach(job_id, Q.COMPLETED).attempts == 2


def test_a_job_that_was_asked_for_runs_although_the_api_is_killed_before_it_told_anyone(
    station: Station,
) -> None:
    station.start_ready()
    station.start("beat")
    port = free_port()
    command = ["-m", "uvicorn", "--factory", "mistudio.studio.app:create_app", "--port", str(port)]
    with (station.settings.home / "api.log").open("ab") as log:
        api = subprocess.Popen([sys.executable, *command], env=station.environment(), stdout=log, stderr=log)
    station.processes.append(api)
    url = f"http://127.0.0.1:{port}/api/v1"
    until(lambda: _answers(f"{url}/jobs"))
    request = {"kind": "dataset_add", "name": "asked", "config": {"sources": [str(station.file(-1, 10))]}}
    assert httpx.post(f"{url}/datasets", json=request, timeout=20).status_code == 202
    api.kill()
    until(lambda: station.datasets() == ["asked"])


def test_jobs_outlive_a_restart_of_postgresql(tmp_path, broker, texts) -> None:
    server = EmbeddedPostgres(tmp_path / "data")
    url = server.start()
    asyncio.run(migrate(url))
    settings = Settings(home=tmp_path / "home", DATABASE_URL=url, lease_seconds=5.0, REDIS_URL=broker)
    settings.jobs_dir.mkdir(parents=True)
    station = Station(settings, texts, Portal(url))
    try:
        station.start_ready()
        job_id = station.enqueue("survivor", files=8)
        station.works(job_id)
        server.stop()
        time.sleep(1.0)
        server.start()
        job = station.reach(job_id, Q.COMPLETED, seconds=60)
        assert job.attempts == 1
        second = station.enqueue("after")
        station.start("beat")
        station.reach(second, Q.COMPLETED, seconds=60)
    finally:
        station.end()
        server.stop()


def test_jobs_outlive_a_restart_of_redis(settings, texts, tmp_path) -> None:
    port = free_port()
    server = start_redis(port, tmp_path)
    settings = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{port}/0"})
    station = Station(settings, texts, Portal(str(settings.database_url)))
    try:
        station.start_ready()
        station.start("beat")
        running = station.enqueue("before", files=6)
        station.works(running)
        server.kill()
        server.wait()
        asked = time.monotonic()
        meanwhile = station.enqueue("meanwhile")
        assert time.monotonic() - asked < 3  # Who asks for a job does not wait for the broker.
        station.reach(running, Q.COMPLETED)
        server = start_redis(port, tmp_path)
        station.reach(meanwhile, Q.COMPLETED)
        station.reach(station.enqueue("after"), Q.COMPLETED)
    finally:
        station.end()
        server.kill()
        server.wait()


def _kill_group(process: psutil.Process | None) -> None:
    assert process is not None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _has_done(station: Station, job_id: str, attempt: int, rows: int) -> bool:
    job = station.job(job_id)
    return job.attempts == attempt and (job.done or 0) > rows


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
