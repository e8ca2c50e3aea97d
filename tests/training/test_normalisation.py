"""What is done to activations before training: what it makes of them, and that the saved SAE needs none of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mistudio.errors import BadInput, Cancelled, EmptyCorpus
from mistudio.sae.native_file import load_sae
from mistudio.sae.registry import ARCHITECTURES
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from mistudio.training.config import TrainConfig
from mistudio.training.normalisation import (
    NORMALISATIONS,
    RIDGE,
    LayerNorm,
    Normalisation,
    NormalisationName,
    Scale,
    Whitening,
)
from mistudio.training.train import train
from tests.training.conftest import PlantedSource
from tests.training.test_train import StopAfter, assert_same_training, lines_of

each = pytest.mark.parametrize("name", NORMALISATIONS)


@pytest.fixture
def sample_BD() -> Tensor:
    """Correlated, off centre, of very unequal directions."""
    generator = torch.Generator().manual_seed(0)
    mixing_DD = torch.randn((12, 12), generator=generator) * torch.logspace(0, -1.5, 12)
    return torch.randn((3000, 12), generator=generator) @ mixing_DD * 7 + 3


def sae_of(architecture: str, **options: object) -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(1)
    W_enc_FD, W_dec_FD = torch.randn((2, 60, 12), generator=generator)
    b_enc_F, b_dec_D = torch.randn(60, generator=generator), torch.randn(12, generator=generator)
    chosen = ARCHITECTURES[architecture]
    more = {tensor: torch.rand(60, generator=generator) for tensor in chosen.tensors}
    weights = Weights(W_enc_FD, b_enc_F, W_dec_FD / W_dec_FD.norm(dim=1, keepdim=True), b_dec_D, more)
    config = chosen.config.model_validate({"k": 5} if architecture == "topk" else {})
    return SparseAutoencoder(config, weights, hook="resid_post.1", model_name="tiny", **options)  # type: ignore[arg-type]


def folded(sae: SparseAutoencoder, by: Normalisation) -> SparseAutoencoder:
    weights = by.fold(sae.weights, each_row=not ARCHITECTURES[sae.config.architecture].compares)
    return SparseAutoencoder(
        sae.config, weights, hook=sae.hook, model_name="", normalisation="layer_norm" if by.outside else "none"
    )


@each
@pytest.mark.parametrize("architecture", [name for name, each in ARCHITECTURES.items() if not each.transcodes])
def test_the_folded_sae_does_for_raw_activations_what_the_trained_one_does_for_normalised_ones(
    name: NormalisationName, architecture: str, sample_BD: Tensor
) -> None:
    by = NORMALISATIONS[name].of(sample_BD)
    x_BD = sample_BD[:200]
    z_BD = by.apply(x_BD)
    trained = sae_of(architecture)
    ready = folded(trained, by)
    assert torch.equal(ready.encode(x_BD) > 0, trained.encode(z_BD) > 0)
    torch.testing.assert_close(ready(x_BD), by.undo(trained(z_BD), x_BD), rtol=1e-4, atol=1e-3)
    mean_norm = float(ready.W_dec_FD.norm(dim=1).mean())
    assert mean_norm == pytest.approx(1.0, rel=1e-4)
    if architecture != "topk":
        torch.testing.assert_close(ready.W_dec_FD.norm(dim=1), torch.ones(60))


@each
def test_undoing_gives_back_what_was_normalised(name: NormalisationName, sample_BD: Tensor) -> None:
    by = NORMALISATIONS[name].of(sample_BD)
    torch.testing.assert_close(by.undo(by.apply(sample_BD), sample_BD), sample_BD, rtol=1e-4, atol=1e-3)
    again = NORMALISATIONS[name].restored(by.tensors())
    assert torch.equal(again.apply(sample_BD), by.apply(sample_BD))


def test_inputs_and_targets_have_one_each(sample_BD: Tensor) -> None:
    inputs, targets = Whitening.of(sample_BD), Scale.of(sample_BD * 100)
    generator = torch.Generator().manual_seed(2)
    W_enc_FD, W_dec_FD = torch.randn((2, 60, 12), generator=generator)
    bias_D, x_BD = torch.randn(12, generator=generator), sample_BD[:50]
    read_FD, origin_D = inputs.reads(W_enc_FD, torch.zeros(12))
    written_FD, b_D = targets.writes(W_dec_FD, bias_D)
    trained = targets.undo((inputs.apply(x_BD) @ W_enc_FD.T).relu() @ W_dec_FD + bias_D, x_BD)
    torch.testing.assert_close(((x_BD - origin_D) @ read_FD.T).relu() @ written_FD + b_D, trained, rtol=1e-3, atol=1e-1)


def test_whitened_activations_have_variance_one_in_every_direction_but_quiet_ones(sample_BD: Tensor) -> None:
    z_BD = Whitening.of(sample_BD).apply(sample_BD)
    variance_D = torch.linalg.eigvalsh(z_BD.T.cov())
    own_D = torch.linalg.eigvalsh(sample_BD.T.cov())
    torch.testing.assert_close(variance_D, own_D / (own_D + RIDGE * own_D.mean()), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(z_BD.mean(0), torch.zeros(12), rtol=0, atol=1e-3)


def test_layer_norm_gives_each_token_mean_0_and_deviation_1(sample_BD: Tensor) -> None:
    z_BD = LayerNorm().apply(sample_BD)
    torch.testing.assert_close(z_BD.mean(1), torch.zeros(3000), rtol=0, atol=1e-5)
    torch.testing.assert_close(z_BD.std(1), torch.ones(3000), rtol=0, atol=1e-3)


def test_an_sae_with_layer_norm_wants_the_activations_beside_the_code(sample_BD: Tensor) -> None:
    sae, x_BD = sae_of("topk", normalisation="layer_norm"), sample_BD[:9]
    with pytest.raises(BadInput, match="depends on the token"):
        sae.decode(sae.encode(x_BD))
    torch.testing.assert_close(sae.decode(sae.encode(x_BD), x_BD), sae(x_BD))
    code = sae.contributions(x_BD)
    sums_BD = torch.einsum("bk,bkd->bd", code.values_BK, sae.W_dec_FD[code.latents_BK])
    of_bias_BD = sae.gain(x_BD) * sae.b_dec_D + x_BD.mean(1, keepdim=True)
    torch.testing.assert_close(sums_BD + of_bias_BD, sae(x_BD), rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", NORMALISATIONS.values())
def test_samples_that_say_nothing_are_refused(kind: type[Normalisation]) -> None:
    with pytest.raises(EmptyCorpus, match="zero"):
        kind.of(torch.zeros((10, 4)))
    with pytest.raises(BadInput, match="infinite"):
        kind.of(torch.full((10, 4), torch.inf))


def test_there_is_nothing_to_whiten_where_all_tokens_are_the_same() -> None:
    with pytest.raises(BadInput, match="nothing to whiten"):
        Whitening.of(torch.full((10, 4), 2.5))


@each
@pytest.mark.parametrize("architecture", ["topk", "jumprelu"])
def test_a_training_logs_the_fvu_of_raw_activations_and_resumes_bit_for_bit(
    name: NormalisationName, architecture: str, source: PlantedSource, config: TrainConfig, tmp_path: Path
) -> None:
    options = {"normalisation": name, "sae": {"architecture": architecture, "k": 3, "d_sae": 64, "aux_k": 16}}
    config = TrainConfig.model_validate(config.model_dump() | options)
    whole = train(source, config, tmp_path / "whole").path
    with pytest.raises(Cancelled):
        train(source, config, tmp_path / "resumed", progress=StopAfter(17))
    train(source, config, tmp_path / "resumed")
    assert_same_training(whole, tmp_path / "resumed")
    sae, x_BD = load_sae(whole), source.acts_BD.float()
    assert sae.normalisation == ("layer_norm" if name == "layer_norm" else "none")
    assert sae.metadata["training_normalisation"] == name
    fvu = float((x_BD - sae(x_BD)).pow(2).sum() / (x_BD - x_BD.mean(0)).pow(2).sum())
    assert fvu == pytest.approx(lines_of(whole)[-1]["fvu"], rel=0.2)
