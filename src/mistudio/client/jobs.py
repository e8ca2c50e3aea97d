"""Jobs: look at them, wait for them, stop them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mistudio.client.answers import Job, JobError
from mistudio.client.listing import Pages
from mistudio.client.transport import Transport, error_of_body
from mistudio.errors import Cancelled, MistudioError, NotAllowedNow, StudioUnavailable

Made = TypeVar("Made")
OnProgress = Callable[[Job], None]
_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.1, 1.0


class Jobs:
    """The studio's jobs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, state: Sequence[str] = (), kind: Sequence[str] = (), search: str | None = None) -> Pages[Job]:
        """Jobs, newest first."""
        query = {"state": list(state) or None, "kind": list(kind) or None, "search": search}
        return Pages(self._transport, "/jobs", Job, query)

    def get(self, job: str | Job) -> Job:
        """A job as it is now."""
        return self._one(self._transport.get(_path(job)))

    def log(self, job: str | Job) -> str:
        """The end of what a job said, at most 64 KiB."""
        return str(self._transport.get(f"{_path(job)}/log")["data"]["text"])

    def pause(self, job: str | Job) -> Job:
        """Let a job save what it has and wait."""
        return self._one(self._transport.post(f"{_path(job)}/pause"))

    def resume(self, job: str | Job) -> Job:
        """Let a paused job go on."""
        return self._one(self._transport.post(f"{_path(job)}/resume"))

    def cancel(self, job: str | Job) -> Job:
        """Give a job up."""
        return self._one(self._transport.post(f"{_path(job)}/cancel"))

    def retry(self, job: str | Job) -> Job:
        """Do once more what a job did that failed or was cancelled: a new job."""
        return self._one(self._transport.post(f"{_path(job)}/retry"))

    def forget(self, job: str | Job) -> None:
        """Take a job that has ended off the list; what it made stays."""
        self._transport.delete(_path(job))

    def wait(self, job: str | Job, timeout: float | None = None, on_progress: OnProgress | None = None) -> Job:
        """Wait until a job has ended; one in which items failed has ended, too, and counts them in `failed_items`.

        Args:
            timeout: seconds after which this gives up waiting; the job goes on.
            on_progress: called with the job whenever it has got further.

        Raises:
            TimeoutError: it took longer.
            MistudioError: why the job failed, of the class that it failed with.
            Cancelled: it was cancelled.
            NotAllowedNow: it is paused, so that waiting is of no use.
        """
        until = None if timeout is None else time.monotonic() + timeout
        before, pause = None, _LOOK_SECONDS
        while True:
            now = self.get(job)
            told = (now.state, now.stage, now.done)
            if told != before:
                before, pause = told, _LOOK_SECONDS
                if on_progress is not None:
                    on_progress(now)
            if now.has_ended:
                return _ended_well(now)
            if now.state == "paused":
                raise NotAllowedNow(f"{now.title} is paused.", remedy="Resume it, and wait again.")
            if until is not None and time.monotonic() + pause > until:
                raise TimeoutError(f"{now.title} is still {now.state} after {timeout:g} seconds")
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_LOOK_SECONDS)

    @staticmethod
    def _one(answer: dict[str, object]) -> Job:
        return Job.model_validate(answer["data"])


@dataclass(frozen=True)
class Pending(Generic[Made]):
    """Something that a job is making."""

    job: Job
    """As it was when it was taken on."""
    jobs: Jobs
    fetch: Callable[[str], Made]

    def wait(self, timeout: float | None = None, on_progress: OnProgress | None = None) -> Made:
        """What was made; raises what `Jobs.wait` raises."""
        ended = self.jobs.wait(self.job, timeout, on_progress)
        made = ended.result.id if ended.result else None
        return self.fetch(made or "")

    def cancel(self) -> Job:
        """Give it up."""
        return self.jobs.cancel(self.job)


def _ended_well(job: Job) -> Job:
    if job.state == "cancelled":
        raise Cancelled(f"{job.title} was cancelled.", remedy="Retry it.")
    if job.state == "failed":
        raise _why(job, job.error)
    return job


def _why(job: Job, error: JobError | None) -> MistudioError:
    if error is None:
        return StudioUnavailable(f"{job.title} failed, and nobody knows why.", remedy="Read its log.")
    return error_of_body(error.model_dump())


def _path(job: str | Job) -> str:
    return f"/jobs/{job if isinstance(job, str) else job.id}"
