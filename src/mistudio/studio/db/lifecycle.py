"""The one state machine of all jobs.

    queued ⇄ running → completed · completed_with_errors · failed · cancelled
    running → pausing → paused → queued

A running job may go back to queued: its process died, or the studio was stopped.
"""

from __future__ import annotations

from enum import StrEnum


class JobState(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing will happen to it any more."""
        return not TRANSITIONS[self]

    @property
    def is_live(self) -> bool:
        """Whether a process works on it."""
        return self in LIVE


LIVE = (JobState.RUNNING, JobState.PAUSING)

TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.PAUSED, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset(set(JobState) - {JobState.RUNNING}),
    JobState.PAUSING: frozenset(set(JobState) - {JobState.PAUSING, JobState.RUNNING}),
    JobState.PAUSED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
    JobState.COMPLETED: frozenset(),
    JobState.COMPLETED_WITH_ERRORS: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
"""What each state may become."""


def may_become(target: JobState) -> list[JobState]:
    """The states that may become `target`."""
    return [state for state, targets in TRANSITIONS.items() if target in targets]


class Wanted(StrEnum):
    """What a live job has been asked to do."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"
