"""The sparse step in plain PyTorch: any device, no compiler.

Sparse products run as CSR (row-compressed) × dense. The transposed pattern, latents in rows, comes from a stable sort.

B tokens, D d_in, F d_sae, G groups of latents, N latents looked at in all tokens together.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adam import adam

from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings, Backward, Reconstruction
from mistudio.sae.live_code import LiveCode
from mistudio.sae.weights import Weights


class PortableKernels:
    """`StepKernels` in PyTorch operations."""

    def top_k(self, pre_BF: Tensor, k: int) -> LiveCode:
        """See `StepKernels.top_k`."""
        values_BK, latents_BK = pre_BF.topk(k, dim=-1, sorted=False)
        latents_BK, order_BK = latents_BK.sort(dim=-1)
        starts_B = torch.arange(0, pre_BF.shape[0] * k + 1, k, device=pre_BF.device)
        return LiveCode(values_BK.gather(-1, order_BK).float().relu().flatten(), latents_BK.flatten(), starts_B)

    def above(self, pre_BF: Tensor, bound_F: Float[Tensor, " F"]) -> LiveCode:
        """See `StepKernels.above`."""
        above_BF = pre_BF > bound_F.clamp_min(0.0)
        starts_B = torch.nn.functional.pad(above_BF.sum(-1).cumsum(0), (1, 0))
        tokens_N, latents_N = above_BF.nonzero(as_tuple=True)
        return LiveCode(pre_BF[tokens_N, latents_N].float(), latents_N, starts_B)

    def reconstruct(
        self,
        target_BD: Float[Tensor, "B D"],
        code: LiveCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
        ends: tuple[int, ...],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""
        values_N, latents_N, starts_B = code
        groups = [(latents_N >= start) & (latents_N < end) for start, end in pairwise((0, *ends))]
        errors = [b_dec_D - target_BD]
        for inside_N in groups:
            part_N = values_N * inside_N
            x_hat_BD = torch.nn.functional.embedding_bag(
                latents_N, W_dec_FD, starts_B, per_sample_weights=part_N, mode="sum", include_last_offset=True
            )
            errors.append(errors[-1] + x_hat_BD)
        pull_BGD, squared_BG = held_to(errors[1:])
        pattern = _csr(starts_B, latents_N, torch.zeros_like(values_N), (target_BD.shape[0], W_dec_FD.shape[0]))
        slope_N = torch.zeros_like(values_N)
        for group, inside_N in enumerate(groups):
            sampled = torch.sparse.sampled_addmm(pattern, pull_BGD[:, group].contiguous(), W_dec_FD.T, beta=0.0)
            slope_N += sampled.values() * inside_N
        return Reconstruction(errors[-1], squared_BG[:, -1], squared_BG.mean(1), pull_BGD, slope_N)

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""
        code, d_sae = backward.code, weights.b_enc_F.shape[0]
        slope_N = backward.slope_N * backward.scale
        latents_N, order_N = code.latents_N.sort(stable=True)
        starts_F = torch.searchsorted(latents_N, torch.arange(d_sae + 1, device=latents_N.device))
        tokens_N, values_N = code.tokens_N[order_N], code.values_N[order_N] * backward.scale
        by_latent = _csr(starts_F, tokens_N, slope_N[order_N], (d_sae, code.tokens))
        out.W_enc_FD.copy_(by_latent @ backward.inputs_BD)
        for group, (start, end) in enumerate(pairwise((0, *ends))):
            bounds_F = starts_F[start : end + 1]
            first, last = int(bounds_F[0]), int(bounds_F[-1])
            acts = _csr(bounds_F - first, tokens_N[first:last], values_N[first:last], (end - start, code.tokens))
            out.W_dec_FD[start:end] = acts @ backward.pull_BGD[:, group]
        out.b_enc_F.copy_(code.per_latent(slope_N, d_sae))
        return finish(backward, weights, out)

    def adam(self, weights: Weights, gradients: Weights, moments: AdamMoments, settings: AdamSettings) -> None:
        """See `StepKernels.adam`."""
        device = weights.b_enc_F.device
        for name, tensor in weights.tensors().items():
            adam(
                [tensor],
                [gradients.tensors()[name]],
                [moments.first.tensors()[name]],
                [moments.second.tensors()[name]],
                [],
                [torch.tensor(float(moments.steps), device=device)],
                fused=True,
                grad_scale=torch.tensor(1.0 / settings.gradient_scale, device=device),
                amsgrad=False,
                beta1=settings.beta1,
                beta2=settings.beta2,
                lr=settings.lr * settings.faster.get(name, 1.0),
                weight_decay=0.0,
                eps=settings.eps,
                maximize=False,
            )
        moments.steps += 1
        if settings.unit_norm:
            weights.W_dec_FD /= weights.W_dec_FD.norm(dim=1, keepdim=True)


def held_to(errors: Sequence[Tensor]) -> tuple[Float[Tensor, "B G D"], Float[Tensor, "B G"]]:
    """From the error of each prefix [B, D]: the pull on each group of latents, and the squared norms."""
    errors_BGD = torch.stack(list(errors), 1)
    return errors_BGD.flip(1).cumsum(1).flip(1) / len(errors), errors_BGD.square().sum(-1)


def finish(backward: Backward, weights: Weights, out: Weights) -> float:
    """Add what does not come from live latents to the gradients of the matrices; their squared norm."""
    auxiliary, live_FD = backward.auxiliary, weights.W_dec_FD
    if auxiliary is not None:
        out.W_enc_FD.index_add_(0, auxiliary.latents_A, auxiliary.W_enc_AD)
        out.W_dec_FD.index_add_(0, auxiliary.latents_A, auxiliary.W_dec_AD)
    along_F1 = torch.zeros_like(live_FD[:, :1]) if backward.along_F is None else backward.along_F[:, None]
    if backward.unit_norm:
        along_F1 = along_F1 - (out.W_dec_FD * live_FD).sum(1, keepdim=True)
    out.W_dec_FD.addcmul_(live_FD, along_F1)
    return float(out.W_enc_FD.pow(2).sum() + out.W_dec_FD.pow(2).sum())


def _csr(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():  # PyTorch calls its CSR tensors beta, once a process.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=False)
