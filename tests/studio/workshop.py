"""Jobs as they really run: written as rows, each in a process of its own, on tiny models."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import Artifact
from mistudio.corpora.config import CorpusConfig, TokenizeConfig
from mistudio.corpora.corpus import add_corpus
from mistudio.corpora.tokenize import tokenize
from mistudio.language_models.loading import save_model
from mistudio.studio.db import artifacts, indexing, jobs, training_metrics, trainings
from mistudio.studio.db.jobs import Job
from mistudio.studio.db.trainings import Training
from mistudio.studio.queue import commands
from mistudio.studio.queue.enqueue import DEVICE, create
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.requests import Request, Train
from mistudio.studio.queue.runner import Runner
from mistudio.studio.settings import Settings
from tests.made_up_recording import made_up_recording
from tests.tiny_models import tiny_language_model


@dataclass
class Workshop:
    """A studio without pages: a home, a database, and a worker that a test sends to its queues."""

    settings: Settings
    portal: Portal
    runner: Runner
    threads: list[threading.Thread] = field(default_factory=list)

    # ── what there is ────────────────────────────────────────────────────────────────────────────

    def recording(self, name: str = "recording", **options: Any) -> str:
        """A recording of made-up activations in the store; its id."""
        artifact = made_up_recording(self.settings.store.path(Kind.ACTIVATIONS, name), **options)
        return self.index("recording", artifact)

    def model_and_text(self) -> tuple[str, str]:
        """A tiny model and text tokenized for it, in the store; their ids."""
        store = self.settings.store
        model = save_model(tiny_language_model(), store.path(Kind.MODEL, "tiny"))
        texts = self.settings.home / "texts"
        texts.mkdir()
        for number in range(40):
            (texts / f"{number}.txt").write_text("We the people of the tiny model, in order to train. " * (number + 3))
        corpus = add_corpus(CorpusConfig(sources=(str(texts),), held_out=0.2), store.path(Kind.CORPUS, "text"))
        config = TokenizeConfig(context_length=32)
        tokens = tokenize(corpus.path, str(model.path), config, store.path(Kind.TOKENS, "tokens"))
        ids = [self.index("model", model), self.index("dataset", corpus), self.index("tokenization", tokens)]
        return ids[0], ids[2]

    def index(self, entity: str, artifact: Artifact) -> str:
        """Write the row of an artifact; its id."""
        return self.portal.run(lambda session: indexing.index_artifact(session, entity, artifact))

    def index_store(self) -> None:
        """Look at the whole store again."""
        work = indexing.index_store(self.portal.database, self.settings.store, self.settings.evaluations_dir)
        asyncio.run_coroutine_threadsafe(work, self.portal._loop).result(60)

    def row(self, entity: str, name: str) -> Any:
        """The row of a thing, by id or name."""
        return self.portal.run(lambda session: artifacts.get(session, entity, name))

    def rows(self, entity: str) -> list[Any]:
        """All rows of an entity."""
        return self.portal.run(lambda session: artifacts.page(session, entity))[0]

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────

    def ask(self, request: Request, **options: Any) -> Job:
        """Write a job."""
        return self.portal.run(lambda session: create(session, self.settings, request, title="a test", **options))

    def train(self, request: Train, *, d_in: int = 32) -> tuple[Training, Job]:
        """Write a training and its job, as the API does."""

        async def write(session: Any) -> tuple[Training, Job]:
            training = await trainings.add(
                session,
                name=request.name,
                request=request.model_dump(mode="json"),
                model_name="made-up",
                hook=request.hook or "",
                d_in=d_in,
                total_steps=request.config.steps,
            )
            assert training is not None
            subject = trainings.channel(training.id)
            job = await create(session, self.settings, request, title="Train", subject=subject, device=DEVICE)
            return training, job

        return self.portal.run(write)

    def work(self, queue: str = "training") -> None:
        """Do all jobs of a queue."""
        self.runner.work(queue)

    def begin(self, queue: str = "training") -> None:
        """Do the jobs of a queue beside the test."""
        thread = threading.Thread(target=self.runner.work, args=(queue,), daemon=True)
        thread.start()
        self.threads.append(thread)

    def wait(self, seconds: float = 300.0) -> None:
        """Wait until the worker has no more to do."""
        for thread in self.threads:
            thread.join(seconds)
            assert not thread.is_alive(), "the worker is still at it"
        self.threads.clear()

    def job(self, job_id: str) -> Job:
        """A job as it is now."""
        job = self.portal.run(lambda session: jobs.get(session, job_id))
        assert job is not None
        return job

    def command(self, name: str, job_id: str) -> Job:
        """Pause, resume, cancel or retry a job."""
        settings = (self.settings,) if name == "retry" else ()
        return self.portal.run(lambda session: getattr(commands, name)(session, *settings, job_id))

    def kill(self, job_id: str) -> None:
        """kill -9 of the job's process."""
        os.kill(self.until(lambda: self.job(job_id).pid), signal.SIGKILL)

    def log(self, job_id: str) -> str:
        """What the job said."""
        return (self.settings.jobs_dir / job_id / "log.txt").read_text()

    def until(self, holds: Callable[[], Any], seconds: float = 180.0) -> Any:
        """Wait until it holds; what it is then."""
        end = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < end, "it did not come to hold"
            time.sleep(0.02)
        return found

    def until_attempt(self, job_id: str, attempts: int) -> None:
        """Wait until a job has been begun so many times."""
        self.until(lambda: self.job(job_id).attempts >= attempts)

    def at_step(self, training_id: str, step: int) -> None:
        """Wait until a training's rows have come to a step."""
        self.until(lambda: self.lines(training_id) and self.lines(training_id)[-1]["step"] >= step)

    def lines(self, training_id: str) -> list[dict[str, Any]]:
        """The rows of a training's log."""

        async def read(session: Any) -> list[dict[str, Any]]:
            extent = await training_metrics.extent(session, training_id)
            columns = await training_metrics.lines(session, training_id, extent)
            return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

        return self.portal.run(read)


@pytest.fixture
def workshop(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """A home with a database and one worker. Job processes take their settings from the environment, as always."""
    assert settings.database_url is not None
    for name, value in {
        "MISTUDIO_HOME": str(settings.home),
        "DATABASE_URL": settings.database_url,
        "MISTUDIO_LEASE_SECONDS": str(settings.lease_seconds),
        "OMP_NUM_THREADS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REDIS_URL", raising=False)
    portal = Portal(settings.database_url)
    made = Workshop(settings, portal, Runner(settings, portal))
    yield made
    # What a failed test left behind is given up, so that the worker comes to its end.
    for job in portal.run(jobs.unfinished):
        made.command("cancel", job.id)
        if job.pid:
            with suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
    made.wait()
    portal.close()
