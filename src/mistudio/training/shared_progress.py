"""Progress of several processes: the first speaks for all, and where one shall stop, all do."""

from __future__ import annotations

from mistudio.errors import Cancelled, Interrupted
from mistudio.progress import Progress
from mistudio.sae.collective import Ranks


class SharedProgress:
    """A `Progress` whose `checkpoint` stops all processes at the same place.

    Args:
        inner: this process's own.
        ranks: the processes; all of them meet at each checkpoint.
    """

    def __init__(self, inner: Progress, ranks: Ranks) -> None:
        self._inner, self._ranks = inner, ranks

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Let the first process report."""
        if self._ranks.rank == 0:
            self._inner.advance(stage, done, total, **metrics)

    def checkpoint(self) -> None:
        """Return, or stop where any process was asked to.

        Raises:
            Interrupted: this process or another one was asked to stop.
        """
        asked: Interrupted | None = None
        try:
            self._inner.checkpoint()
        except Interrupted as interrupted:
            asked = interrupted
        if self._ranks.total(0.0 if asked is None else 1.0) > 0:
            raise asked or Cancelled("Stopped with the other processes; what was finished is saved.")
