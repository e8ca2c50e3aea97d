"""Trackers get what a training writes to training.jsonl, each line once; the real packages keep it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from mistudio.activations.stream import RecordedSource
from mistudio.artifacts.atomic import partial_of
from mistudio.errors import BadInput
from mistudio.progress import Silent
from mistudio.sae.config import TopKConfig
from mistudio.training.config import TrainConfig
from mistudio.training.layout import LOG
from mistudio.training.loggers.follow import LogFollower, logged
from mistudio.training.loggers.protocol import LOGGERS, open_logger
from mistudio.training.train import train
from tests.made_up_recording import made_up_recording

SMALL = TrainConfig(
    sae=TopKConfig(k=3, expansion=2.0, aux_k=8), tokens=2048, batch_size=128, buffer_tokens=1024, log_every=4
)


class Kept:
    def __init__(self) -> None:
        self.lines: list[tuple[int, dict[str, float]]] = []
        self.closed = False

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self.lines.append((step, dict(metrics)))

    def close(self) -> None:
        self.closed = True


def _needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(package) is None, reason=f"{package} is not installed: an extra of its name")


def test_every_line_of_a_training_is_passed_on_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept()
    monkeypatch.setattr("mistudio.training.loggers.follow.open_logger", lambda *_: kept)
    source = RecordedSource(made_up_recording(tmp_path / "acts", d=16, tokens=2048).path)
    with logged(None, tmp_path / "sae", SMALL, ("tensorboard",)) as progress:
        train(source, SMALL, tmp_path / "sae", progress=progress)
    written = [json.loads(line) for line in (tmp_path / "sae" / LOG).read_text().splitlines()]
    assert [step for step, _ in kept.lines] == [line["step"] for line in written]
    assert kept.lines[-1][1]["fvu"] == written[-1]["fvu"]
    assert kept.closed


def test_a_log_that_was_cut_back_to_a_checkpoint_is_not_passed_on_twice(tmp_path: Path) -> None:
    kept, log = Kept(), partial_of(tmp_path / "sae") / LOG
    follower = LogFollower(Silent(), tmp_path / "sae", [kept])
    follower.advance("train", 0, 1)
    log.parent.mkdir()
    lines = [json.dumps({"step": step, "fvu": 1 / (1 + step), "tokens": step}) + "\n" for step in range(4)]
    for content in (lines[0] + lines[1][:9], "".join(lines[:3]), lines[0], "".join(lines)):
        log.write_text(content)
        follower.advance("train", 0, 1)
    assert [step for step, _ in kept.lines] == [0, 1, 2, 3]
    assert kept.lines[1][1] == {"fvu": 0.5, "tokens": 1.0}


def test_without_loggers_progress_is_the_given_one(tmp_path: Path) -> None:
    silent = Silent()
    with logged(silent, tmp_path / "sae", SMALL, ()) as progress:
        assert progress is silent


def test_a_logger_that_is_not_known_or_not_installed_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadInput, match="There is no logger paper") as unknown:
        open_logger("paper", tmp_path, "run", {})
    assert unknown.value.remedy == "Choose one of tensorboard, wandb, mlflow."
    monkeypatch.setitem(LOGGERS, "wandb", "mistudio_no_such_package")
    with pytest.raises(BadInput, match="wandb cannot be loaded") as missing:
        open_logger("wandb", tmp_path, "run", {})
    assert missing.value.remedy == "Install it: pip install 'mistudio[wandb]'."


@pytest.mark.filterwarnings("ignore")
@_needs("tensorboard")
def test_tensorboard_reads_the_numbers_back(tmp_path: Path) -> None:
    logger = open_logger("tensorboard", tmp_path, "run", {"k": 3})
    logger.log(1, {"fvu": 0.5})
    logger.log(2, {"fvu": 0.25})
    logger.close()
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("fvu")] == [(1, 0.5), (2, 0.25)]


@pytest.mark.filterwarnings("ignore")
@_needs("mlflow")
def test_mlflow_keeps_numbers_and_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    logger = open_logger("mlflow", tmp_path, "run", {"k": 3})
    logger.log(1, {"fvu": 0.5})
    logger.log(2, {"fvu": 0.25})
    logger.close()
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("mistudio")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.data.params == {"k": "3"}
    assert [each.value for each in client.get_metric_history(run.info.run_id, "fvu")] == [0.5, 0.25]
    assert run.info.status == "FINISHED"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@_needs("wandb")
def test_wandb_writes_a_run_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    logger = open_logger("wandb", tmp_path, "run", {"k": 3})
    logger.log(1, {"fvu": 0.5})
    logger.close()
    # Its service would live as long as this process, with sockets that nobody closes.
    import_module("wandb").teardown()
    (file,) = tmp_path.rglob("run-*.wandb")
    assert b"fvu" in file.read_bytes()
