"""Ground truths that are small enough to be counted, and SAEs that know them."""

import torch

from mistudio.evaluation.config import SyntheticConfig
from mistudio.evaluation.synthetic.ground_truth import GroundTruth
from mistudio.sae.config import JumpReLUConfig
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights

PLAIN = {
    "features": 12,
    "d_in": 24,
    "roots": 0,
    "correlation_scale": 0.0,
    "orthogonal_steps": 0,
    "spread_mean": 0.3,
    "spread_std": 0.0,
    "bias_norm": 0.5,
    "batch_tokens": 2000,
}
"""Independent features, fewer than dimensions."""


def truth_of(**options):
    return GroundTruth(SyntheticConfig(**(PLAIN | options)))


def dense(truth, batches, split="train"):
    """True activations of all tokens of some batches, zeros included."""
    parts = []
    for number in range(batches):
        code = truth.batch(number, split).code
        parts.append(torch.zeros(len(code.values_BK), truth.config.features))
        parts[-1].scatter_add_(1, code.latents_BK, code.values_BK)
    return torch.cat(parts)


def knowing_sae(truth, *, W_dec_FD=None, threshold=0.5):
    """Reads every feature off exactly (fewer features than dimensions) and writes it in its own direction."""
    W_enc_FD = torch.linalg.pinv(truth.directions_GD.double()).T.float()
    W_dec_FD = truth.directions_GD if W_dec_FD is None else W_dec_FD
    latents = len(W_enc_FD)
    weights = Weights(
        W_enc_FD, torch.zeros(latents), W_dec_FD, truth.bias_D, {"threshold_F": torch.full((latents,), threshold)}
    )
    return SparseAutoencoder(JumpReLUConfig(), weights, hook="synthetic", model_name="synthetic")
