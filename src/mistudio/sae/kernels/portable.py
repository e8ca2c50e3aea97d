"""The sparse TopK step in plain PyTorch: any device, no compiler.

Sparse products run as CSR (row-compressed) × dense. The transposed pattern, latents in rows, comes from a stable sort.

B tokens, D d_in, F d_sae, K active latents per token, N = B·K.
"""

from __future__ import annotations

import warnings

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adam import adam

from mistudio.sae.kernels.protocol import AdamMoments, AdamSettings, AuxiliaryGradients, Reconstruction
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
        x_BD: Float[Tensor, "B D"],
        code: SparseCode,
        W_dec_FD: Float[Tensor, "F D"],
        b_dec_D: Float[Tensor, " D"],
    ) -> Reconstruction:
        """See `StepKernels.reconstruct`."""
        values_BK, latents_BK = code
        x_hat_BD = torch.nn.functional.embedding_bag(latents_BK, W_dec_FD, per_sample_weights=values_BK, mode="sum")
        error_BD = x_hat_BD + b_dec_D - x_BD
        pattern = _csr(latents_BK, torch.zeros_like(values_BK), W_dec_FD.shape[0])
        slope_N = torch.sparse.sampled_addmm(pattern, error_BD, W_dec_FD.T, beta=0.0).values()
        slope_BK = slope_N.view_as(values_BK) * (values_BK > 0)
        return Reconstruction(error_BD, error_BD.pow(2).sum(-1), slope_BK)

    def weight_gradients(
        self,
        code: SparseCode,
        reconstruction: Reconstruction,
        inputs_BD: Float[Tensor, "B D"],
        weights: Weights,
        scale: float,
        auxiliary: AuxiliaryGradients | None,
        out: Weights,
    ) -> float:
        """See `StepKernels.weight_gradients`."""
        values_BK, latents_BK = code
        d_sae = weights.b_enc_F.shape[0]
        error_BD = reconstruction.error_BD * scale
        slope_BK = reconstruction.slope_BK * scale
        latents_N, order_N = latents_BK.flatten().sort(stable=True)
        starts_F = torch.searchsorted(latents_N, torch.arange(d_sae + 1, device=latents_N.device))
        tokens_N = order_N // latents_BK.shape[1]
        shape = (d_sae, values_BK.shape[0])
        out.W_dec_FD.copy_(_from_csr(starts_F, tokens_N, values_BK.flatten()[order_N], shape) @ error_BD)
        out.W_enc_FD.copy_(_from_csr(starts_F, tokens_N, slope_BK.flatten()[order_N], shape) @ inputs_BD)
        out.b_enc_F.zero_().index_add_(0, latents_BK.flatten(), slope_BK.flatten())
        # The encoder sees x − b_dec, so b_dec also gets the encoder's gradient, negated.
        out.b_dec_D.copy_(error_BD.sum(0) - out.b_enc_F @ weights.W_enc_FD)
        if auxiliary is not None:
            out.W_enc_FD.index_add_(0, auxiliary.latents_A, auxiliary.W_enc_AD)
            out.b_enc_F.index_add_(0, auxiliary.latents_A, auxiliary.b_enc_A)
            out.W_dec_FD.index_add_(0, auxiliary.latents_A, auxiliary.W_dec_AD)
        along_F1 = (out.W_dec_FD * weights.W_dec_FD).sum(1, keepdim=True)
        out.W_dec_FD.addcmul_(weights.W_dec_FD, along_F1, value=-1.0)
        return float(torch.stack([tensor.pow(2).sum() for tensor in out.tensors().values()]).sum())

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
        weights.W_dec_FD /= weights.W_dec_FD.norm(dim=1, keepdim=True)


def _csr(latents_BK: Tensor, values_BK: Tensor, d_sae: int) -> Tensor:
    tokens, k = latents_BK.shape
    rows = torch.arange(0, tokens * k + 1, k, device=latents_BK.device)
    return _from_csr(rows, latents_BK.flatten(), values_BK.flatten(), (tokens, d_sae))


def _from_csr(rows: Tensor, columns: Tensor, values: Tensor, shape: tuple[int, int]) -> Tensor:
    with warnings.catch_warnings():  # PyTorch calls its CSR tensors beta, once a process.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(rows, columns, values, shape, check_invariants=False)
