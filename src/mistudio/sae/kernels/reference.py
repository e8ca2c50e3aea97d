"""The dense, eager, differentiable step: slow, and right by inspection. Every fast path is tested against it.

B tokens, D d_in, F d_sae.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.sae.weights import Weights


class ReferenceLoss(NamedTuple):
    """The terms of the loss and what they were computed from."""

    reconstruction: Float[Tensor, ""]
    penalty: Float[Tensor, ""]
    auxiliary: Float[Tensor, ""]
    acts_BF: Float[Tensor, "B F"]
    x_hat_BD: Float[Tensor, "B D"]


Activation = Callable[[Tensor, Weights], Tensor]
"""Pre-activations [B, F] and weights to activations [B, F]."""

Penalty = Callable[[Tensor, Tensor, Tensor, Weights], Tensor]
"""x [B, D], pre-activations, activations and weights to the penalty per element of x."""


# ── activations ──────────────────────────────────────────────────────────────────────────────────


def top_k(k: int) -> Activation:
    """ReLU of the k largest pre-activations of each token, zero elsewhere (Gao et al. 2024, eq. 3)."""

    def keep(pre_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
        values_BK, latents_BK = pre_BF.topk(k, dim=-1)
        return torch.zeros_like(pre_BF).scatter(-1, latents_BK, values_BK.relu())

    return keep


def batch_top_k(k: int) -> Activation:
    """ReLU of the k·B largest pre-activations of the batch, zero elsewhere (Bussmann et al. 2024, §3)."""

    def keep(pre_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
        values_N, places_N = pre_BF.relu().flatten().topk(k * pre_BF.shape[0])
        return torch.zeros_like(pre_BF).flatten().scatter(-1, places_N, values_N).view_as(pre_BF)

    return keep


def relu(pre_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
    """Every positive pre-activation."""
    return pre_BF.relu()


def gated(pre_BF: Tensor, weights: Weights) -> Tensor:
    """The magnitude where the gate is open (Rajamanoharan et al. 2024, arXiv 2404.16014, eq. 6)."""
    shared_BF = pre_BF - weights.b_enc_F
    return (shared_BF * weights.more["r_mag_F"].exp() + weights.more["b_mag_F"]).relu() * (pre_BF > 0)


class _Jump(torch.autograd.Function):
    """height · H(z − θ), with the derivative by θ that a rectangle of width `bandwidth`·θ around it has."""

    @staticmethod
    def forward(ctx: Any, pre_BF: Tensor, height_BF: Tensor, threshold_F: Tensor, bandwidth: float) -> Tensor:
        """The step's value."""
        ctx.save_for_backward(pre_BF, height_BF, threshold_F)
        ctx.bandwidth = bandwidth
        return height_BF * (pre_BF > threshold_F) * (pre_BF > 0)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[None, Tensor, Tensor, None]:
        """Rajamanoharan et al. 2024, arXiv 2407.14435, eq. 11 and 12."""
        pre_BF, height_BF, threshold_F = ctx.saved_tensors
        width_F = threshold_F * ctx.bandwidth
        in_band_BF = ((pre_BF - threshold_F).abs() < width_F / 2) & (pre_BF > 0)
        by_threshold_BF = -height_BF / width_F * in_band_BF * outer[0]
        return None, outer[0] * (pre_BF > threshold_F) * (pre_BF > 0), by_threshold_BF.sum(0), None


def _jump(pre_BF: Tensor, height_BF: Tensor, threshold_F: Tensor, bandwidth: float) -> Tensor:
    jump_BF: Tensor = _Jump.apply(pre_BF.detach(), height_BF, threshold_F, bandwidth)  # type: ignore[no-untyped-call]
    return jump_BF


def jump_relu(bandwidth: float) -> Activation:
    """Pre-activations above their threshold; at the jump the activation is taken to be θ."""

    def keep(pre_BF: Tensor, weights: Weights) -> Tensor:
        threshold_F = weights.more["log_threshold_F"].exp()
        # Value and slope of z above θ, and θ as the height of the jump.
        smooth_BF = pre_BF * (pre_BF > threshold_F) * (pre_BF > 0)
        jump_BF = _jump(pre_BF, threshold_F.detach().expand_as(pre_BF), threshold_F, bandwidth)
        return smooth_BF + jump_BF - jump_BF.detach()

    return keep


# ── penalties ────────────────────────────────────────────────────────────────────────────────────


