"""Every fast path against the dense eager reference: values and gradients."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from mistudio.sae import sparse_step
from mistudio.sae.architectures.batch_topk import BatchTopKStep
from mistudio.sae.architectures.topk import TopKStep
from mistudio.sae.config import BatchTopKConfig, TopKConfig
from mistudio.sae.kernels import reference
from mistudio.sae.kernels.compiled import CompiledKernels
from mistudio.sae.kernels.portable import PortableKernels
from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings, StepKernels
from mistudio.sae.live_code import LiveCode
from mistudio.sae.registry import TRAININGS
from mistudio.sae.selection import keep_largest
from mistudio.sae.weights import Weights
from tests.sae.conftest import random_weights

KERNELS = [CompiledKernels(), PortableKernels()]
kernels_each = pytest.mark.parametrize("kernels", KERNELS, ids=["compiled", "portable"])


def dense(code: LiveCode, d_sae: int) -> Tensor:
    empty_BF = torch.zeros((code.tokens, d_sae))
    return empty_BF.index_put((code.tokens_N, code.latents_N), code.values_N, accumulate=True)


@kernels_each
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("d_sae", "k"), [(200, 7), (64, 3), (1000, 32), (65, 40), (4096, 1), (130, 130)])
def test_top_k_is_the_references(kernels: StepKernels, dtype: torch.dtype, d_sae: int, k: int) -> None:
    pre_BF = torch.randn((33, d_sae), generator=torch.Generator().manual_seed(k)).to(dtype)
    code = kernels.top_k(pre_BF, k)
    values_BK, latents_BK = pre_BF.float().topk(k, dim=-1)
    wanted_BF = torch.zeros((33, d_sae)).scatter(-1, latents_BK, values_BK.relu())
    # Equal activations may belong to other latents where values tie: compare what is kept.
    found_BK = code.values_N.view(33, k)
    torch.testing.assert_close(found_BK.sort().values, values_BK.relu().sort().values, rtol=0, atol=0)
    if dtype is torch.float32:
        torch.testing.assert_close(dense(code, d_sae), wanted_BF, rtol=0, atol=0)


@kernels_each
def test_tokens_with_fewer_positive_latents_than_k_are_padded_with_zeros(kernels: StepKernels) -> None:
    pre_BF = torch.full((4, 200), -1.0)
    pre_BF[1, 17] = 2.0
    code = kernels.top_k(pre_BF, 5)
    assert code.tokens_N[code.values_N > 0].tolist() == [1]
    assert dense(code, 200)[1, 17] == 2.0


def test_ties_keep_the_lower_latent() -> None:
    pre_BF = torch.ones((1, 300))
    assert CompiledKernels().top_k(pre_BF, 4).latents_N.tolist() == [0, 1, 2, 3]


@kernels_each
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bound", [-1.0, 0.0, 0.7, 9.0])
def test_what_exceeds_a_bound_is_collected_in_order(kernels: StepKernels, dtype: torch.dtype, bound: float) -> None:
    generator = torch.Generator().manual_seed(0)
    pre_BF = torch.randn((33, 200), generator=generator).to(dtype)
    bound_F = bound + torch.rand(200, generator=generator) * 0.1
    pre_BF[0, 5], bound_F[5] = 0.5, 0.5  # Not above it.
    code = kernels.above(pre_BF, bound_F)
    kept_BF = pre_BF.float().relu() * (pre_BF.float() > bound_F)
    torch.testing.assert_close(dense(code, 200), kept_BF, rtol=0, atol=0)
    assert bool((code.values_N > 0).all())
    for first, last in pairwise(code.starts_B.tolist()):
        assert code.latents_N[first:last].diff().gt(0).all()


@kernels_each
def test_the_largest_of_a_batch_are_kept_whatever_the_last_batch_was(kernels: StepKernels, x_BD: Tensor) -> None:
    weights = random_weights()
    step = BatchTopKStep(BatchTopKConfig(k=7), weights, kernels=kernels, gemm_dtype=torch.float32)
    for factor in (1.0, 0.01, 100.0, 1e-6, 1.0):
        inputs_BD = x_BD * factor - weights.b_dec_D
        wanted_BF = reference.encode(x_BD * factor, weights, reference.batch_top_k(7))
        torch.testing.assert_close(dense(step.select(inputs_BD).code, 200), wanted_BF)


def test_of_equals_at_the_cut_those_are_kept_that_come_first() -> None:
    code = LiveCode(torch.tensor([2.0, 1.0, 1.0, 1.0, 3.0]), torch.tensor([0, 1, 2, 0, 1]), torch.tensor([0, 3, 5]))
    kept, smallest = keep_largest(code, 3)
    assert kept.values_N.tolist() == [2.0, 1.0, 3.0]
    assert kept.latents_N.tolist() == [0, 1, 1]
    assert kept.starts_B.tolist() == [0, 2, 3]
    assert smallest == 1.0


def test_the_threshold_is_the_running_mean_of_the_smallest_activation_kept(x_BD: Tensor) -> None:
    config, smallest = BatchTopKConfig(k=7, threshold_decay=0.9), []
    step = BatchTopKStep(config, random_weights(), gemm_dtype=torch.float32)
    for factor in (1.0, 2.0, 0.5):
        acts_BF = reference.encode(x_BD * factor, step.weights, reference.batch_top_k(7))
        smallest.append(float(acts_BF[acts_BF > 0].min()))
        step(x_BD * factor)
    wanted = 0.9 * (0.9 * smallest[0] + 0.1 * smallest[1]) + 0.1 * smallest[2]
    assert float(step.kept["threshold"]) == pytest.approx(wanted, rel=1e-5)


def with_more(weights: Weights, architecture: str) -> Weights:
    """The weights with what the architecture has beside them, away from where it starts."""
    generator = torch.Generator().manual_seed(7)
    for name in TRAININGS[architecture].tensors:
        weights.more[name] = torch.randn(200, generator=generator) * 0.3
    if architecture in ("standard", "gated"):
        weights.b_enc_F -= 1.0
    return weights


CASES: dict[str, tuple[str, dict[str, Any], reference.Activation, reference.Penalty]] = {
    "topk": ("topk", {"k": 7}, reference.top_k(7), reference.no_penalty),
    "batchtopk": ("batchtopk", {"k": 7}, reference.batch_top_k(7), reference.no_penalty),
    "matryoshka": ("matryoshka", {"k": 7}, reference.batch_top_k(7), reference.no_penalty),
    "standard": ("standard", {"coefficient": 0.7}, reference.relu, reference.l1(0.7, weighted=False)),
    "standard, weighted": (
        "standard", {"coefficient": 0.7, "decoder_norm": "weighted"}, reference.relu, reference.l1(0.7, weighted=True),
    ),
    "gated": ("gated", {"coefficient": 0.7}, reference.gated, reference.gate_l1(0.7)),
    "jumprelu, step": (
        "jumprelu", {"coefficient": 0.7, "penalty": "step"}, reference.jump_relu(0.5), reference.l0(0.7, 0.5),
    ),
    "jumprelu, tanh": (
        "jumprelu", {"coefficient": 0.7, "penalty": "tanh"}, reference.jump_relu(0.5), reference.tanh_l0(0.7, 4.0),
    ),
    "jumprelu, quadratic": (
        "jumprelu", {"coefficient": 0.7, "k": 9}, reference.jump_relu(0.5), reference.l0_distance(0.7, 9, 0.5),
    ),
}  # fmt: skip


def short_of_bound(x_BD: Tensor, weights: Weights, dead_F: Tensor) -> Tensor:
    """How far dead latents' pre-activations are below their bound, times the decoder row's norm, per element of x."""
    pre_BA = (x_BD - weights.b_dec_D).detach() @ weights.W_enc_FD[dead_F].T + weights.b_enc_F[dead_F]
    log_F = weights.more.get("log_threshold_F")
    bound_A = log_F[dead_F].exp() if log_F is not None else 0.0
    return ((bound_A - pre_BA).relu() * weights.W_dec_FD[dead_F].detach().norm(dim=1)).sum() / x_BD.numel()


@kernels_each
@pytest.mark.parametrize("wide", [False, True], ids=["sparse", "wide"])
@pytest.mark.parametrize("dead_share", [0.0, 0.3])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradients_are_the_references(
    case: str, kernels: StepKernels, dead_share: float, wide: bool, x_BD: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    architecture, options, keep, penalty = CASES[case]
    monkeypatch.setattr(sparse_step, "_WIDE", 0.0 if wide else 1.0)
    weights = with_more(random_weights(), architecture)
    training = TRAININGS[architecture]
    pull = {"pre_coefficient": 0.02} if "pre_coefficient" in training.config.model_fields else {}
    config = training.config.model_validate({**options, "aux_k": 20, "aux_coefficient": 0.25, **pull})
    dead_F = torch.rand(200, generator=torch.Generator().manual_seed(3)) < dead_share
    step = training.step(config, weights, kernels=kernels, gemm_dtype=torch.float32)
    if "begun" in step.kept:
        step.kept["begun"].fill_(True)
    if case == "standard, weighted":
        weights.W_dec_FD *= 0.5 + torch.rand((200, 1), generator=torch.Generator().manual_seed(5))
    found = step(x_BD, dead_F if dead_share else None)

    leaves = weights.map(lambda tensor: tensor.clone().requires_grad_())
    wanted = reference.loss(
        x_BD, leaves, keep, penalty=penalty, ends=step.ends, dead_F=dead_F, aux_k=config.aux_k,
        aux_bias=not step.sparse_by_bias,
    )  # fmt: skip
    pulled = pull.get("pre_coefficient", 0.0) * short_of_bound(x_BD, leaves, dead_F)
    (wanted.reconstruction + wanted.penalty + pulled + config.aux_coefficient * wanted.auxiliary).backward()
    torch.testing.assert_close(found.reconstruction, wanted.reconstruction.detach())
    torch.testing.assert_close(found.penalty.float(), (wanted.penalty + pulled).detach())
    torch.testing.assert_close(found.auxiliary, wanted.auxiliary.detach())
    gradients = {name: leaf.grad for name, leaf in leaves.tensors().items()}
    W_dec_FD, gradient_FD = weights.W_dec_FD, gradients["W_dec_FD"]
    assert gradient_FD is not None
    if step.unit_norm:
        gradients["W_dec_FD"] = gradient_FD - (gradient_FD * W_dec_FD).sum(1, keepdim=True) * W_dec_FD
    for name, tensor in step.gradients.tensors().items():
        right = gradients[name]
        assert right is not None
        rounding = 1e-5 * float(right.abs().max())
        torch.testing.assert_close(tensor, right, rtol=1e-4, atol=rounding, msg=lambda m, n=name: f"{n}: {m}")
    norm = torch.stack([g.pow(2).sum() for g in gradients.values() if g is not None]).sum().sqrt()
    assert found.gradient_norm == pytest.approx(float(norm), rel=1e-4)
    assert all(bool((tensor != 0).any()) for tensor in step.gradients.tensors().values())


@kernels_each
def test_auxk_gives_dead_latents_a_gradient_in_the_encoder_too(kernels: StepKernels, x_BD: Tensor) -> None:
    weights = random_weights()
    weights.b_enc_F[:50] = -100.0
    dead_F = torch.arange(200) < 50
    weights.b_enc_F[dead_F] = -1.0
    weights.W_enc_FD[dead_F] *= 0.05
    step = TopKStep(TopKConfig(k=7, aux_k=20), weights, kernels=kernels, gemm_dtype=torch.float32)
    step(x_BD * 100, dead_F)
    assert float(step.gradients.W_enc_FD[dead_F].abs().sum()) > 0


@kernels_each
def test_the_bfloat16_product_stays_near_the_reference(kernels: StepKernels, x_BD: Tensor) -> None:
    weights = random_weights()
    step = TopKStep(TopKConfig(k=7), weights, kernels=kernels, gemm_dtype=torch.bfloat16)
    wanted = reference.loss(x_BD, weights, reference.top_k(7))
    assert float(step(x_BD).reconstruction) == pytest.approx(float(wanted.reconstruction), rel=0.05)


@kernels_each
def test_adam_is_torchs_adam_followed_by_normalisation(kernels: StepKernels) -> None:
    weights, expected = random_weights(), random_weights()
    leaves = [tensor.requires_grad_() for tensor in expected.tensors().values()]
    groups = [{"params": [leaf], "lr": 0.012 if leaf is expected.b_enc_F else 3e-3} for leaf in leaves]
    optimiser = torch.optim.Adam(groups, betas=(0.9, 0.99), eps=1e-8)
    moments = AdamMoments(weights.zeros_like(), weights.zeros_like())
    for seed in range(4):
        gradients = random_weights(seed=seed + 10)
        for leaf, gradient in zip(leaves, gradients.tensors().values(), strict=True):
            leaf.grad = gradient * 0.5
        optimiser.step()
        with torch.no_grad():
            expected.W_dec_FD /= expected.W_dec_FD.norm(dim=1, keepdim=True)
        kernels.adam(weights, gradients, moments, AdamSettings(3e-3, 0.9, 0.99, 1e-8, 0.5, faster={"b_enc_F": 4.0}))
    for name, tensor in weights.tensors().items():
        torch.testing.assert_close(tensor, expected.tensors()[name].detach(), rtol=1e-5, atol=1e-6)
    assert moments.steps == 4


@kernels_each
def test_the_same_batch_gives_the_same_bits(kernels: StepKernels, x_BD: Tensor) -> None:
    def gradients() -> Weights:
        step = TopKStep(TopKConfig(k=7), random_weights(), kernels=kernels)
        step(x_BD)
        return step.gradients

    for first, second in zip(gradients().tensors().values(), gradients().tensors().values(), strict=True):
        assert torch.equal(first, second)


def test_a_dense_latent_does_not_break_the_balance_of_work(x_BD: Tensor) -> None:
    weights = random_weights()
    weights.b_enc_F[3] = 1000.0
    step = TopKStep(TopKConfig(k=1), weights, kernels=CompiledKernels(), gemm_dtype=torch.float32)
    code = step(x_BD).code
    assert code.latents_N.unique().tolist() == [3]
    assert float(step.gradients.b_enc_F.abs().sum()) > 0
