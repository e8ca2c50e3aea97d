"""The worker's processes: `run` takes jobs, `beat` sends the reconciler's message, `job` does one job.

python -m mistudio.studio.worker run [READY_FILE] | beat [READY_FILE] | job JOB_ID LEASE
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path

from celery import Celery
from celery.signals import beat_init, worker_ready, worker_shutting_down

from mistudio.studio.logs import configure_logging, end_process
from mistudio.studio.queue.celery_app import RECONCILE, WAKE, Waker, celery_app
from mistudio.studio.queue.portal import Portal
from mistudio.studio.queue.requests import QUEUES
from mistudio.studio.queue.runner import Runner
from mistudio.studio.settings import Settings, load_settings

_THREADS = 2 * len(QUEUES)


def run(settings: Settings, ready_file: Path | None = None) -> None:
    """Take jobs until told to stop; this process's number stands in the ready file once it does."""
    configure_logging(settings)
    assert settings.database_url is not None, "the launcher names the database to every process"
    runner = Runner(settings, Portal(settings.database_url))
    app, waker = celery_app(settings), Waker(settings)

    @app.task(name=WAKE)  # type: ignore[untyped-decorator]
    def wake(queue: str) -> None:
        runner.work(queue)

    @app.task(name=RECONCILE)  # type: ignore[untyped-decorator]
    def reconcile() -> None:
        for queue in runner.reconcile():
            waker.wake(queue)

    def begin(**_: object) -> None:
        _announce(ready_file)
        # What a worker that died left behind is taken up at once.
        for queue in runner.reconcile():
            threading.Thread(target=runner.work, args=(queue,), daemon=True).start()

    worker_ready.connect(begin, weak=False)
    worker_shutting_down.connect(lambda **_: runner.stop(), weak=False)
    _start(app, "worker", "--pool", "threads", "--concurrency", str(_THREADS), "--queues", ",".join(QUEUES),
           "--without-gossip", "--without-mingle", "--without-heartbeat",
           "--loglevel", _quieter(settings.log_level))  # fmt: skip


def _quieter(level: str) -> str:
    """Celery says at INFO that it got each message, which is twice every five seconds."""
    return "WARNING" if level.upper() == "INFO" else level


def beat(settings: Settings, ready_file: Path | None = None) -> None:
    """Send the reconciler's message every few seconds; this process's number stands in the ready file once it does."""
    settings.run_dir.mkdir(parents=True, exist_ok=True)
    beat_init.connect(lambda **_: _announce(ready_file), weak=False)
    _start(celery_app(settings), "beat", "--loglevel", "WARNING", "--pidfile", "")


def job(settings: Settings, job_id: str, lease: str) -> None:
    """Do one job."""
    # Imported here: the worker itself needs no library of models and tensors.
    from mistudio.studio.jobs.registry import function_of
    from mistudio.studio.queue.process import run_job

    run_job(settings, job_id, lease, function_of)


def _announce(ready_file: Path | None) -> None:
    if ready_file is not None:
        with suppress(OSError):  # On a full disk it works all the same.
            ready_file.write_text(str(os.getpid()), encoding="ascii")


def _start(app: Celery, *arguments: str) -> None:
    app.start(argv=list(arguments))


def main(arguments: list[str]) -> None:
    """Be one of the processes."""
    settings = load_settings()
    match arguments:
        case ["run", *ready_file]:
            run(settings, *map(Path, ready_file))
        case ["beat", *ready_file]:
            beat(settings, *map(Path, ready_file))
        case ["job", job_id, lease]:
            job(settings, job_id, lease)
            # The interpreter takes most of a second to free what the libraries hold, and a cancelled job ends in two.
            end_process(0)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
