"""Decoding and its gradients where so many latents are active that dense products cost less than sparse ones.

Before a penalty has done its work a token may have thousands of active latents.

B tokens, D d_in, F d_sae, K latents looked at per token, G groups of latents.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.sae.kernels.portable import finish
from mistudio.sae.kernels.protocol import Backward, Reconstruction
from mistudio.sae.weights import SparseCode, Weights


class WideDecoding:
    """`reconstruct` and `weight_gradients` of `StepKernels`, in dense products of `dtype`."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: SparseCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
        asked_BK: Bool[Tensor, "B K"],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""
        groups = list(pairwise((0, *ends)))
        acts_BF, rows_FD = self._dense(code.values_BK, code.latents_BK, W_dec_FD.shape[0]), W_dec_FD.to(self._dtype)
        errors = [b_dec_D - target_BD]
        for start, end in groups:
            errors.append(errors[-1] + (acts_BF[:, start:end] @ rows_FD[start:end]).float())
        pull_BGD = torch.stack(errors[1:], 1).flip(1).cumsum(1).flip(1) / len(groups)
        narrow_BGD = pull_BGD.to(self._dtype)
        slopes = [narrow_BGD[:, group] @ rows_FD[start:end].T for group, (start, end) in enumerate(groups)]
        slope_BK = torch.cat(slopes, 1).gather(-1, code.latents_BK).float() * asked_BK
        squared_BG = torch.stack([error_BD.pow(2).sum(-1) for error_BD in errors[1:]], 1)
        return Reconstruction(errors[-1], squared_BG[:, -1], squared_BG.mean(1), pull_BGD, slope_BK)

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""
        d_sae, latents_BK = weights.b_enc_F.shape[0], backward.code.latents_BK
        acts_BF = self._dense(backward.code.values_BK, latents_BK, d_sae)
        pull_BGD = (backward.pull_BGD * backward.scale).to(self._dtype)
        for group, (start, end) in enumerate(pairwise((0, *ends))):
            out.W_dec_FD[start:end] = (acts_BF[:, start:end].T @ pull_BGD[:, group]).float()
        slope_BK = backward.slope_BK * backward.scale
        slope_BF = self._dense(slope_BK, latents_BK, d_sae)
        out.W_enc_FD.copy_(slope_BF.T @ backward.inputs_BD.to(self._dtype))
        out.b_enc_F.zero_().index_add_(0, latents_BK.flatten(), slope_BK.flatten())
        return finish(backward, weights, out)

    def _dense(self, values_BK: Tensor, latents_BK: Tensor, d_sae: int) -> Tensor:
        empty_BF = torch.zeros((values_BK.shape[0], d_sae), dtype=self._dtype, device=values_BK.device)
        # Padding adds zeros to whatever latent it names.
        return empty_BF.scatter_add_(-1, latents_BK, values_BK.to(self._dtype))
