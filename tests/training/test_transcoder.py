"""Transcoders are trained like SAEs: they learn the map, resume bit for bit, and take raw activations once saved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from mistudio.activations.block import Part, parts_of
from mistudio.errors import BadInput, Cancelled
from mistudio.sae.config import SaeConfig
from mistudio.sae.native_file import load_sae
from mistudio.sae.registry import TRAININGS, trained
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from mistudio.training.config import TrainConfig
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import starting_pair
from mistudio.training.train import train
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training

D_IN, D_OUT = 32, 20


@dataclass
class MappedSource(PlantedSource):
    """Planted sums on one side, and on the other a map of them: linear, or of which directions there are."""

    linear: bool = False
    hook: str = "mlp_in.1+mlp_out.1"

    def __post_init__(self) -> None:
        super().__post_init__()
        generator = torch.Generator().manual_seed(9)
        x_BD = self.acts_BD.float()
        if self.linear:
            y_BE = x_BD @ torch.randn((D_IN, D_OUT), generator=generator) + 3.0
        else:
            coordinates_BF = (x_BD @ torch.linalg.pinv(self.directions_FD) - 0.4).relu()
            y_BE = coordinates_BF @ torch.randn((self.n_directions, D_OUT), generator=generator) * 50
        self.acts_BD = torch.cat([x_BD * 0.01, y_BE], 1)
        self.d_in = D_IN + D_OUT

    @property
    def parts(self) -> tuple[Part, ...]:
        return parts_of({"mlp_in.1": D_IN, "mlp_out.1": D_OUT})


def config_of(architecture: str = "topk", *, skip: bool = False, **options: object) -> TrainConfig:
    sae = {"architecture": architecture, "k": 3, "d_sae": 96, "aux_k": 32, "target": "mlp_out", "skip": skip}
    own = {"tokens": 20 * 256, "batch_size": 256, "buffer_tokens": 2048, "lr": 3e-3, "warmup_steps": 5}
    return TrainConfig.model_validate({"sae": sae} | own | options)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("architecture", TRAININGS)
def test_raw_activations_give_what_scaled_ones_gave(architecture: str, skip: bool) -> None:
    acts_BC = MappedSource().acts_BD
    run = TrainingRun(config_of(architecture, skip=skip), starting_pair(acts_BC, D_IN, "mean"), torch.device("cpu"))
    for start in range(0, 2048, 256):
        run.step(acts_BC[start : start + 256], report=False)

    def made(config: SaeConfig, weights: Weights) -> SparseAutoencoder:
        return SparseAutoencoder(config, weights, hook="mlp_in.1", hook_out="mlp_out.1", model_name="none")

    sae, scaled = made(*run.result()), made(*trained(run.config.sae, run.weights, run._step.kept))
    assert run.pair is not None
    assert float(run.pair.write / run.pair.read) < 0.1, "the two sides differ in scale"
    at_scale_BC = run.pair.apply(acts_BC)
    x_BD, x_scaled_BD = acts_BC[:, :D_IN], at_scale_BC[:, :D_IN]
    torch.testing.assert_close(sae.encode(x_BD) * run.pair.write, scaled.encode(x_scaled_BD), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(sae(x_BD) * run.pair.write, scaled(x_scaled_BD), rtol=1e-3, atol=1e-3)


def fvu(path: Path, source: MappedSource) -> float:
    x_BD, y_BE = source.acts_BD.split([D_IN, D_OUT], 1)
    return float((load_sae(path)(x_BD) - y_BE).pow(2).sum() / (y_BE - y_BE.mean(0)).pow(2).sum())


def test_it_learns_the_map_and_says_how_well(tmp_path: Path) -> None:
    source = MappedSource(n_tokens=30_000)
    artifact = train(source, config_of(tokens=500 * 512, batch_size=512, warmup_steps=20), tmp_path / "a")
    sae = load_sae(artifact.path)
    assert (sae.config.architecture, sae.hooks) == ("topk_transcoder", ("mlp_in.1", "mlp_out.1"))
    assert (sae.d_in, sae.d_out) == (D_IN, D_OUT)
    assert fvu(artifact.path, source) < 0.2
    assert artifact.manifest.metrics["fvu"] == pytest.approx(fvu(artifact.path, source), abs=0.05)


def test_a_skip_connection_takes_what_is_linear_and_begins_at_zero(tmp_path: Path) -> None:
    source = MappedSource(linear=True)
    start = starting_pair(source.acts_BD, D_IN, "mean")
    run = TrainingRun(config_of("batchtopk", skip=True), start, torch.device("cpu"))
    assert not bool(run.weights.more["W_skip_ED"].any())
    with_skip = train(source, config_of(skip=True, tokens=300 * 256), tmp_path / "skip")
    without = train(source, config_of(tokens=300 * 256), tmp_path / "none")
    assert fvu(with_skip.path, source) < 0.02 < fvu(without.path, source)
    assert load_sae(with_skip.path).config.architecture == "topk_skip_transcoder"


@pytest.mark.parametrize("stop_after", [1, 7])
@pytest.mark.parametrize("architecture", ["topk", "gated"])
def test_a_resumed_training_is_bit_identical(architecture: str, stop_after: int, tmp_path: Path) -> None:
    source = MappedSource()
    config = config_of(architecture, skip=True, dead_after_tokens=600, checkpoint_every=4, log_every=4)
    train(source, config, tmp_path / "whole")
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "resumed", progress=StopAfter(stop_after))
    train(source, config, tmp_path / "resumed")
    assert_same_training(tmp_path / "whole", tmp_path / "resumed")


def test_a_source_of_other_hook_points_is_refused(tmp_path: Path, source: PlantedSource) -> None:
    with pytest.raises(BadInput, match=r"mlp_out\.1 is to be reconstructed from resid_post\.1"):
        train(source, config_of(), tmp_path / "a")
    same = config_of().model_copy(update={"sae": config_of().sae.model_copy(update={"target": "mlp_in.1"})})
    with pytest.raises(BadInput, match="holds the same activations"):
        train(MappedSource(), same, tmp_path / "a")
