"""Gated: one encoder, two heads: a gate that says whether, and a magnitude that says how much.

    gate = W_enc (x − b_dec) + b_enc        magnitude = ReLU(exp(r_mag) · W_enc (x − b_dec) + b_mag)

A latent is active where its gate is positive (Rajamanoharan et al. 2024, arXiv 2404.16014, eq. 6 and 7). The L1 penalty
lies on the gate; so that the gate learns what to let through, its own positive part must reconstruct x too, with the
decoder as a constant (eq. 8).

B tokens, D d_in, F d_sae, K latents looked at per token.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import GatedConfig, GatedTrainingConfig
from mistudio.sae.kernels.protocol import Reconstruction
from mistudio.sae.penalty import PenalisedStep
from mistudio.sae.sparse_step import Live, Slopes
from mistudio.sae.weights import SparseCode, Weights

TENSORS = ("r_mag_F", "b_mag_F")


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, config: GatedConfig) -> SparseCode:  # noqa: ARG001
    """The active latents in full float32, strongest first."""
    shared_BF = (x_BD - weights.b_dec_D) @ weights.W_enc_FD.T
    magnitude_BF = (shared_BF * weights.more["r_mag_F"].exp() + weights.more["b_mag_F"]).relu()
    return SparseCode.of_dense(magnitude_BF * (shared_BF + weights.b_enc_F > 0))


class GatedStep(PenalisedStep[GatedTrainingConfig]):
    """Latents whose gate is open are looked at, and λ Σ gate per token stands beside both ‖x − x̂‖²."""

    sparse_by_bias = True
    starts_at = 4.0

    def begin(self, smallest: float) -> None:
        """See `PenalisedStep.begin`."""
        self.weights.b_enc_F.fill_(-smallest)

    def look(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `PenalisedStep.look`."""
        gate_BK, latents_BK = self.above(inputs_BD, torch.zeros_like(self.weights.b_enc_F))
        magnitude_BK = self._grown(gate_BK, latents_BK) + self.weights.more["b_mag_F"][latents_BK]
        return Live(SparseCode(magnitude_BK.relu() * (gate_BK > 0), latents_BK), gate_BK)

    def slopes(self, live: Live, reconstruction: Reconstruction, x_BD: Float[Tensor, "B D"]) -> Slopes:
        """See `SparseStep.slopes`."""
        (values_BK, latents_BK), gate_BK, weights = live.code, live.found_BK, self.weights
        open_BK = gate_BK > 0
        by_gate = self._decoding(live).reconstruct(
            x_BD, SparseCode(gate_BK, latents_BK), weights.W_dec_FD, weights.b_dec_D, self.ends, open_BK
        )
        gate_slope_BK = by_gate.slope_BK + self.coefficient / 2 * open_BK
        slope_BK = reconstruction.slope_BK * (values_BK > 0)

        def per_latent(each_BK: Tensor) -> Tensor:
            total_F = torch.zeros_like(weights.b_enc_F).index_add_(0, latents_BK.flatten(), each_BK.flatten())
            return total_F * (2 / x_BD.numel())

        vectors = {
            "b_enc_F": per_latent(gate_slope_BK),
            "b_mag_F": per_latent(slope_BK),
            "r_mag_F": per_latent(slope_BK * self._grown(gate_BK, latents_BK)),
        }
        combined_BK = slope_BK * weights.more["r_mag_F"].exp()[latents_BK] + gate_slope_BK
        penalty = gate_BK.sum() * (self.coefficient / x_BD.numel()) + by_gate.loss_B.sum() / x_BD.numel()
        return Slopes(combined_BK, penalty, vectors)

    def _grown(self, gate_BK: Tensor, latents_BK: Tensor) -> Tensor:
        """exp(r_mag) · W_enc (x − b_dec), from the gate."""
        return (gate_BK - self.weights.b_enc_F[latents_BK]) * self.weights.more["r_mag_F"].exp()[latents_BK]


def to_inference(
    config: GatedTrainingConfig,
    weights: Weights,
    kept: dict[str, Tensor],  # noqa: ARG001
) -> tuple[GatedConfig, Weights]:
    """The same weights."""
    return GatedConfig(**config.shape()), weights
