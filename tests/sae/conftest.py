"""Small random SAEs and activations."""

from __future__ import annotations

import pytest
import torch

from mistudio.sae.config import TopKConfig
from mistudio.sae.registry import architecture_of
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import W_SKIP, Weights


def random_weights(d_sae: int = 200, d_in: int = 24, seed: int = 0) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    W_dec_FD = torch.randn((d_sae, d_in), generator=generator)
    return Weights(
        torch.randn((d_sae, d_in), generator=generator),
        torch.randn(d_sae, generator=generator) * 0.1,
        W_dec_FD / W_dec_FD.norm(dim=1, keepdim=True),
        torch.randn(d_in, generator=generator),
    )


def random_sae(architecture: str) -> SparseAutoencoder:
    """One of each architecture, about a tenth of whose latents are active on a token."""
    chosen, weights = architecture_of(architecture), random_weights()
    generator = torch.Generator().manual_seed(2)
    weights.b_enc_F -= 6.0
    shapes = {name: (24, 24) if name == W_SKIP else (200,) for name in chosen.tensors}
    weights.more = {name: torch.rand(shape, generator=generator) for name, shape in shapes.items()}
    own = {"k": 7} if architecture.startswith("topk") else {}
    config = chosen.config.model_validate({"architecture": architecture} | own)
    return SparseAutoencoder(
        config,
        weights,
        hook="resid_post.3",
        hook_out="mlp_out.4" if chosen.transcodes else None,
        model_name="tiny",
        metadata={"note": "kept"},
    )


@pytest.fixture
def weights() -> Weights:
    return random_weights()


@pytest.fixture
def sae(weights: Weights) -> SparseAutoencoder:
    return SparseAutoencoder(
        TopKConfig(k=7), weights, hook="resid_post.3", model_name="tiny", metadata={"note": "kept"}
    )


@pytest.fixture
def x_BD() -> torch.Tensor:
    return torch.randn((50, 24), generator=torch.Generator().manual_seed(1))
