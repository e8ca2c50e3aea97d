"""Standard: every latent whose pre-activation is positive is active (ReLU), and an L1 penalty keeps them few.

Bricken et al. 2023, "Towards Monosemanticity": decoder rows of norm 1. Anthropic, April 2024 update: free rows, and
each activation penalised times its row's norm.

B tokens, D d_in, F d_sae, N latents looked at in all tokens together.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import StandardConfig, StandardTrainingConfig
from mistudio.sae.kernels.protocol import Reconstruction
from mistudio.sae.penalty import PenalisedStep
from mistudio.sae.sparse_step import Live, Slopes
from mistudio.sae.weights import SparseCode, Weights, pre_activations


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, config: StandardConfig) -> SparseCode:  # noqa: ARG001
    """The active latents in full float32, strongest first."""
    return SparseCode.of_dense(pre_activations(x_BD, weights).relu())


class StandardStep(PenalisedStep[StandardTrainingConfig]):
    """ReLU, and λ Σ|activation|·‖W_dec row‖ per token beside ‖x − x̂‖²."""

    sparse_by_bias = True

    def __init__(self, config: StandardTrainingConfig, weights: Weights, **options: Any) -> None:
        super().__init__(config, weights, **options)
        self.unit_norm = config.decoder_norm == "unit"

    def begin(self, smallest: float) -> None:
        """See `PenalisedStep.begin`."""
        self.weights.b_enc_F.fill_(-smallest)

    def look(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `PenalisedStep.look`."""
        code = self.encoder.above(inputs_BD, torch.zeros_like(self.weights.b_enc_F))
        return Live(code, code.values_N)

    def slopes(self, live: Live, reconstruction: Reconstruction, x_BD: Float[Tensor, "B D"]) -> Slopes:
        """See `SparseStep.slopes`."""
        code, coefficient = live.code, self.coefficient
        norm_F = torch.ones_like(self.weights.b_enc_F) if self.unit_norm else self.weights.W_dec_FD.norm(dim=1)
        costs_N = norm_F[code.latents_N]
        along_F = None
        if not self.unit_norm:
            total_F = code.per_latent(code.values_N, norm_F.shape[0])
            along_F = total_F * (coefficient / x_BD.numel()) / norm_F.clamp_min(torch.finfo(torch.float32).tiny)
        penalty = (code.values_N * costs_N).sum() * (coefficient / x_BD.numel())
        return Slopes(reconstruction.slope_N + coefficient / 2 * costs_N, penalty, along_F=along_F)


def to_inference(
    config: StandardTrainingConfig,
    weights: Weights,
    kept: dict[str, Tensor],  # noqa: ARG001
) -> tuple[StandardConfig, Weights]:
    """The same SAE with decoder rows of norm 1: norms move into the encoder, which a ReLU lets pass."""
    norm_F = weights.W_dec_FD.norm(dim=1).clamp_min(torch.finfo(torch.float32).tiny)
    folded = Weights(
        weights.W_enc_FD * norm_F[:, None], weights.b_enc_F * norm_F, weights.W_dec_FD / norm_F[:, None],
        weights.b_dec_D, dict(weights.more),
    )  # fmt: skip
    return StandardConfig(**config.shape()), folded
