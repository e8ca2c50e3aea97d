"""An SAE can be made of any checkpoint of an unfinished run, and the run does not notice."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mistudio.activations.config import StreamConfig
from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.artifacts.atomic import partial_of
from mistudio.artifacts.kinds import Kind
from mistudio.artifacts.manifest import open_artifact
from mistudio.errors import ArtifactExists, BadInput, Cancelled, NotAllowedNow, NotFound
from mistudio.sae.native_file import firing_share, load_sae
from mistudio.sae.registry import TRAININGS
from mistudio.sae.weights import Weights
from mistudio.training.config import TrainConfig, ValidationConfig
from mistudio.training.finalize import finalize
from mistudio.training.layout import LOG, checkpoints_of, latest_checkpoint, step_of
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import starting_point
from mistudio.training.sweep import train_several
from mistudio.training.train import train
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training, lines_of


def steps_saved(run: Path) -> list[int]:
    return [step_of(each) for each in checkpoints_of(partial_of(run))]


@pytest.fixture
def stopped(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> Path:
    """A run that was stopped at step 33 of 40."""
    config = config.model_copy(update={"keep_checkpoints": 3})
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "run", progress=StopAfter(33))
    return tmp_path / "run"


def by_hand(source: PlantedSource, config: TrainConfig, steps: int) -> tuple[Weights, torch.Tensor]:
    """What a run of so many steps has learned."""
    stream = ShuffledStream(
        source, StreamConfig(buffer_tokens=config.buffer_tokens, batch_size=config.batch_size, seed=config.seed)
    )
    run = TrainingRun(config, starting_point(source.sample(20_000), config.b_dec_start), torch.device("cpu"))
    for _ in range(steps):
        run.step(stream.next_batch().acts_BD, report=False)
    return run.result()[1], run.firing.firing_share_F()


def test_the_newest_checkpoints_are_kept(stopped: Path) -> None:
    assert steps_saved(stopped) == [20, 30, 33]


def test_one_checkpoint_is_kept_where_nothing_is_said(
    source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "run", progress=StopAfter(33))
    assert steps_saved(tmp_path / "run") == [33]


@pytest.mark.parametrize("step", [20, 33, None])
def test_the_sae_of_a_checkpoint_is_that_of_a_run_at_its_step(
    stopped: Path, source: PlantedSource, config: TrainConfig, tmp_path: Path, step: int | None
) -> None:
    artifact = finalize(stopped, tmp_path / "sae", step=step, device="cpu")
    weights, share_F = by_hand(source, config, step or 33)
    sae = load_sae(artifact.path)
    for name, tensor in sae.weights.tensors().items():
        assert torch.equal(tensor, weights.tensors()[name]), name
    saved_F = firing_share(artifact.path)
    assert saved_F is not None
    torch.testing.assert_close(saved_F, share_F, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("architecture", sorted(TRAININGS))
def test_the_sae_of_any_architecture_can_be_made_and_loaded(
    source: PlantedSource, config: TrainConfig, tmp_path: Path, architecture: str
) -> None:
    sae = TRAININGS[architecture].config.model_validate({"k": 3, "d_sae": 64, "aux_k": 16})
    config = config.model_copy(update={"sae": sae})
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "run", progress=StopAfter(13))
    made = load_sae(finalize(tmp_path / "run", tmp_path / "sae", device="cpu").path)
    weights, _ = by_hand(source, config, 13)
    for name, tensor in made.weights.tensors().items():
        assert torch.equal(tensor, weights.tensors()[name]), name


def test_the_manifest_says_that_the_run_was_not_finished_and_where_it_was(stopped: Path, tmp_path: Path) -> None:
    path = finalize(stopped, tmp_path / "sae", step=20).path
    manifest = open_artifact(path, Kind.SAE, deep=True).manifest
    told = {name: manifest.metrics[name] for name in ("finished", "taken_at_step", "taken_at_tokens", "of_steps")}
    assert told == {"finished": False, "taken_at_step": 20, "taken_at_tokens": 20 * 256, "of_steps": 40}
    assert load_sae(path).metadata["training_tokens"] == 20 * 256
    assert lines_of(path)[-1]["step"] == 17, "the newest line before it"


def test_the_run_goes_on_as_if_nothing_had_been_made_of_it(
    stopped: Path, source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    before = {each: each.read_bytes() for each in partial_of(stopped).rglob("*") if each.is_file()}
    finalize(stopped, tmp_path / "sae")
    assert {each: each.read_bytes() for each in partial_of(stopped).rglob("*") if each.is_file()} == before
    train(source, config.model_copy(update={"keep_checkpoints": 3}), stopped)
    assert_same_training(train(source, config, tmp_path / "whole").path, stopped)
    assert open_artifact(stopped).manifest.metrics["finished"]


def test_the_run_may_be_named_by_its_hidden_folder_or_a_checkpoint(stopped: Path, tmp_path: Path) -> None:
    newest = latest_checkpoint(partial_of(stopped))
    assert newest is not None
    for number, name in enumerate((stopped, partial_of(stopped), newest)):
        assert finalize(name, tmp_path / str(number)).manifest.metrics["taken_at_step"] == 33


def test_what_cannot_be_finalized_is_refused(
    stopped: Path, source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="where an unfinished run will put"):
        finalize(stopped, stopped)
    with pytest.raises(NotFound, match="No unfinished run is at"):
        finalize(tmp_path / "nowhere", tmp_path / "sae")
    with pytest.raises(NotFound, match="no checkpoint of step 7"):
        finalize(stopped, tmp_path / "sae", step=7)
    (tmp_path / "there").mkdir()
    with pytest.raises(ArtifactExists):
        finalize(stopped, tmp_path / "there")
    finished = train(source, config, tmp_path / "finished").path
    with pytest.raises(NotAllowedNow, match="is finished"):
        finalize(finished, tmp_path / "sae")
    assert (partial_of(stopped) / LOG).exists()


def test_a_run_that_has_not_trained_yet_is_refused(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    progress = StopAfter(1)
    progress.switch.cancel()
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "run", progress=progress)
    with pytest.raises((NotAllowedNow, NotFound)):
        finalize(tmp_path / "run", tmp_path / "sae")


def test_a_member_of_a_sweep_can_be_finalized(source: PlantedSource, config: TrainConfig, tmp_path: Path) -> None:
    validation = ValidationConfig(validate_every=4, validation_tokens=300, keep_best=True)
    config = config.model_copy(update={"validation": validation})
    configs = [config, config.model_copy(update={"lr": 1e-3})]
    with pytest.raises(Cancelled):
        train_several(source, configs, tmp_path / "sweep", progress=StopAfter(23))
    with pytest.raises(NotFound, match="holds several"):
        finalize(tmp_path / "sweep", tmp_path / "sae")
    with pytest.raises(Cancelled):
        train(source, configs[1], tmp_path / "alone", progress=StopAfter(23))
    (name,) = (path.name for path in partial_of(tmp_path / "sweep").iterdir() if "0.001" in path.name)
    for best in (False, True):
        made = finalize(tmp_path / "sweep", tmp_path / f"made-{best}", member=name, best=best, device="cpu")
        same = finalize(tmp_path / "alone", tmp_path / f"same-{best}", best=best, device="cpu")
        assert_same_training(made.path, same.path)
        assert made.manifest.metrics["taken_at_step"] == same.manifest.metrics["taken_at_step"]
