"""Transcoders are trained like SAEs: they learn the map, resume bit for bit, and take raw activations once saved."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from mistudio.activations.block import Part, parts_of
from mistudio.errors import BadInput, Cancelled
from mistudio.sae.collective import Alone, Mesh
from mistudio.sae.config import SaeConfig, TopKConfig
from mistudio.sae.native_file import load_sae
from mistudio.sae.registry import TRAININGS, trained
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from mistudio.training.config import TrainConfig
from mistudio.training.finalize import finalize
from mistudio.training.pair import PairScale
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import starting_pair
from mistudio.training.sweep import train_several
from mistudio.training.train import train
from mistudio.training.validation import measure
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


class Two(Alone):
    """This process and one that says the same."""

    size = 2


def config_of(architecture: str = "topk", *, skip: bool = False, aux_k: int = 32, **options: object) -> TrainConfig:
    sae = {"architecture": architecture, "k": 3, "d_sae": 96, "aux_k": aux_k, "target": "mlp_out", "skip": skip}
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
    pair = run.normalisation
    assert isinstance(pair, PairScale)
    assert pair.write / pair.read < 0.1, "the two sides differ in scale"
    at_scale_BC = pair.apply(acts_BC)
    x_BD, x_scaled_BD = acts_BC[:, :D_IN], at_scale_BC[:, :D_IN]
    torch.testing.assert_close(sae.encode(x_BD) * pair.write, scaled.encode(x_scaled_BD), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(sae(x_BD) * pair.write, scaled(x_scaled_BD), rtol=1e-3, atol=1e-3)


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


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_batch_in_parts_and_the_numbers_of_a_report_are_of_the_targets(accumulate: int) -> None:
    source = MappedSource()
    start = starting_pair(source.acts_BD, D_IN, "mean")
    run = TrainingRun(config_of(skip=True, accumulate=accumulate, aux_k=0), start, torch.device("cpu"))
    batch_BC = source.acts_BD[:256]
    before = measure(run, batch_BC)
    report = run.step(batch_BC, report=True)
    assert report is not None
    assert report.fvu == pytest.approx(before.fvu, rel=0.02), "rounding of the fast product aside"
    assert report.l0 == before.l0 == 3


def test_several_transcoders_learn_from_one_stream(tmp_path: Path) -> None:
    source, configs = MappedSource(), [config_of("topk", skip=True), config_of("batchtopk")]
    made = train_several(source, configs, tmp_path / "both")
    assert [load_sae(each.path).hooks for each in made] == [("mlp_in.1", "mlp_out.1")] * 2
    alone = train(source, configs[0], tmp_path / "alone")
    mine, own = load_sae(made[0].path), load_sae(alone.path)
    assert all(torch.equal(mine.weights.tensors()[name], own.weights.tensors()[name]) for name in own.weights.tensors())
    with pytest.raises(BadInput, match="have one target"):
        train_several(source, [configs[0], TrainConfig(sae=TopKConfig(k=3))], tmp_path / "mixed")


def test_it_is_validated_and_its_rate_is_found(tmp_path: Path) -> None:
    source = MappedSource(n_tokens=30_000)
    config = config_of(skip=True, lr="auto", tokens=400 * 256, validation={"validate_every": 100})
    artifact = train(source, config, tmp_path / "a")
    assert artifact.manifest.metrics["learning_rate_search"]["searched"]
    lines = [json.loads(line) for line in (artifact.path / "validation.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [100, 200, 300, 400]
    assert lines[-1]["fvu"] == pytest.approx(fvu(artifact.path, source), rel=0.5)


def test_an_interrupted_one_is_finalized_as_a_transcoder(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        train(MappedSource(), config_of(), tmp_path / "run", progress=StopAfter(7))
    sae = load_sae(finalize(tmp_path / "run", tmp_path / "made").path)
    assert (sae.config.architecture, sae.hooks) == ("topk_transcoder", ("mlp_in.1", "mlp_out.1"))


@pytest.mark.parametrize(
    "options", [{"normalisation": "whiten"}, {"normalisation": "layer_norm"}, {"revive": "resample"}]
)
def test_what_would_mix_input_and_target_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="With a target, "):
        config_of(**options)


def test_several_processes_are_refused() -> None:
    start = starting_pair(MappedSource().acts_BD, D_IN, "mean")
    mesh = Mesh(everyone=Two(), tokens=Two())
    with pytest.raises(BadInput, match="by a single process only"):
        TrainingRun(config_of(), start, torch.device("cpu"), mesh)
