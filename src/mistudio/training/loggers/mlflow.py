"""MLflow: the server that MLFLOW_TRACKING_URI names, or files in a folder here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.tracking import is_tracking_uri_set
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME

_EXPERIMENT = "mistudio"
_LONGEST = 6000
"""Most characters in a parameter's value."""


class _MLflow:
    def __init__(self, folder: Path, name: str, config: Mapping[str, Any]) -> None:
        if is_tracking_uri_set():
            self._client = MlflowClient()
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self._client = MlflowClient(f"sqlite:///{folder.absolute() / 'mlflow.db'}")
        found = self._client.get_experiment_by_name(_EXPERIMENT)
        experiment = found.experiment_id if found else self._client.create_experiment(_EXPERIMENT)
        self._run = self._client.create_run(experiment, tags={MLFLOW_RUN_NAME: name}).info.run_id
        for field, value in config.items():
            self._client.log_param(self._run, field, str(value)[:_LONGEST])

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """See `MetricLogger`."""
        for name, value in metrics.items():
            self._client.log_metric(self._run, name, value, step=step)

    def close(self) -> None:
        """See `MetricLogger`."""
        self._client.set_terminated(self._run)


def open_logger(folder: Path, name: str, config: Mapping[str, Any]) -> _MLflow:
    """A run of the experiment mistudio."""
    return _MLflow(folder, name, config)
