"""Gated: one encoder, two heads: a gate that says whether, and a magnitude that says how much.

    gate = W_enc (x − b_dec) + b_enc        magnitude = ReLU(exp(r_mag) · W_enc (x − b_dec) + b_mag)

A latent is active where its gate is positive (Rajamanoharan et al. 2024, arXiv 2404.16014, eq. 6 and 7). The L1 penalty
lies on the gate; so that the gate learns what to let through, its own positive part must reconstruct x too, with the
decoder as a constant (eq. 8).

B tokens, D d_in, F d_sae, N latents looked at in all tokens together.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import GatedConfig, GatedTrainingConfig
from mistudio.sae.kernels.protocol import Reconstruction
from mistudio.sae.live_code import LiveCode
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

    def begin(self, smallest: float) -> None:
        """See `PenalisedStep.begin`."""
        self.weights.b_enc_F.fill_(-smallest)

    def look(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `PenalisedStep.look`."""
        gate = self.encoder.above(inputs_BD, torch.zeros_like(self.weights.b_enc_F))
        magnitude_N = self._grown(gate) + self.weights.more["b_mag_F"][gate.latents_N]
        return Live(gate.with_values(magnitude_N.relu()), gate.values_N)

    def slopes(self, live: Live, reconstruction: Reconstruction, x_BD: Float[Tensor, "B D"]) -> Slopes:
        """See `SparseStep.slopes`."""
        weights, d_sae, scale = self.weights, self.weights.b_enc_F.shape[0], 2 / x_BD.numel()
        code, gate = live.code, live.code.with_values(live.found_N)
        by_gate = self._decoding(live).reconstruct(x_BD, gate, weights.W_dec_FD, weights.b_dec_D, self.ends)
        gate_slope_N = by_gate.slope_N + self.coefficient / 2
        slope_N = reconstruction.slope_N * (code.values_N > 0)
        vectors = {
            "b_enc_F": code.per_latent(gate_slope_N, d_sae) * scale,
            "b_mag_F": code.per_latent(slope_N, d_sae) * scale,
            "r_mag_F": code.per_latent(slope_N * self._grown(gate), d_sae) * scale,
        }
        combined_N = slope_N * weights.more["r_mag_F"].exp()[code.latents_N] + gate_slope_N
        penalty = gate.values_N.sum() * self.coefficient + by_gate.loss_B.sum() / self.mesh.latents.size
        return Slopes(combined_N, penalty / x_BD.numel(), vectors)

    def _grown(self, gate: LiveCode) -> Tensor:
        """exp(r_mag) · W_enc (x − b_dec), from the gate."""
        shared_N = gate.values_N - self.weights.b_enc_F[gate.latents_N]
        return shared_N * self.weights.more["r_mag_F"].exp()[gate.latents_N]


def to_inference(
    config: GatedTrainingConfig,
    weights: Weights,
    kept: dict[str, Tensor],  # noqa: ARG001
) -> tuple[GatedConfig, Weights]:
    """The same weights."""
    return GatedConfig(**config.shape()), weights
