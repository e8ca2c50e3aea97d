"""TensorBoard: event files that `tensorboard --logdir FOLDER` shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class _TensorBoard:
    def __init__(self, folder: Path, config: Mapping[str, Any]) -> None:
        self._writer = SummaryWriter(str(folder))
        self._writer.add_text("config", f"```json\n{json.dumps(config, indent=2)}\n```")

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """See `MetricLogger`."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """See `MetricLogger`."""
        self._writer.close()


def open_logger(folder: Path, name: str, config: Mapping[str, Any]) -> _TensorBoard:
    """Event files in a folder of the run's name."""
    return _TensorBoard(folder / name, config)
