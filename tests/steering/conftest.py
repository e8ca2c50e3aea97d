"""A tiny model, an SAE of its residual stream, and what a strength of 1 means for each latent."""

import pytest
import torch

from mistudio.sae.config import TopKConfig
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights
from tests.tiny_models import tiny_language_model

HOOK = "resid_post.1"
D, F, K = 32, 96, 8
UNITS = {latent: 4.0 + latent / F for latent in range(F)}


def random_sae(*, hook=HOOK, d_in=D, metadata=None):
    """Decoder rows of several lengths, biases that are not zero: nothing that a shortcut would survive."""
    generator = torch.Generator().manual_seed(1)
    W_enc_FD = torch.nn.functional.normalize(torch.randn((F, d_in), generator=generator), dim=1)
    W_dec_FD = W_enc_FD * (0.5 + torch.rand((F, 1), generator=generator))
    weights = Weights(W_enc_FD, 0.1 * torch.randn(F, generator=generator), W_dec_FD, torch.full((d_in,), 0.05))
    return SparseAutoencoder(TopKConfig(k=K), weights, hook=hook, model_name="tiny", metadata=metadata)


@pytest.fixture(scope="session")
def lm():
    return tiny_language_model()


@pytest.fixture(scope="session")
def sae():
    return random_sae()


@pytest.fixture
def x_BD():
    return 3 * torch.randn((20, D), generator=torch.Generator().manual_seed(2))
