"""A training step that touches only live latents after the encoder, whatever decides which those are.

It costs 2dm FLOP a token for the encoder and about 8dk for everything after it:

1. Encode in the fastest dtype, in slices of tokens small enough to be selected from while still in cache.
2. Select the active latents: the architecture's part.
3. Reconstruct from the live decoder rows, and multiply the error back onto them.
4. Where latents are dead, let the strongest of them explain the error (AuxK), on the dead sub-matrix only.
5. Gather the weights' gradients latent by latent.

Knows nothing of optimisers, schedules or data. Gradients are those of `kernels.reference`.

B tokens, S tokens of a slice, D d_in, F d_sae, K active latents per token, A dead latents.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.hardware import fast_dtype
from mistudio.sae.config import FixedL0Config
from mistudio.sae.kernels.choice import kernels_for
from mistudio.sae.kernels.protocol import AuxiliaryGradients, Reconstruction, StepKernels
from mistudio.sae.weights import SparseCode, Weights

_SLICE = 256
"""Tokens encoded at a time: their pre-activations (8 MB at 16,384 latents) stay in the last-level cache."""


@dataclass(frozen=True)
class StepLoss:
    """What one batch came to. Tensors stay on the device; reading one waits for it."""

    reconstruction: Float[Tensor, ""]
    """Mean squared error per element of x."""
    auxiliary: Float[Tensor, ""]
    """The AuxK loss, in the same unit, before its coefficient."""
    squared_error: Float[Tensor, ""]
    """Σ‖x − x̂‖² over the batch."""
    gradient_norm: float
    code: SparseCode


def initial_weights(d_sae: int, b_dec_D: Float[Tensor, " D"], *, seed: int) -> Weights:
    """Random unit decoder rows, the encoder tied to them, no encoder bias, `b_dec` as given (Gao et al. §A.1)."""
    generator = torch.Generator().manual_seed(seed)
    W_FD = torch.randn((d_sae, b_dec_D.shape[0]), generator=generator).to(b_dec_D.device)
    W_FD /= W_FD.norm(dim=1, keepdim=True)
    return Weights(W_FD.clone(), torch.zeros(W_FD.shape[0], device=b_dec_D.device), W_FD, b_dec_D.clone())


class SparseStep(ABC):
    """Forward and backward of one batch; `gradients` holds the result until the next call.

    Args:
        config: the SAE.
        weights: master weights in float32; the caller updates them in place and then calls `refresh`.
        kernels: the sparse parts; the fastest for the device where not given.
        gemm_dtype: dtype of the encoder's matrix product; the fastest of the device where not given.
    """

    def __init__(
        self,
        config: FixedL0Config,
        weights: Weights,
        *,
        kernels: StepKernels | None = None,
        gemm_dtype: torch.dtype | None = None,
    ) -> None:
        self.config = config
        self.weights = weights
        self.gradients = weights.zeros_like()
        self.kept: dict[str, Tensor] = {}
        """What decides later steps beside the weights, updated in place."""
        self.kernels = kernels or kernels_for(weights.b_dec_D.device)
        dtype = gemm_dtype or fast_dtype(weights.b_dec_D.device)
        self._shadow_FD = torch.empty_like(weights.W_enc_FD, dtype=dtype)
        self._pre_SF = torch.empty((_SLICE, weights.b_enc_F.shape[0]), dtype=dtype, device=weights.b_dec_D.device)
        self.refresh()

    def refresh(self) -> None:
        """Take over the master weights after an update."""
        self._shadow_FD.copy_(self.weights.W_enc_FD)

    def __call__(self, x_BD: Float[Tensor, "B D"], dead_F: Bool[Tensor, " F"] | None = None) -> StepLoss:
        """Loss and gradients of a batch.

        Args:
            x_BD: float32 activations, as scaled for training.
            dead_F: latents that AuxK shall revive; None where there are none.
        """
        tokens, d_in = x_BD.shape
        scale = 2.0 / x_BD.numel()
        inputs_BD = x_BD - self.weights.b_dec_D
        code = self.select(inputs_BD)
        reconstruction = self.kernels.reconstruct(x_BD, code, self.weights.W_dec_FD, self.weights.b_dec_D)
        auxiliary, auxiliary_loss = None, torch.zeros((), device=x_BD.device)
        if dead_F is not None and self.config.aux_k > 0 and self.config.aux_coefficient > 0:
            auxiliary, auxiliary_loss = self._revive(inputs_BD, reconstruction, dead_F.nonzero().squeeze(-1), scale)
        squared_norm = self.kernels.weight_gradients(
            code, reconstruction, inputs_BD, self.weights, scale, auxiliary, self.gradients
        )
        squared_error = reconstruction.squared_error_B.sum()
        return StepLoss(squared_error / (tokens * d_in), auxiliary_loss, squared_error, squared_norm**0.5, code)

    @abstractmethod
    def select(self, inputs_BD: Float[Tensor, "B D"]) -> SparseCode:
        """The active latents of the encoder's inputs; latent ids ascend within a token."""

    def pre_activations(self, inputs_BD: Float[Tensor, "B D"]) -> Iterator[Tensor]:
        """The pre-activations of some tokens after the other, in memory that the next ones overwrite."""
        narrow_BD = inputs_BD.to(self._shadow_FD.dtype)
        bias_F = self.weights.b_enc_F.to(self._shadow_FD.dtype)
        for start in range(0, narrow_BD.shape[0], _SLICE):
            slice_SD = narrow_BD[start : start + _SLICE]
            yield torch.addmm(bias_F, slice_SD, self._shadow_FD.T, out=self._pre_SF[: slice_SD.shape[0]])

    def _revive(
        self, inputs_BD: Float[Tensor, "B D"], reconstruction: Reconstruction, dead_A: Tensor, scale: float
    ) -> tuple[AuxiliaryGradients, Float[Tensor, ""]]:
        W_enc_AD, W_dec_AD = self.weights.W_enc_FD[dead_A], self.weights.W_dec_FD[dead_A]
        pre_BA = torch.addmm(self.weights.b_enc_F[dead_A], inputs_BD, W_enc_AD.T)
        kept = min(self.config.aux_k, dead_A.numel())
        values_BK, picked_BK = pre_BA.topk(kept, dim=-1, sorted=False)
        acts_BA = torch.zeros_like(pre_BA).scatter_(-1, picked_BK, values_BK.relu())
        # error is x̂ − x, so the dead latents' output shall equal its negative.
        miss_BD = torch.addmm(reconstruction.error_BD, acts_BA, W_dec_AD)
        step = scale * self.config.aux_coefficient
        slope_BA = (miss_BD @ W_dec_AD.T).mul_(acts_BA > 0)
        gradients = AuxiliaryGradients(
            dead_A, slope_BA.T @ inputs_BD * step, slope_BA.sum(0) * step, acts_BA.T @ miss_BD * step
        )
        return gradients, miss_BD.pow(2).sum() / miss_BD.numel()
