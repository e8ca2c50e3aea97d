"""Training end to end on planted activations: it learns, it resumes bit for bit, it loses nothing."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mistudio.artifacts.atomic import WORK, partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.errors import (
    ArtifactBroken,
    ArtifactExists,
    BadInput,
    Cancelled,
    ConfigConflict,
    DiskFull,
    Diverged,
    EmptyCorpus,
)
from mistudio.progress import StopSwitch
from mistudio.sae.config import TopKConfig
from mistudio.sae.native_file import firing_share, load_sae
from mistudio.training import result as result_module
from mistudio.training import together as together_module
from mistudio.training.config import TrainConfig
from mistudio.training.layout import LOG
from mistudio.training.train import train
from tests.training.conftest import PlantedSource


class StopAfter:
    """A progress that stops the run after some training steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.switch = StopSwitch()

    def advance(self, stage: str, done: float, total: float | None, **metrics: float) -> None:
        if stage == "train":
            self.steps -= 1
            if self.steps == 0:
                self.switch.cancel()

    def checkpoint(self) -> None:
        self.switch.checkpoint()


def lines_of(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def assert_same_training(left: Path, right: Path) -> None:
    ours, theirs = load_sae(left), load_sae(right)
    for name, tensor in ours.weights.tensors().items():
        assert torch.equal(tensor, theirs.weights.tensors()[name]), name
    assert lines_of(left) == lines_of(right)
    assert (left / "sparsity.safetensors").read_bytes() == (right / "sparsity.safetensors").read_bytes()


@pytest.fixture
def uninterrupted(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> Path:
    return train(source, config, tmp_path / "uninterrupted").path


@pytest.mark.slow
def test_the_planted_directions_are_recovered(tmp_path: Path) -> None:
    source = PlantedSource(n_tokens=60_000)
    config = TrainConfig(
        sae=TopKConfig(k=3, d_sae=96, aux_k=32), tokens=600_000, batch_size=512, buffer_tokens=8192, lr=2e-3,
        dead_after_tokens=20_000,
    )  # fmt: skip
    sae = load_sae(train(source, config, tmp_path / "sae").path)
    best_F = (source.directions_FD @ sae.W_dec_FD.T).max(dim=1).values
    assert float((best_F > 0.9).float().mean()) >= 0.95
    x_BD = source.acts_BD.float()
    fvu = float((x_BD - sae(x_BD)).pow(2).sum() / (x_BD - x_BD.mean(0)).pow(2).sum())
    assert fvu < 0.05


def test_the_artifact_says_what_was_done(uninterrupted: Path, config: TrainConfig) -> None:
    manifest = open_artifact(uninterrupted, Kind.SAE, deep=True).manifest
    assert manifest.config == config.model_dump(mode="json")
    assert manifest.metrics["tokens"] == 40 * 256
    assert manifest.metrics["l0"] <= 3
    assert set(manifest.files) >= {"cfg.json", "sae_weights.safetensors", "sparsity.safetensors", LOG}
    assert not (uninterrupted / WORK).exists()


def test_decoder_rows_have_norm_one_and_the_saved_sae_takes_raw_activations(
    uninterrupted: Path, source: PlantedSource
) -> None:
    sae = load_sae(uninterrupted)
    torch.testing.assert_close(sae.W_dec_FD.norm(dim=1), torch.ones(64))
    x_BD = source.acts_BD.float()
    fvu = float((x_BD - sae(x_BD)).pow(2).sum() / (x_BD - x_BD.mean(0)).pow(2).sum())
    assert fvu == pytest.approx(lines_of(uninterrupted)[-1]["fvu"], rel=0.2)


def test_the_firing_shares_sum_to_k(uninterrupted: Path) -> None:
    share_F = firing_share(uninterrupted)
    assert share_F is not None
    assert float(share_F.sum()) == pytest.approx(lines_of(uninterrupted)[-1]["l0"], rel=0.02)


@pytest.mark.parametrize("stop_after", [1, 10, 17, 39])
def test_a_resumed_training_is_bit_identical_to_an_uninterrupted_one(
    uninterrupted: Path, source: PlantedSource, config: TrainConfig, tmp_path: Path, stop_after: int
) -> None:
    out = tmp_path / "resumed"
    with pytest.raises(Cancelled):
        train(source, config, out, progress=StopAfter(stop_after))
    assert not out.exists()
    train(source, config, out)
    assert_same_training(uninterrupted, out)


def test_a_resume_with_dead_latents_is_bit_identical_too(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    config = config.model_copy(update={"dead_after_tokens": 600})
    train(source, config, tmp_path / "whole")
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "resumed", progress=StopAfter(20))
    train(source, config, tmp_path / "resumed")
    assert any(line["auxiliary_loss"] > 0 for line in lines_of(tmp_path / "whole"))
    assert_same_training(tmp_path / "whole", tmp_path / "resumed")


_KILLED = """
import sys, torch
from pathlib import Path
torch.set_num_threads(int(sys.argv[2]))
from tests.training.conftest import PlantedSource
from tests.training.test_train import SLOW_CONFIG
from mistudio.training.train import train
train(PlantedSource(), SLOW_CONFIG, Path(sys.argv[1]))
"""
SLOW_CONFIG = TrainConfig(
    sae=TopKConfig(k=3, d_sae=64), tokens=400 * 256, batch_size=256, buffer_tokens=2048, lr=1e-3, checkpoint_every=20
)


@pytest.mark.slow
def test_kill_9_loses_at_most_one_checkpoint_interval(source: PlantedSource, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", _KILLED, str(out), str(torch.get_num_threads())]
    process = subprocess.Popen(command, cwd=root)
    checkpoints = partial_of(out) / WORK / "checkpoints"
    deadline = time.monotonic() + 120
    while not list(checkpoints.glob("step-*")) and not out.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not out.exists(), "the run ended before it could be killed"
    train(source, SLOW_CONFIG, out)
    train(source, SLOW_CONFIG, tmp_path / "whole")
    assert_same_training(tmp_path / "whole", out)


def test_other_options_do_not_continue_an_unfinished_run(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "sae", progress=StopAfter(3))
    with pytest.raises(ConfigConflict, match="differs in: lr"):
        train(source, config.model_copy(update={"lr": 1e-4}), tmp_path / "sae")
    with pytest.raises(ConfigConflict, match="differs in: planted"):
        train(PlantedSource(seed=5), config, tmp_path / "sae")


def test_a_finished_sae_is_never_overwritten(uninterrupted: Path, source: PlantedSource, config: TrainConfig) -> None:
    with pytest.raises(ArtifactExists):
        train(source, config, uninterrupted)


def test_a_broken_checkpoint_is_named(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "sae", progress=StopAfter(12))
    (path,) = partial_of(tmp_path / "sae").glob(f"{WORK}/checkpoints/step-*/state.safetensors")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactBroken, match="checkpoint .* cannot be read"):
        train(source, config, tmp_path / "sae")


def test_a_full_disk_keeps_the_last_checkpoint(
    uninterrupted: Path, source: PlantedSource, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = together_module.save_checkpoint, []

    def fails_the_second_time(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(together_module, "save_checkpoint", fails_the_second_time)
    with pytest.raises(DiskFull, match="disk that holds"):
        train(source, config, tmp_path / "sae")
    monkeypatch.undo()
    train(source, config, tmp_path / "sae")
    assert_same_training(uninterrupted, tmp_path / "sae")


def test_fewer_tokens_than_a_batch_are_refused(config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(EmptyCorpus):
        train(PlantedSource(n_tokens=100), config, tmp_path / "sae")


def test_a_sample_that_is_not_finite_stops_the_run(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    source.acts_BD[::7] = float("inf")
    with pytest.raises(BadInput, match="infinite"):
        train(source, config, tmp_path / "sae")


def test_the_number_of_batches_does_not_depend_on_the_size_of_the_data(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    small = PlantedSource(n_tokens=700)
    manifest = train(small, config, tmp_path / "sae").manifest
    assert manifest.metrics["tokens"] == config.tokens


def test_a_run_that_dies_while_it_finishes_goes_on_from_its_last_checkpoint(
    uninterrupted: Path, source: PlantedSource, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(result_module, "seal", dies)
    with pytest.raises(KeyboardInterrupt):
        train(source, config, tmp_path / "sae")
    monkeypatch.undo()
    count = StopAfter(1000)
    train(source, config, tmp_path / "sae", progress=count)
    assert 1000 - count.steps == 10  # of 40: the last checkpoint was at 30
    assert_same_training(uninterrupted, tmp_path / "sae")


def test_a_run_that_diverges_leaves_nothing_that_would_diverge_again(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    source.acts_BD[4000] = float("inf")
    with pytest.raises(Diverged):
        train(source, config, tmp_path / "sae")
    assert not partial_of(tmp_path / "sae").exists()
    train(PlantedSource(), config.model_copy(update={"lr": 1e-4}), tmp_path / "sae")
