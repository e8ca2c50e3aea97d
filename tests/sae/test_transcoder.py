"""A transcoder's step against a dense eager one, and what a transcoder is once it is trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mistudio.errors import BadInput
from mistudio.sae import sparse_step
from mistudio.sae.config import TopKConfig, TopKTranscoderConfig
from mistudio.sae.initial import initial_transcoder
from mistudio.sae.kernels import reference
from mistudio.sae.kernels.compiled import CompiledKernels
from mistudio.sae.kernels.portable import PortableKernels
from mistudio.sae.native_file import load_sae, save_sae
from mistudio.sae.registry import TRAININGS
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import W_SKIP, Weights
from tests.sae.test_kernels import CASES

D_IN, D_OUT, D_SAE = 24, 30, 200


def random_transcoder(skip: bool, more: tuple[str, ...] = ()) -> Weights:
    generator = torch.Generator().manual_seed(4)
    weights = initial_transcoder(D_SAE, D_IN, torch.randn(D_OUT, generator=generator), seed=1, skip=skip, more=more)
    weights.W_enc_FD *= 5
    weights.b_enc_F += torch.randn(D_SAE, generator=generator) * 0.1
    for name, tensor in weights.more.items():
        weights.more[name] = tensor + torch.randn(tensor.shape, generator=generator) * 0.3
    return weights


@pytest.fixture
def batch_BC() -> Tensor:
    return torch.randn((50, D_IN + D_OUT), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kernels", [CompiledKernels(), PortableKernels()], ids=["compiled", "portable"])
@pytest.mark.parametrize("wide", [False, True], ids=["sparse", "wide"])
@pytest.mark.parametrize("skip", [False, True], ids=["no skip", "skip"])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_the_references(
    case: str, skip: bool, wide: bool, kernels: object, batch_BC: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture, options, keep, penalty = CASES[case]
    monkeypatch.setattr(sparse_step, "_WIDE", 0.0 if wide else 1.0)
    training = TRAININGS[architecture]
    weights = random_transcoder(skip, training.tensors)
    if architecture in ("standard", "gated"):
        weights.b_enc_F -= 1.0
    pull = {"pre_coefficient": 0.02} if "pre_coefficient" in training.config.model_fields else {}
    config = training.config.model_validate(
        {**options, "aux_k": 20, "aux_coefficient": 0.25, "target": "mlp_out", "skip": skip, **pull}
    )
    dead_F = torch.rand(D_SAE, generator=torch.Generator().manual_seed(3)) < 0.3
    step = training.step(config, weights, kernels=kernels, gemm_dtype=torch.float32)
    if "begun" in step.kept:
        step.kept["begun"].fill_(True)
    found = step(batch_BC, dead_F)

    leaves = weights.map(lambda tensor: tensor.clone().requires_grad_())
    x_BD, y_BE = batch_BC[:, :D_IN], batch_BC[:, D_IN:]
    pre_BF = x_BD @ leaves.W_enc_FD.T + leaves.b_enc_F
    acts_BF = keep(pre_BF, leaves)
    past_BE = x_BD @ leaves.more[W_SKIP].T if skip else torch.zeros_like(y_BE)
    ends = torch.tensor(step.ends)
    prefixes_GBF = acts_BF * (torch.arange(D_SAE) < ends[:, None, None])
    error_GBE = prefixes_GBF @ leaves.W_dec_FD + leaves.b_dec_D + past_BE - y_BE
    loss = error_GBE.pow(2).mean()
    # The gate's own reconstruction holds decoder and skip connection fixed.
    cost = penalty(y_BE - past_BE.detach(), pre_BF, acts_BF, leaves)
    if pull:
        log_F = leaves.more.get("log_threshold_F", torch.full((D_SAE,), -torch.inf))
        short_BA = (log_F.exp() - pre_BF).relu()[:, dead_F]
        norm_A = leaves.W_dec_FD[dead_F].detach().norm(dim=1)
        cost = cost + pull["pre_coefficient"] * (short_BA * norm_A).sum() / y_BE.numel()
    bias_A = leaves.b_enc_F[dead_F]
    dead_BA = x_BD @ leaves.W_enc_FD[dead_F].T + (bias_A - bias_A.detach() * step.sparse_by_bias)
    kept_BA = reference.top_k(min(20, dead_BA.shape[1]))(dead_BA, leaves)
    auxiliary = (error_GBE[-1].detach() + kept_BA @ leaves.W_dec_FD[dead_F]).pow(2).mean()
    (loss + cost + 0.25 * auxiliary).backward()

    torch.testing.assert_close(found.reconstruction, loss.detach())
    torch.testing.assert_close(found.squared_error, error_GBE[-1].detach().pow(2).sum())
    torch.testing.assert_close(found.auxiliary, auxiliary.detach())
    torch.testing.assert_close(found.penalty.float(), cost.detach())
    gradients = {name: leaf.grad for name, leaf in leaves.tensors().items()}
    of_decoder = gradients["W_dec_FD"]
    assert of_decoder is not None
    if step.unit_norm:
        along_F1 = (of_decoder * weights.W_dec_FD).sum(1, keepdim=True)
        gradients["W_dec_FD"] = of_decoder - along_F1 * weights.W_dec_FD
    squared = 0.0
    for name, tensor in step.gradients.tensors().items():
        right = gradients[name]
        assert right is not None
        squared += float(right.pow(2).sum())
        rounding = 1e-5 * float(right.abs().max())
        torch.testing.assert_close(tensor, right, rtol=1e-4, atol=rounding, msg=lambda m, n=name: f"{n}: {m}")
    assert found.gradient_norm == pytest.approx(squared**0.5, rel=1e-4)


def made(skip: bool = True) -> SparseAutoencoder:
    name = "topk_skip_transcoder" if skip else "topk_transcoder"
    return SparseAutoencoder(
        TopKTranscoderConfig(architecture=name, k=7),
        random_transcoder(skip),
        hook="mlp_in.3",
        hook_out="mlp_out.3",
        model_name="tiny",
    )


def test_it_writes_another_width_and_comes_back_bit_for_bit(batch_BC: Tensor, tmp_path: Path) -> None:
    sae, x_BD = made(), batch_BC[:, :D_IN]
    save_sae(sae, tmp_path)
    loaded = load_sae(tmp_path)
    assert (loaded.d_in, loaded.d_out, loaded.hooks) == (D_IN, D_OUT, ("mlp_in.3", "mlp_out.3"))
    assert loaded.config == sae.config
    assert torch.equal(loaded(x_BD), sae(x_BD))
    assert loaded(x_BD).shape == (50, D_OUT)


def test_it_reads_x_itself_and_adds_the_skip_connection(batch_BC: Tensor) -> None:
    sae, x_BD = made(), batch_BC[:, :D_IN]
    pre_BF = x_BD @ sae.W_enc_FD.T + sae.b_enc_F
    acts_BF = reference.top_k(7)(pre_BF, sae.weights)
    torch.testing.assert_close(sae.encode(x_BD), acts_BF)
    y_BE = acts_BF @ sae.W_dec_FD + sae.b_dec_D + x_BD @ sae.weights.more[W_SKIP].T
    torch.testing.assert_close(sae(x_BD), y_BE)
    torch.testing.assert_close(sae.decode(acts_BF, x_BD), y_BE)
    assert sae.encode(x_BD[:0]).shape == (0, D_SAE)


def test_a_skip_connection_cannot_be_forgotten(batch_BC: Tensor) -> None:
    sae, x_BD = made(), batch_BC[:, :D_IN]
    with pytest.raises(BadInput, match="needs what was encoded"):
        sae.decode(sae.encode(x_BD))
    made(skip=False).decode(sae.encode(x_BD))


def test_what_only_an_sae_can_do_is_refused_in_one_sentence() -> None:
    with pytest.raises(BadInput, match=r"Steering needs an SAE, and this is a transcoder from mlp_in\.3 to mlp_out\.3"):
        made().demand_autoencoder("Steering")


def test_trivial_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match="skip needs a target"):
        TopKConfig(skip=True)
    for hook, target in (("mlp_out.3", "mlp_out.3"), ("mlp_out.3", "mlp_out"), ("resid_post.3", "resid_pre.4")):
        with pytest.raises(BadInput, match="holds the same activations"):
            TopKConfig(target=target, skip=True).hooks(hook)


def test_the_hook_points_follow_from_the_target() -> None:
    assert TopKConfig().hooks(None) is None
    assert TopKConfig().hooks("resid_post.3") == "resid_post.3"
    assert TopKConfig(target="mlp_out").hooks("mlp_in.3") == ("mlp_in.3", "mlp_out.3")
    assert TopKConfig(target="mlp_out.5").hooks(None) == ("mlp_in.5", "mlp_out.5")
    assert TopKConfig(target="resid_post.5").hooks("mlp_in.3") == ("mlp_in.3", "resid_post.5")
    with pytest.raises(BadInput, match="does not say which layer"):
        TopKConfig(target="mlp_out").hooks(None)
