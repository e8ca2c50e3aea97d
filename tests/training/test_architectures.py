"""What every architecture that can be trained must do: learn, resume bit for bit, and be saved as what it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mistudio.errors import Cancelled
from mistudio.sae.native_file import load_sae
from mistudio.sae.registry import TRAININGS
from mistudio.training.config import TrainConfig
from mistudio.training.train import train
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training, lines_of

each_architecture = pytest.mark.parametrize("architecture", TRAININGS)


def config_of(architecture: str, **options: object) -> TrainConfig:
    sae = TRAININGS[architecture].config.model_validate({"k": 3, "d_sae": 96, "aux_k": 32})
    return TrainConfig.model_validate({"sae": sae.model_dump(), "batch_size": 512, "buffer_tokens": 8192} | options)


@pytest.mark.slow
@each_architecture
def test_planted_directions_are_recovered_and_the_saved_sae_is_as_sparse_as_asked(
    architecture: str, tmp_path: Path
) -> None:
    source = PlantedSource(n_tokens=60_000)
    config = config_of(architecture, tokens=600_000, lr=2e-3, dead_after_tokens=20_000)
    # An L1 penalty that presses below what the data needs shrinks every activation instead.
    config = config.model_copy(
        update={"sae": config.sae.model_copy(update={"k": 6 if architecture == "standard" else 3})}
    )
    sae = load_sae(train(source, config, tmp_path / "sae").path)
    best_F = (source.directions_FD @ sae.W_dec_FD.T).max(dim=1).values
    assert float((best_F > 0.9).float().mean()) >= 0.95
    x_BD = source.acts_BD.float()
    assert float((x_BD - sae(x_BD)).pow(2).sum() / (x_BD - x_BD.mean(0)).pow(2).sum()) < (
        0.1 if architecture == "standard" else 0.05
    )
    # Of three planted directions a token not all are always wanted.
    l0 = float((sae.encode_sparse(x_BD).values_BK > 0).sum() / len(x_BD))
    assert l0 == pytest.approx(lines_of(tmp_path / "sae")[-1]["l0"], rel=0.1)


@each_architecture
@pytest.mark.parametrize("stop_after", [1, 10, 17])
def test_a_resumed_training_is_bit_identical(
    architecture: str, stop_after: int, source: PlantedSource, tmp_path: Path
) -> None:
    config = config_of(
        architecture, tokens=20 * 256, batch_size=256, buffer_tokens=2048, lr=3e-3, warmup_steps=5,
        dead_after_tokens=600, checkpoint_every=4,
    )  # fmt: skip
    train(source, config, tmp_path / "whole")
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "resumed", progress=StopAfter(stop_after))
    train(source, config, tmp_path / "resumed")
    assert_same_training(tmp_path / "whole", tmp_path / "resumed")


def test_batchtopk_is_saved_as_a_jumprelu_with_one_threshold(source: PlantedSource, tmp_path: Path) -> None:
    config = config_of("batchtopk", tokens=20 * 256, batch_size=256, buffer_tokens=2048)
    sae = load_sae(train(source, config, tmp_path / "sae").path)
    assert sae.config.architecture == "jumprelu"
    assert sae.metadata["training_architecture"] == "batchtopk"
    threshold_F = sae.weights.more["threshold_F"]
    assert bool((threshold_F == threshold_F[0]).all())
    assert float(threshold_F[0]) > 0
    torch.testing.assert_close(sae.W_dec_FD.norm(dim=1), torch.ones(96))
