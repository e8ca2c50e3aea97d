"""What a tracker of experiments must do, and which ones there are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from mistudio.errors import BadInput

LoggerName = Literal["tensorboard", "wandb", "mlflow"]
LOGGERS: dict[LoggerName, str] = {
    "tensorboard": "mistudio.training.loggers.tensorboard",
    "wandb": "mistudio.training.loggers.wandb",
    "mlflow": "mistudio.training.loggers.mlflow",
}
"""The module of each: its `open_logger(folder, name, config)` begins a run, or goes on with it."""


@runtime_checkable
class MetricLogger(Protocol):
    """Takes the numbers of one training run."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keep the numbers of a step; steps come in ascending order."""

    def close(self) -> None:
        """Write what is still in memory."""


def open_logger(which: str, folder: Path, name: str, config: Mapping[str, Any]) -> MetricLogger:
    """Begin to log a run.

    Args:
        which: tensorboard, wandb or mlflow.
        folder: where the tracker's files go; made if missing. wandb and mlflow go where their own settings say, if
            these name a server.
        name: of the run.
        config: how it is trained.

    Raises:
        BadInput: there is no such logger, or its package is not installed.
    """
    if which not in LOGGERS:
        raise BadInput(f"There is no logger {which}.", remedy=f"Choose one of {', '.join(LOGGERS)}.")
    try:
        module = import_module(LOGGERS[which])
    except ImportError as error:
        raise BadInput(
            f"{which} cannot be loaded: {error}.", remedy=f"Install it: pip install 'mistudio[{which}]'."
        ) from error
    logger: MetricLogger = module.open_logger(folder, name, config)
    return logger
