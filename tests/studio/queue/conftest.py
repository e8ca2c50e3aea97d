"""Real workers, real brokers, a real database, and jobs that take as long as a test wants."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from mistudio.corpora.config import CorpusConfig
from mistudio.studio.db import artifacts, jobs
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.lifecycle import JobState, Wanted
from mistudio.studio.db.session import Session
from mistudio.studio.queue import commands
from mistudio.studio.queue.celery_app import Waker
from mistudio.studio.queue.enqueue import create
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.requests import DatasetAdd
from mistudio.studio.settings import Settings

_ROWS_A_FILE = 50_000
"""About four tenths of a second each."""


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of this test process."""
    port = free_port()
    server = start_redis(port, tmp_path_factory.mktemp("redis"))
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)


def start_redis(port: int, folder: Path) -> subprocess.Popen[bytes]:
    """A Redis that answers."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not on the PATH: install Debian's package redis-server")
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    with redis.Redis(port=port) as client:
        until(lambda: _answers(client))
    return server


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.create_server(("127.0.0.1", 0)) as trial:
        port: int = trial.getsockname()[1]
    return port


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


@pytest.fixture(params=["filesystem", "redis"])
def broker(request: pytest.FixtureRequest) -> str | None:
    """What carries the messages: the address of a Redis, or None for folders of the home."""
    if request.param == "filesystem":
        return None
    url: str = request.getfixturevalue("redis_url")
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


def until(holds: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait until it holds; what it is then."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.02)
    return found


@dataclass
class Station:
    """A studio without pages: its database, its queues, and the workers that a test starts."""

    settings: Settings
    texts: Path
    portal: Portal
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, what: str = "run", *arguments: str) -> subprocess.Popen[bytes]:
        """Start a worker, or the beat."""
        command = [sys.executable, "-m", "mistudio.studio.worker", what, *arguments]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=self.environment(), stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def environment(self) -> dict[str, str]:
        """Of the studio's processes."""
        others = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
        return others | {
            "MISTUDIO_HOME": str(self.settings.home),
            "MISTUDIO_DATA_ROOTS": str(self.texts),
            "DATABASE_URL": str(self.settings.database_url),
            "MISTUDIO_LEASE_SECONDS": str(self.settings.lease_seconds),
            **({"REDIS_URL": self.settings.redis_url} if self.settings.redis_url else {}),
        }

    def start_ready(self) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it listens."""
        ready = self.settings.home / f"{len(self.processes)}.ready"
        process = self.start("run", str(ready))
        until(ready.exists)
        return process

    @property
    def log(self) -> Path:
        """What workers and beat say."""
        return self.settings.home / "workers.log"

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────

    def enqueue(self, name: str, files: int = 0, *, wake: bool = True, **columns: Any) -> str:
        """A job that reads so many files of many rows; one that is over in a moment if 0."""
        sources = [self.file(number, _ROWS_A_FILE) for number in range(files)] or [self.file(-1, 10)]
        request = DatasetAdd(name=name, config=CorpusConfig(sources=tuple(map(str, sources))))

        async def work(session: Any) -> str:
            job = await create(session, self.settings, request, title=f"Add {name}", device=columns.pop("device", None))
            for column, value in columns.items():
                setattr(job, column, value)
            return job.id

        job_id = self.portal.run(work)
        if wake:
            self.wake()
        return job_id

    def file(self, number: int, rows: int) -> Path:
        """A file with so many texts."""
        path = self.texts / f"{number}.jsonl"
        if not path.exists():
            lines = (json.dumps({"text": f"row {row} of file {number}"}) for row in range(rows))
            path.write_text("\n".join(lines), encoding="utf-8")
        return path

    def change(self, job_id: str, **columns: Any) -> None:
        """Write into the row."""

        async def work(session: Any) -> None:
            job = await jobs.get(session, job_id)
            for column, value in columns.items():
                setattr(job, column, value)

        self.portal.run(work)

    def wake(self) -> None:
        """Tell the workers that there is something to do."""
        Waker(self.settings).wake("analysis")

    def job(self, job_id: str) -> Job:
        """The row."""
        found = self.portal.run(lambda session: jobs.get(session, job_id))
        assert found is not None
        return found

    def reach(self, job_id: str, *states: JobState, seconds: float = 40.0) -> Job:
        """Wait until the job is in one of these states."""
        until(lambda: self.job(job_id).state in states, seconds)
        return self.job(job_id)

    def works(self, job_id: str) -> psutil.Process:
        """Wait until the job has got somewhere; its process."""
        until(lambda: self.job(job_id).done)
        process = self.process_of(job_id)
        assert process is not None
        return process

    def process_of(self, job_id: str) -> psutil.Process | None:
        """The process that does the job."""
        found = self.processes_of(job_id)
        assert len(found) <= 1, f"{len(found)} processes do one job"
        return found[0] if found else None

    def processes_of(self, job_id: str) -> list[psutil.Process]:
        """All processes that were started for the job."""
        return _job_processes(self.settings.home, job_id)

    def ask(self, command: Callable[..., Any], job_id: str) -> Job:
        """Pause, resume, cancel or retry."""
        arguments = (self.settings, job_id) if command is commands.retry else (job_id,)
        return self.portal.run(lambda session: command(session, *arguments))

    def datasets(self) -> list[str]:
        """Names of the data sets that there are rows of."""
        rows, _ = self.portal.run(lambda session: artifacts.page(session, "dataset", sort="name", descending=False))
        return [row.name for row in rows]

    def partials(self) -> list[Path]:
        """What was begun and neither finished nor removed."""
        folder = self.settings.home / "corpora"
        return [path for path in folder.glob("*") if not (path / "manifest.json").is_file()] if folder.exists() else []

    def log_of(self, job_id: str) -> str:
        """What a job said."""
        path = self.settings.jobs_dir / job_id / "log.txt"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def end(self) -> None:
        """Kill whatever is left."""
        for process in self.processes:
            process.kill()
            process.wait()
        for process in _job_processes(self.settings.home):
            os.killpg(process.pid, signal.SIGKILL)
        self.portal.close()


async def pause_anyway(session: Session, job_id: str) -> Job:
    """Ask a running job to pause, also one of a kind that begins again."""
    job = await jobs.ask(session, job_id, Wanted.PAUSE)
    assert job is not None
    return job


def _job_processes(home: Path, job_id: str | None = None) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            is_job = words[1:4] == ["-m", "mistudio.studio.worker", "job"] and (job_id is None or job_id in words)
            if is_job and process.environ().get("MISTUDIO_HOME") == str(home):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files are that jobs read."""
    return tmp_path_factory.mktemp("texts")


@pytest.fixture
def station(settings: Settings, broker: str | None, texts: Path) -> Iterator[Station]:
    """A studio whose workers have not been started."""
    settings = settings.model_copy(update={"redis_url": broker})
    made = Station(settings, texts, Portal(str(settings.database_url)))
    yield made
    made.end()
    assert "Traceback" not in made.log.read_text(encoding="utf-8") if made.log.exists() else True
