"""SAELens itself reads what we save and computes the same, and we read what it saves."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Literal

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mistudio.sae.native_file import load_sae, save_sae
from mistudio.sae.registry import ARCHITECTURES, architecture_of
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import W_SKIP, Weights

PEERS = Path(__file__).resolve().parents[2] / ".venv-peers" / "bin" / "python"
TOLERANCE = 1e-4
OURS = {
    "resid": ("topk", "resid_post.3"),
    "heads": ("topk", "attn_z.3"),
    "standard": ("standard", "resid_post.3"),
    "jumprelu": ("jumprelu", "resid_post.3"),
    "gated": ("gated", "resid_post.3"),
    "layer_norm": ("topk", "resid_post.3", "layer_norm"),
    "jumprelu_layer_norm": ("jumprelu", "resid_post.3", "layer_norm"),
} | {name: (name, "mlp_in.3") for name, each in ARCHITECTURES.items() if each.transcodes and each.opens_in_saelens}
THEIRS = (
    "plain",
    "standard",
    "standard_b_dec_not_applied_to_input",
    "jumprelu",
    "gated",
    "gated_b_dec_not_applied_to_input",
    "batchtopk_saved_for_inference",
    "rescaled_by_decoder_norm",
    "layer_norm",
    "b_dec_not_applied_to_input",
    "trained_and_saved_for_inference",
    "checkpoint_of_a_training",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PEERS.exists(), reason="SAELens is not installed in .venv-peers: run `make peers`"),
]


def our_sae(architecture: str, hook: str, normalisation: Literal["none", "layer_norm"] = "none") -> SparseAutoencoder:
    generator = torch.Generator().manual_seed(0)
    W_enc_FD, W_dec_FD = torch.randn((2, 200, 24), generator=generator)
    b_enc_F, b_dec_D = torch.randn(200, generator=generator), torch.randn(24, generator=generator)
    weights = Weights(W_enc_FD, b_enc_F, W_dec_FD / W_dec_FD.norm(dim=1, keepdim=True), b_dec_D)
    chosen = architecture_of(architecture)
    shapes = {name: (24, 24) if name == W_SKIP else (200,) for name in chosen.tensors}
    weights.more = {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}
    config = chosen.config.model_validate({"architecture": architecture} | ({"k": 7} if architecture == "topk" else {}))
    hook_out = "mlp_out.3" if chosen.transcodes else None
    return SparseAutoencoder(
        config, weights, hook=hook, hook_out=hook_out, model_name="tiny", normalisation=normalisation
    )


@pytest.fixture(scope="module")
def x_BD() -> Tensor:
    return torch.randn((64, 24), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def exchanged(tmp_path_factory: pytest.TempPathFactory, x_BD: Tensor) -> Path:
    """A folder in which SAELens has opened our SAEs and saved its own. One process, for it starts slowly."""
    folder = tmp_path_factory.mktemp("saelens")
    save_file({"x": x_BD}, folder / "activations.safetensors")
    for name, made in OURS.items():
        (folder / "ours" / name).mkdir(parents=True)
        save_sae(our_sae(*made), folder / "ours" / name, firing_share_F=torch.linspace(0, 1, 200))
    script = Path(__file__).with_name("saelens_side.py")
    done = subprocess.run([PEERS, script, folder], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def assert_close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-5, atol=TOLERANCE)


@pytest.mark.parametrize("name", OURS)
def test_saelens_computes_from_our_files_what_we_compute(exchanged: Path, x_BD: Tensor, name: str) -> None:
    sae, theirs = our_sae(*OURS[name]), load_file(exchanged / "ours" / f"{name}.safetensors")
    acts_BF = sae.encode(x_BD)
    assert sae.config.architecture != "topk" or int((theirs["acts"] > 0).sum(-1).max()) == 7
    assert_close(theirs["acts"], acts_BF)
    assert_close(theirs["x_hat"].flatten(1), sae.decode(acts_BF, x_BD))


@pytest.mark.parametrize("name", THEIRS)
def test_we_compute_from_saelens_files_what_it_computes(exchanged: Path, x_BD: Tensor, name: str) -> None:
    sae, theirs = load_sae(exchanged / "theirs" / name), load_file(exchanged / "theirs" / f"{name}.safetensors")
    acts_BF = sae.encode(x_BD)
    assert_close(theirs["acts"], acts_BF)
    assert_close(theirs["x_hat"], sae.decode(acts_BF, x_BD))


def test_an_sae_that_saelens_kept_in_bfloat16_opens_in_float32(exchanged: Path, x_BD: Tensor) -> None:
    sae, theirs = load_sae(exchanged / "theirs" / "bfloat16"), load_file(exchanged / "theirs" / "bfloat16.safetensors")
    assert {tensor.dtype for tensor in sae.weights.tensors().values()} == {torch.float32}
    assert float((theirs["x_hat"].float() - sae(x_BD.bfloat16())).norm() / theirs["x_hat"].float().norm()) < 0.05


@pytest.mark.parametrize("name", ["transcoder", "jumprelu_skip_transcoder"])
def test_a_transcoder_that_saelens_saved_computes_the_same_here(exchanged: Path, x_BD: Tensor, name: str) -> None:
    sae = load_sae(exchanged / "theirs" / name)
    theirs = load_file(exchanged / "theirs" / f"{name}.safetensors")
    assert (sae.hook, sae.hook_out, sae.d_out) == ("resid_post.3", "mlp_out.3", 30)
    assert_close(theirs["acts"], sae.encode(x_BD))
    assert_close(theirs["x_hat"], sae(x_BD))


def test_where_saelens_trained_it_is_known_by_our_name(exchanged: Path) -> None:
    sae = load_sae(exchanged / "theirs" / "plain")
    assert (sae.hook, sae.model_name) == ("resid_post.3", "tiny")
