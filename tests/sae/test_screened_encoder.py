"""What the screened encoder finds is what float32 alone finds."""

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.hardware import cpu_multiplies_int8
from mistudio.sae.initial import initial_weights
from mistudio.sae.kernels.choice import encoder_for, kernels_for
from mistudio.sae.kernels.encoding import DenseEncoder
from mistudio.sae.kernels.screened_encoder import ScreenedEncoder
from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights

CPU = torch.device("cpu")
EXACT = torch.float64
pytestmark = pytest.mark.skipif(
    not cpu_multiplies_int8(), reason="this processor has no dot products of 8-bit integers"
)


def weights_of(d_sae: int = 1111, d_in: int = 96, seed: int = 1) -> Weights:
    """Rows of very different norms, and biases."""
    weights = initial_weights(d_sae, torch.zeros(d_in), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    weights.W_enc_FD *= torch.rand((d_sae, 1), generator=generator) * 3
    weights.b_enc_F += torch.randn(d_sae, generator=generator) * 0.3
    return weights


def screened(weights: Weights) -> ScreenedEncoder:
    return ScreenedEncoder(weights, DenseEncoder(weights, kernels_for(CPU), torch.float32))


def pre_activations(inputs_BD: Float[Tensor, "B D"], weights: Weights) -> Float[Tensor, "B F"]:
    return inputs_BD.to(EXACT) @ weights.W_enc_FD.to(EXACT).T + weights.b_enc_F.to(EXACT)


def dense(code: LiveCode, d_sae: int) -> Float[Tensor, "B F"]:
    acts_BF = torch.zeros((code.tokens, d_sae))
    return acts_BF.index_put_((code.tokens_N, code.latents_N), code.values_N, accumulate=True)


def inputs_of(kind: str, tokens: int = 700, d_in: int = 96) -> Float[Tensor, "B D"]:
    generator = torch.Generator().manual_seed(7)
    inputs_BD = torch.randn((tokens, d_in), generator=generator)
    match kind:
        case "massive dimensions":
            inputs_BD[:, [3, 50]] *= 300
        case "massive tokens":
            inputs_BD[::97] *= 1e4
        case "tiny":
            inputs_BD *= 1e-12
        case "huge":
            inputs_BD *= 1e12
        case "zeros":
            inputs_BD[::3] = 0
            inputs_BD[:, ::4] = 0
        case "constant":
            inputs_BD[:] = inputs_BD[0]
    return inputs_BD


KINDS = ("normal", "massive dimensions", "massive tokens", "tiny", "huge", "zeros", "constant")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 7, 40])
def test_finds_the_k_largest_of_each_token(kind: str, k: int) -> None:
    weights, inputs_BD = weights_of(), inputs_of(kind)
    pre_BF = pre_activations(inputs_BD, weights)
    code = screened(weights).top_k(inputs_BD, k)
    values_BK = code.values_N.view(-1, k).sort(descending=True).values
    expected_BK = pre_BF.topk(k).values.relu()
    # Equal values prove equal latents, except for those whose pre-activations differ by rounding alone.
    assert torch.allclose(values_BK.to(EXACT), expected_BK, rtol=1e-5, atol=1e-5 * float(expected_BK.mean()))
    own_BK, room = code.values_N.view(-1, k), 1e-4 * float(expected_BK.mean())
    expected_BK = pre_BF.gather(1, code.latents_N.view(-1, k)).float() * (own_BK > 0)
    assert torch.allclose(own_BK, expected_BK, rtol=1e-4, atol=room)


@pytest.mark.parametrize("kind", KINDS)
def test_finds_what_exceeds_a_bound_of_each_latent(kind: str) -> None:
    weights, inputs_BD = weights_of(), inputs_of(kind)
    pre_BF = pre_activations(inputs_BD, weights)
    bound_F = pre_BF.quantile(0.99, dim=0).float()
    code = screened(weights).above(inputs_BD, bound_F)
    found_BF, expected_BF = dense(code, len(bound_F)).to(EXACT), pre_BF * (pre_BF > bound_F.clamp_min(0.0))
    differ_BF = (found_BF > 0) != (expected_BF > 0)
    room_BF = 1e-4 * inputs_BD.norm(dim=1)[:, None] * weights.W_enc_FD.norm(dim=1) + 1e-6
    assert not (differ_BF & ((pre_BF - bound_F.clamp_min(0.0)).abs() > room_BF)).any()
    assert ((found_BF - expected_BF).abs() <= room_BF)[~differ_BF].all()
    for first, last in zip(code.starts_B[:-1], code.starts_B[1:], strict=True):
        assert (code.latents_N[first:last].diff() > 0).all()


def test_keeps_the_lower_latents_of_equals() -> None:
    weights = weights_of(d_sae=256)
    weights.W_enc_FD[:] = weights.W_enc_FD[0]
    weights.b_enc_F.zero_()
    inputs_BD = weights.W_enc_FD[:5] * torch.tensor([[1.0], [2.0], [-1.0], [0.0], [5.0]])
    code = screened(weights).top_k(inputs_BD, 3)
    assert code.latents_N.view(-1, 3)[[0, 1, 4]].tolist() == [[0, 1, 2]] * 3
    assert not code.values_N.view(-1, 3)[[2, 3]].any()


def test_a_k_as_large_as_the_dictionary_keeps_all_that_is_positive() -> None:
    weights, inputs_BD = weights_of(d_sae=50), inputs_of("normal")
    acts_BF = dense(screened(weights).top_k(inputs_BD, 50), 50)
    assert torch.allclose(acts_BF, pre_activations(inputs_BD, weights).relu().float(), atol=1e-4)


def test_where_half_of_all_latents_exceed_their_bound_the_dense_encoder_finds_them() -> None:
    weights, inputs_BD = weights_of(), inputs_of("normal")
    bound_F = torch.zeros(len(weights.b_enc_F))
    expected = DenseEncoder(weights, kernels_for(CPU), torch.float32).above(inputs_BD, bound_F)
    found = screened(weights).above(inputs_BD, bound_F)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_sees_weights_that_were_updated() -> None:
    weights, inputs_BD = weights_of(), inputs_of("normal")
    encoder = screened(weights)
    before = encoder.top_k(inputs_BD, 5)
    weights.W_enc_FD *= -1
    encoder.refresh()
    after = encoder.top_k(inputs_BD, 5)
    assert not torch.equal(before.latents_N, after.latents_N)


def test_it_is_chosen_where_no_dtype_is_asked_for() -> None:
    weights = weights_of()
    assert isinstance(encoder_for(weights, kernels_for(CPU), None), ScreenedEncoder)
    assert isinstance(encoder_for(weights, kernels_for(CPU), torch.bfloat16), DenseEncoder)
