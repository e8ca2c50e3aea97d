"""The SAE's directory: round trip, and refusals that name the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mistudio.errors import ArtifactBroken, BadInput, FormatUnsupported, NotFound
from mistudio.sae.native_file import firing_share, load_sae, save_sae
from mistudio.sae.registry import ARCHITECTURES
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from tests.sae.conftest import random_sae


@pytest.fixture
def saved(sae: SparseAutoencoder, tmp_path: Path) -> Path:
    save_sae(sae, tmp_path, firing_share_F=torch.linspace(0, 1, 200))
    return tmp_path


def change_config(directory: Path, **changes: object) -> None:
    content = json.loads((directory / "cfg.json").read_text())
    (directory / "cfg.json").write_text(json.dumps(content | changes))


def test_a_saved_sae_comes_back_bit_for_bit(sae: SparseAutoencoder, saved: Path, x_BD: Tensor) -> None:
    loaded = load_sae(saved)
    for name, tensor in sae.weights.tensors().items():
        assert torch.equal(loaded.weights.tensors()[name], tensor), name
    assert torch.equal(loaded.encode(x_BD), sae.encode(x_BD))
    assert (loaded.config, loaded.hook, loaded.model_name) == (sae.config, "resid_post.3", "tiny")
    assert loaded.metadata["note"] == "kept"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_sae_of_every_architecture_comes_back_bit_for_bit(architecture: str, tmp_path: Path, x_BD: Tensor) -> None:
    sae = random_sae(architecture)
    save_sae(sae, tmp_path)
    loaded = load_sae(tmp_path)
    assert {*loaded.weights.tensors()} == {*sae.weights.tensors()}
    for name, tensor in sae.weights.tensors().items():
        assert torch.equal(loaded.weights.tensors()[name], tensor), name
    assert loaded.config == sae.config
    assert loaded.hooks == sae.hooks
    assert torch.equal(loaded.encode(x_BD), sae.encode(x_BD))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_missing_tensor_of_any_architecture_is_named(architecture: str, tmp_path: Path) -> None:
    save_sae(random_sae(architecture), tmp_path)
    whole = load_file(tmp_path / "sae_weights.safetensors")
    for name in whole:
        save_file({other: whole[other] for other in whole if other != name}, tmp_path / "sae_weights.safetensors")
        with pytest.raises(ArtifactBroken, match=f"no tensor called {name}"):
            load_sae(tmp_path)


def test_the_firing_shares_come_back(saved: Path) -> None:
    share_F = firing_share(saved)
    assert share_F is not None
    torch.testing.assert_close(share_F, torch.linspace(0, 1, 200))


def test_the_bias_is_said_to_be_applied_because_it_is(saved: Path) -> None:
    assert json.loads((saved / "cfg.json").read_text())["apply_b_dec_to_input"] is True


def test_a_truncated_safetensors_file_is_refused_by_name(saved: Path) -> None:
    path = saved / "sae_weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ArtifactBroken, match=r"sae_weights\.safetensors is truncated"):
        load_sae(saved)


def test_weights_with_nan_are_refused(saved: Path) -> None:
    tensors = load_file(saved / "sae_weights.safetensors")
    tensors["b_enc"][0] = float("nan")
    save_file(tensors, saved / "sae_weights.safetensors")
    with pytest.raises(ArtifactBroken, match="b_enc holds NaN"):
        load_sae(saved)


def test_a_missing_tensor_is_named(saved: Path) -> None:
    tensors = load_file(saved / "sae_weights.safetensors")
    del tensors["W_dec"]
    save_file(tensors, saved / "sae_weights.safetensors")
    with pytest.raises(ArtifactBroken, match="no tensor called W_dec"):
        load_sae(saved)


def test_a_config_that_is_not_json_is_refused_by_name(saved: Path) -> None:
    (saved / "cfg.json").write_text("{")
    with pytest.raises(ArtifactBroken, match=r"cfg\.json is not JSON"):
        load_sae(saved)


def test_an_unknown_architecture_is_refused(saved: Path) -> None:
    change_config(saved, architecture="temporal")
    with pytest.raises(FormatUnsupported, match="'temporal'"):
        load_sae(saved)


def test_normalisation_outside_the_weights_is_refused(saved: Path) -> None:
    change_config(saved, normalize_activations="expected_average_only_in")
    with pytest.raises(FormatUnsupported, match="expected_average_only_in"):
        load_sae(saved)


def test_a_bias_that_is_not_applied_is_folded(saved: Path, x_BD: Tensor) -> None:
    plain = load_sae(saved)
    change_config(saved, apply_b_dec_to_input=False)
    folded = load_sae(saved)
    pre_BF = x_BD @ plain.W_enc_FD.T + plain.b_enc_F
    values_BK, latents_BK = pre_BF.topk(7)
    torch.testing.assert_close(folded.encode(x_BD), torch.zeros_like(pre_BF).scatter(-1, latents_BK, values_BK.relu()))


def test_an_empty_directory_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"no cfg\.json"):
        load_sae(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="is a file"):
        load_sae(tmp_path / "file")


def test_a_decoder_row_of_zeros_stays_one_when_norms_are_folded(saved: Path, x_BD: Tensor) -> None:
    tensors = load_file(saved / "sae_weights.safetensors")
    tensors["W_dec"][5] = 0
    save_file(tensors, saved / "sae_weights.safetensors")
    change_config(saved, rescale_acts_by_decoder_norm=True)
    loaded = load_sae(saved)
    assert not loaded.W_dec_FD[5].any()
    assert bool(loaded.decode(loaded.encode(x_BD)).isfinite().all())
