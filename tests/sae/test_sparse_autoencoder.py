"""Encoding and decoding as users call it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mistudio.errors import ShapeError
from mistudio.sae.config import TopKConfig
from mistudio.sae.kernels import reference
from mistudio.sae.registry import ARCHITECTURES
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights, rescale
from tests.sae.conftest import random_sae


def test_encode_and_decode_are_the_references(sae: SparseAutoencoder, x_BD: Tensor) -> None:
    acts_BF = reference.encode(x_BD, sae.weights, reference.top_k(7))
    torch.testing.assert_close(sae.encode(x_BD), acts_BF)
    torch.testing.assert_close(sae(x_BD), reference.decode(acts_BF, sae.weights))
    torch.testing.assert_close(sae.decode(acts_BF), reference.decode(acts_BF, sae.weights))


def test_each_token_has_at_most_k_active_latents_strongest_first(sae: SparseAutoencoder, x_BD: Tensor) -> None:
    code = sae.encode_sparse(x_BD)
    assert code.values_BK.shape == (50, 7)
    assert bool((code.values_BK.diff(dim=-1) <= 0).all())


def test_activations_of_another_width_are_refused_with_the_right_hook(sae: SparseAutoencoder) -> None:
    with pytest.raises(ShapeError, match="25 wide.*reads 24") as caught:
        sae.encode(torch.zeros((1, 25)))
    assert "resid_post.3" in caught.value.remedy


def test_weights_that_do_not_fit_each_other_are_refused(weights: Weights) -> None:
    weights.b_enc_F = weights.b_enc_F[:-1]
    with pytest.raises(ShapeError, match="b_enc_F"):
        SparseAutoencoder(TopKConfig(), weights, hook="resid_post.0", model_name="tiny")


def test_folding_a_scale_into_the_weights_is_exact(weights: Weights, x_BD: Tensor) -> None:
    scale = 3.7
    folded = rescale(weights, scale)
    wanted = reference.decode(reference.encode(x_BD * scale, weights, reference.top_k(7)), weights) / scale
    torch.testing.assert_close(reference.decode(reference.encode(x_BD, folded, reference.top_k(7)), folded), wanted)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_scale_is_folded_exactly_into_every_architecture(architecture: str, x_BD: Tensor) -> None:
    sae, scale = random_sae(architecture), 3.7
    folded = SparseAutoencoder(sae.config, rescale(sae.weights, scale), hook=sae.hook, model_name="tiny")
    torch.testing.assert_close(folded(x_BD), sae(x_BD * scale) / scale)


@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if "skip" not in name])
def test_tokens_on_which_nothing_is_active_become_the_bias(architecture: str, x_BD: Tensor) -> None:
    sae = random_sae(architecture)
    sae.b_enc_F -= 1e4
    assert not bool(sae.encode(x_BD).any())
    torch.testing.assert_close(sae(x_BD), sae.b_dec_D.expand_as(x_BD))


def test_an_sae_of_zeros_explains_nothing(x_BD: Tensor) -> None:
    zeros = Weights(torch.zeros(30, 24), torch.zeros(30), torch.zeros(30, 24), torch.zeros(24))
    sae = SparseAutoencoder(TopKConfig(k=3), zeros, hook="resid_post.0", model_name="tiny")
    assert bool((sae(x_BD) == 0).all())
