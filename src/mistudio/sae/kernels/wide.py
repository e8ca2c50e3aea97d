"""Decoding and its gradients where so many latents are active that dense products cost less than sparse ones.

Before a penalty has done its work a token may have thousands of active latents.

B tokens, D d_in, F d_sae, G groups of latents, N latents looked at in all tokens together.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.kernels.portable import finish, held_to
from mistudio.sae.kernels.protocol import Backward, Reconstruction
from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights


class WideDecoding:
    """`reconstruct` and `weight_gradients` of `StepKernels`, in dense products of `dtype`."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: LiveCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""
        groups = list(pairwise((0, *ends)))
        acts_BF, rows_FD = self._dense(code, W_dec_FD.shape[0]), W_dec_FD.to(self._dtype)
        errors = [b_dec_D - target_BD]
        for start, end in groups:
            errors.append(errors[-1] + (acts_BF[:, start:end] @ rows_FD[start:end]).float())
        pull_BGD, squared_BG = held_to(errors[1:])
        narrow_BGD = pull_BGD.to(self._dtype)
        slopes = [narrow_BGD[:, group] @ rows_FD[start:end].T for group, (start, end) in enumerate(groups)]
        slope_N = torch.cat(slopes, 1)[code.tokens_N, code.latents_N].float()
        return Reconstruction(errors[-1], squared_BG[:, -1], squared_BG.mean(1), pull_BGD, slope_N)

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""
        d_sae, code = weights.b_enc_F.shape[0], backward.code
        acts_BF, pull_BGD = self._dense(code, d_sae), (backward.pull_BGD * backward.scale).to(self._dtype)
        for group, (start, end) in enumerate(pairwise((0, *ends))):
            out.W_dec_FD[start:end] = (acts_BF[:, start:end].T @ pull_BGD[:, group]).float()
        slope_N = backward.slope_N * backward.scale
        slope_BF = self._dense(code.with_values(slope_N), d_sae)
        out.W_enc_FD.copy_(slope_BF.T @ backward.inputs_BD.to(self._dtype))
        out.b_enc_F.copy_(code.per_latent(slope_N, d_sae))
        return finish(backward, weights, out)

    def _dense(self, code: LiveCode, d_sae: int) -> Tensor:
        empty_BF = torch.zeros((code.tokens, d_sae), dtype=self._dtype, device=code.values_N.device)
        # Some entries are zeros that stand for no latent: they must not overwrite one.
        return empty_BF.index_put_((code.tokens_N, code.latents_N), code.values_N.to(self._dtype), accumulate=True)
