"""Pass a training's numbers on to trackers, by reading the lines that it writes to training.jsonl anyway.

So trackers see exactly what a training says of itself, whoever runs it, and cannot change it: what they need is read
between two steps. After a resume steps that were passed on before are not passed on again in the same process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mistudio.artifacts.atomic import partial_of
from mistudio.progress import Progress, Silent
from mistudio.training.config import TrainConfig
from mistudio.training.layout import LOG
from mistudio.training.loggers.protocol import MetricLogger, open_logger

_FOLDER = "logs"
"""Where trackers' own files go, beside the SAE."""


@contextmanager
def logged(
    progress: Progress | None, out: Path | str, config: TrainConfig, loggers: Sequence[str]
) -> Iterator[Progress]:
    """A `Progress` for `train` that also passes the run's numbers on.

    Args:
        progress: told and asked as without loggers.
        out: the directory that `train` is given.
        config: the run.
        loggers: tensorboard, wandb, mlflow. Their files go to `logs` beside `out`.

    Raises:
        BadInput: there is no such logger, or its package is not installed.
    """
    progress, out = progress or Silent(), Path(out)
    opened: list[MetricLogger] = []
    try:
        for which in loggers:
            folder = out.absolute().parent / _FOLDER / which
            opened.append(open_logger(which, folder, out.name, config.model_dump(mode="json")))
        follower = LogFollower(progress, out, opened)
        yield follower if opened else progress
        follower.read()
    finally:
        for logger in opened:
            logger.close()


class LogFollower:
    """A `Progress` that reads new lines of a run's training.jsonl whenever it is told something."""

    def __init__(self, inner: Progress, out: Path, loggers: Sequence[MetricLogger]) -> None:
        self._inner, self._out, self._loggers = inner, out, loggers
        self._last = -1
        self._size = 0

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        """Pass it on, and what is new in the log."""
        self.read()
        self._inner.advance(stage, done, total, **metrics)

    def checkpoint(self) -> None:
        """As the inner one."""
        self._inner.checkpoint()

    def read(self) -> None:
        """Pass the lines on whose steps were not passed on yet."""
        for file in (self._out / LOG, partial_of(self._out) / LOG):
            if file.is_file():
                break
        else:
            return
        size = file.stat().st_size
        if size == self._size:
            return
        with file.open("rb") as opened:
            opened.seek(self._size if size > self._size else 0)  # A shorter one was cut back to a checkpoint.
            lines = opened.read().split(b"\n")
        self._size = size - len(lines[-1])
        for line in filter(None, lines[:-1]):
            content = json.loads(line)
            step = int(content.pop("step"))
            if step > self._last:
                self._last = step
                numbers = {name: float(value) for name, value in content.items() if isinstance(value, int | float)}
                for logger in self._loggers:
                    logger.log(step, numbers)
