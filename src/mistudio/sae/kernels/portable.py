"""The sparse step in plain PyTorch: any device, no compiler.

Sparse products run as CSR (row-compressed) × dense. The transposed pattern, latents in rows, comes from a stable sort.

B tokens, D d_in, F d_sae, K latents looked at per token, G groups of latents, N = B·K.
"""

from __future__ import annotations

import warnings
from itertools import pairwise

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.optim.adam import adam

from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings, Backward, Reconstruction
from mistudio.sae.weights import SparseCode, Weights


class PortableKernels:
    """`StepKernels` in PyTorch operations."""

    def top_k(self, pre_BF: Tensor, k: int) -> SparseCode:
        """See `StepKernels.top_k`."""
        values_BK, latents_BK = pre_BF.topk(k, dim=-1, sorted=False)
        latents_BK, order_BK = latents_BK.sort(dim=-1)
        return SparseCode(values_BK.gather(-1, order_BK).float().relu(), latents_BK)

    def above(self, pre_BF: Tensor, bound_F: Float[Tensor, " F"]) -> SparseCode:
        """See `StepKernels.above`."""
        exact_BF = pre_BF.float()
        code = SparseCode.of_dense(exact_BF * (exact_BF > bound_F.clamp_min(0.0)))
        # What is padding goes last.
        latents_BK, order_BK = torch.where(code.values_BK > 0, code.latents_BK, pre_BF.shape[1]).sort(dim=-1)
        values_BK = code.values_BK.gather(-1, order_BK)
        return SparseCode(values_BK, latents_BK.clamp_max(pre_BF.shape[1] - 1))

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
        values_BK, latents_BK = code
        groups = [(latents_BK >= start) & (latents_BK < end) for start, end in pairwise((0, *ends))]
        errors = [b_dec_D - target_BD]
        for inside_BK in groups:
            part_BK = values_BK * inside_BK
            x_hat_BD = torch.nn.functional.embedding_bag(latents_BK, W_dec_FD, per_sample_weights=part_BK, mode="sum")
            errors.append(errors[-1] + x_hat_BD)
        pull_BGD = torch.stack(errors[1:], 1).flip(1).cumsum(1).flip(1) / len(groups)
        pattern = _csr(latents_BK, torch.zeros_like(values_BK), W_dec_FD.shape[0])
        slope_BK = torch.zeros_like(values_BK)
        for group, inside_BK in enumerate(groups):
            slope_N = torch.sparse.sampled_addmm(pattern, pull_BGD[:, group].contiguous(), W_dec_FD.T, beta=0.0)
            slope_BK += slope_N.values().view_as(values_BK) * (inside_BK & asked_BK)
        squared_BG = torch.stack([error_BD.pow(2).sum(-1) for error_BD in errors[1:]], 1)
        return Reconstruction(errors[-1], squared_BG[:, -1], squared_BG.mean(1), pull_BGD, slope_BK)

    def weight_gradients(self, backward: Backward, weights: Weights, out: Weights, ends: tuple[int, ...]) -> float:
        """See `StepKernels.weight_gradients`."""
        values_BK, latents_BK = backward.code
        tokens, d_sae = values_BK.shape[0], weights.b_enc_F.shape[0]
        slope_BK = backward.slope_BK * backward.scale
        latents_N, order_N = latents_BK.flatten().sort(stable=True)
        starts_F = torch.searchsorted(latents_N, torch.arange(d_sae + 1, device=latents_N.device))
        tokens_N = order_N // latents_BK.shape[1]
        values_N = values_BK.flatten()[order_N] * backward.scale
        by_latent = _from_csr(starts_F, tokens_N, slope_BK.flatten()[order_N], (d_sae, tokens))
        out.W_enc_FD.copy_(by_latent @ backward.inputs_BD)
        for group, (start, end) in enumerate(pairwise((0, *ends))):
            bounds_F = starts_F[start : end + 1]
            first, last = int(bounds_F[0]), int(bounds_F[-1])
            acts = _from_csr(bounds_F - first, tokens_N[first:last], values_N[first:last], (end - start, tokens))
            out.W_dec_FD[start:end] = acts @ backward.pull_BGD[:, group]
        out.b_enc_F.zero_().index_add_(0, latents_BK.flatten(), slope_BK.flatten())
        return finish(backward, weights, out)

    def adam(self, weights: Weights, gradients: Weights, moments: AdamMoments, settings: AdamSettings) -> None:
        """See `StepKernels.adam`."""
        names = list(weights.tensors())
        device = weights.b_enc_F.device
        steps = [torch.tensor(float(moments.steps), device=device) for _ in names]
        adam(
            [weights.tensors()[name] for name in names],
            [gradients.tensors()[name] for name in names],
            [moments.first.tensors()[name] for name in names],
            [moments.second.tensors()[name] for name in names],
            [],
            steps,
            fused=True,
            grad_scale=torch.tensor(1.0 / settings.gradient_scale, device=device),
            amsgrad=False,
            beta1=settings.beta1,
            beta2=settings.beta2,
            lr=settings.lr,
            weight_decay=0.0,
            eps=settings.eps,
            maximize=False,
        )
        moments.steps += 1
        if settings.unit_norm:
            weights.W_dec_FD /= weights.W_dec_FD.norm(dim=1, keepdim=True)


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


def _csr(latents_BK: Tensor, values_BK: Tensor, d_sae: int) -> Tensor:
    tokens, k = latents_BK.shape
    rows = torch.arange(0, tokens * k + 1, k, device=latents_BK.device)
    return _from_csr(rows, latents_BK.flatten(), values_BK.flatten(), (tokens, d_sae))


def _from_csr(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():  # PyTorch calls its CSR tensors beta, once a process.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=False)
