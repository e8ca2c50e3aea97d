"""Weights & Biases: where `wandb login` or its own settings say; with WANDB_MODE=offline into a folder here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb


class _WandB:
    def __init__(self, folder: Path, name: str, config: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(project="mistudio", name=name, dir=str(folder), config=dict(config), reinit="create_new")

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """See `MetricLogger`."""
        self._run.log(dict(metrics), step=step)

    def close(self) -> None:
        """See `MetricLogger`."""
        self._run.finish()


def open_logger(folder: Path, name: str, config: Mapping[str, Any]) -> _WandB:
    """A run of the project mistudio."""
    return _WandB(folder, name, config)
