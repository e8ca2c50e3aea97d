"""JumpReLU: a latent is active where its pre-activation exceeds its threshold (Rajamanoharan et al. 2024, eq. 3).

Neither the jump nor the number of active latents has a useful derivative by the threshold θ. Instead a pre-activation
within a band of width ε around θ counts with the derivative that smoothing over the band has: −θ/ε for the activation,
−1/ε for the number (their eq. 11 and 12, with a rectangle as kernel). The band is a share of θ, so that the scale of
the activations does not matter, and log θ is what is trained. Pre-activations that are not positive are in no band.

B tokens, D d_in, F d_sae, N latents looked at in all tokens together.
"""

from __future__ import annotations

import math
from types import MappingProxyType

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from mistudio.sae.config import JumpReLUConfig, JumpReLUTrainingConfig
from mistudio.sae.kernels.protocol import Reconstruction
from mistudio.sae.penalty import PenalisedStep
from mistudio.sae.sparse_step import Live, Slopes
from mistudio.sae.weights import SparseCode, Weights, pre_activations

TENSORS = ("threshold_F",)
TRAINED_TENSORS = ("log_threshold_F",)


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, config: JumpReLUConfig) -> SparseCode:  # noqa: ARG001
    """The active latents in full float32, strongest first."""
    pre_BF = pre_activations(x_BD, weights)
    return SparseCode.of_dense(pre_BF.relu() * (pre_BF > weights.more["threshold_F"]))


class JumpReLUStep(PenalisedStep[JumpReLUTrainingConfig]):
    """Latents above the lower edge of their band are looked at; those above their threshold are active."""

    # A thousand steps at a usual rate would move a threshold by hardly more than a factor of e.
    faster = MappingProxyType({"log_threshold_F": 10.0})

    def begin(self, smallest: float) -> None:
        """See `PenalisedStep.begin`."""
        self.weights.more["log_threshold_F"].fill_(math.log(max(smallest, 1e-6)))

    def look(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `PenalisedStep.look`."""
        threshold_F = self.weights.more["log_threshold_F"].exp()
        found = self.encoder.above(inputs_BD, threshold_F * (1 - self.config.bandwidth / 2))
        active_N = found.values_N > threshold_F[found.latents_N]
        return Live(found.with_values(found.values_N * active_N), found.values_N)

    def bound_F(self) -> Float[Tensor, " F"]:
        """See `PenalisedStep.bound_F`."""
        return self.weights.more["log_threshold_F"].exp()

    def bound_pulled(self, dead_A: Int64[Tensor, " A"], by_bound_A: Float[Tensor, " A"], slopes: Slopes) -> None:
        """See `PenalisedStep.bound_pulled`."""
        slopes.vectors["log_threshold_F"].index_add_(0, dead_A, by_bound_A * self.bound_F()[dead_A])

    def slopes(self, live: Live, reconstruction: Reconstruction, x_BD: Float[Tensor, "B D"]) -> Slopes:
        """See `SparseStep.slopes`."""
        code, found_N, config = live.code, live.found_N, self.config
        threshold_F = self.weights.more["log_threshold_F"].exp()
        threshold_N = threshold_F[code.latents_N]
        half_band_N = threshold_N * (config.bandwidth / 2)
        in_band_N = (found_N - threshold_N).abs() < half_band_N
        active_N = code.values_N > 0
        penalty, by_count, by_value_N = self._penalty(code.values_N, active_N, x_BD)
        slope_N = reconstruction.slope_N + by_value_N / 2 * x_BD.numel()
        # d(activation)/d(log θ) is −θ·θ/ε in the band, d(number)/d(log θ) is −θ/ε.
        by_log_N = (slope_N * (2 / x_BD.numel()) * threshold_N + by_count) * in_band_N
        by_log_F = code.per_latent(by_log_N, threshold_F.shape[0])
        return Slopes(slope_N * active_N, penalty, {"log_threshold_F": -by_log_F / config.bandwidth})

    def _penalty(self, values_N: Tensor, active_N: Tensor, x_BD: Tensor) -> tuple[Tensor, float, Tensor]:
        """The penalty, its derivative by the number of active latents, and that by each activation."""
        coefficient, nothing_N = self.coefficient, torch.zeros_like(values_N)
        match self.config.penalty:
            case "step":
                each = coefficient / x_BD.numel()
                return active_N.sum() * each, each, nothing_N
            case "tanh":
                height_N = (self.config.tanh_scale * values_N).tanh()
                each = coefficient / x_BD.numel()
                return height_N.sum() * each, 0.0, (1 - height_N.square()) * (self.config.tanh_scale * each)
            case "quadratic":
                tokens, wanted = x_BD.shape[0], self.k
                off = self.l0(active_N, tokens) / wanted - 1
                penalty = torch.tensor(coefficient * off * off / self.mesh.latents.size, device=x_BD.device)
                return penalty, coefficient * 2 * off / (wanted * tokens), nothing_N

    @property
    def coefficient(self) -> float:
        """See `PenalisedStep.coefficient`; the quadratic penalty needs none to be found."""
        if self.config.penalty == "quadratic":
            return (self.config.coefficient or 1.0) * (self.risen if self.config.coefficient else 1.0)
        return super().coefficient


def to_inference(
    config: JumpReLUTrainingConfig,
    weights: Weights,
    kept: dict[str, Tensor],  # noqa: ARG001
) -> tuple[JumpReLUConfig, Weights]:
    """The SAE with thresholds for their logarithms."""
    tensors = weights.tensors()
    threshold_F = tensors.pop("log_threshold_F").exp()
    return JumpReLUConfig(**config.shape()), Weights.of(tensors | {"threshold_F": threshold_F})