def no_penalty(x_BD: Tensor, pre_BF: Tensor, acts_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
    """Nothing."""
    return torch.zeros((), dtype=x_BD.dtype, device=x_BD.device)


def l1(coefficient: float, *, weighted: bool) -> Penalty:
    """λ Σ activation, each times its decoder row's norm if so wanted."""

    def cost(x_BD: Tensor, pre_BF: Tensor, acts_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
        norm_F = weights.W_dec_FD.norm(dim=1) if weighted else torch.ones_like(weights.b_enc_F)
        return coefficient * (acts_BF * norm_F).sum() / x_BD.numel()

    return cost


def gate_l1(coefficient: float) -> Penalty:
    """λ Σ gate, and what the gates leave of x through a constant decoder (arXiv 2404.16014, eq. 8)."""

    def cost(x_BD: Tensor, pre_BF: Tensor, acts_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
        gate_BF = pre_BF.relu()
        x_hat_BD = gate_BF @ weights.W_dec_FD.detach() + weights.b_dec_D.detach()
        return (coefficient * gate_BF.sum() + (x_BD - x_hat_BD).pow(2).sum()) / x_BD.numel()

    return cost


def l0(coefficient: float, bandwidth: float) -> Penalty:
    """λ times the number of active latents."""

    def cost(x_BD: Tensor, pre_BF: Tensor, acts_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
        return coefficient * _count(pre_BF, weights, bandwidth) / x_BD.numel()

    return cost


def l0_distance(coefficient: float, wanted: float, bandwidth: float) -> Penalty:
    """λ (L0 / wanted − 1)²."""

    def cost(x_BD: Tensor, pre_BF: Tensor, acts_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
        return coefficient * (_count(pre_BF, weights, bandwidth) / x_BD.shape[0] / wanted - 1).pow(2)

    return cost


def tanh_l0(coefficient: float, steepness: float) -> Penalty:
    """λ Σ tanh(steepness · activation)."""

    def cost(x_BD: Tensor, pre_BF: Tensor, acts_BF: Tensor, weights: Weights) -> Tensor:  # noqa: ARG001
        return coefficient * (steepness * acts_BF).tanh().sum() / x_BD.numel()

    return cost


def _count(pre_BF: Tensor, weights: Weights, bandwidth: float) -> Tensor:
    threshold_F = weights.more["log_threshold_F"].exp()
    return _jump(pre_BF, torch.ones_like(pre_BF), threshold_F, bandwidth).sum()


# ── the whole loss ───────────────────────────────────────────────────────────────────────────────


def encode(x_BD: Float[Tensor, "B D"], weights: Weights, keep: Activation) -> Float[Tensor, "B F"]:
    """What `keep` makes of the pre-activations."""
    return keep((x_BD - weights.b_dec_D) @ weights.W_enc_FD.T + weights.b_enc_F, weights)


def decode(acts_BF: Float[Tensor, "B F"], weights: Weights) -> Float[Tensor, "B D"]:
    """The weighted sum of decoder rows, plus the decoder bias."""
    return acts_BF @ weights.W_dec_FD + weights.b_dec_D


def loss(
    x_BD: Float[Tensor, "B D"],
    weights: Weights,
    keep: Activation,
    *,
    penalty: Penalty = no_penalty,
    ends: tuple[int, ...] | None = None,
    dead_F: Bool[Tensor, " F"] | None = None,
    aux_k: int = 0,
    aux_bias: bool = True,
) -> ReferenceLoss:
    """The reconstruction loss, a penalty, and AuxK (Gao et al. 2024, §A.2), all per element of x.

    The reconstruction loss is the mean over the prefixes of the latents that `ends` names. The auxiliary term lets the
    `aux_k` strongest dead latents of each token explain the error of the live ones; the error and the encoder's input
    are constants for it, so it moves dead latents only. Without `aux_bias` the encoder bias has no say in how strong
    they are, and is moved nevertheless.
    """
    pre_BF = (x_BD - weights.b_dec_D) @ weights.W_enc_FD.T + weights.b_enc_F
    acts_BF = keep(pre_BF, weights)
    x_hat_BD = decode(acts_BF, weights)
    error_BD = x_BD - x_hat_BD
    width = acts_BF.shape[1]
    prefixes = [acts_BF * (torch.arange(width, device=x_BD.device) < end) for end in ends or (width,)]
    errors = torch.stack([(x_BD - decode(prefix_BF, weights)).pow(2).sum(-1).mean() for prefix_BF in prefixes])
    auxiliary = torch.zeros((), dtype=x_BD.dtype, device=x_BD.device)
    if dead_F is not None and bool(dead_F.any()) and aux_k > 0:
        centred_BD = (x_BD - weights.b_dec_D).detach()
        bias_A = weights.b_enc_F[dead_F]
        dead_BA = centred_BD @ weights.W_enc_FD[dead_F].T + (bias_A if aux_bias else bias_A - bias_A.detach())
        kept_BA = top_k(min(aux_k, dead_BA.shape[1]))(dead_BA, weights)
        auxiliary = (error_BD.detach() - kept_BA @ weights.W_dec_FD[dead_F]).pow(2).sum(-1).mean() / x_BD.shape[1]
    cost = penalty(x_BD, pre_BF, acts_BF, weights)
    return ReferenceLoss(errors.mean() / x_BD.shape[1], cost, auxiliary, acts_BF, x_hat_BD)
