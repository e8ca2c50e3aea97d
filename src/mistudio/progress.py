"""How a long step tells what it is doing, and how it is asked to stop.

A step calls `advance` as often as it likes and `checkpoint` wherever it could stop cleanly. The command line
draws a bar, a job writes events; both ask the step to stop by letting `checkpoint` raise.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from mistudio.errors import Cancelled, Paused


@runtime_checkable
class Progress(Protocol):
    """Where a step reports to. Implementations must be cheap: steps call them once a batch."""

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Report that `done` of `total` units of `stage` are finished; `total` is None where nobody knows it."""

    def checkpoint(self) -> None:
        """Return, or raise `Cancelled` or `Paused` if the work shall stop here.

        Raises:
            Interrupted: the step must save what it has and let the exception through.
        """


class Silent:
    """Reports to nobody and never stops: the default of every library function."""

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Say nothing."""

    def checkpoint(self) -> None:
        """Go on."""


class StopSwitch:
    """A `Progress` that passes reports on and stops the work at its next checkpoint once asked to."""

    def __init__(self, inner: Progress | None = None) -> None:
        self._inner: Progress = inner or Silent()
        self._asked: type[Cancelled] | type[Paused] | None = None

    def cancel(self) -> None:
        """Let the next `checkpoint` raise `Cancelled`."""
        self._asked = Cancelled

    def pause(self) -> None:
        """Let the next `checkpoint` raise `Paused`."""
        self._asked = Paused

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Pass the report on."""
        self._inner.advance(stage, done, total, **metrics)

    def checkpoint(self) -> None:
        """Raise what was asked for, if anything was.

        Raises:
            Interrupted: `cancel` or `pause` has been called.
        """
        if self._asked is not None:
            raise self._asked("Stopped as asked; what was finished is saved.")
        self._inner.checkpoint()


@contextmanager
def under(prefix: str, progress: Progress) -> Iterator[Progress]:
    """Report a sub-step's stages as `prefix: stage`."""

    class _Prefixed:
        def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
            progress.advance(f"{prefix}: {stage}", done, total, **metrics)

        def checkpoint(self) -> None:
            progress.checkpoint()

    yield _Prefixed()
