"""The quality numbers of an SAE: the functions that compute them; `definitions.METRICS` says what they mean.

`Reconstruction` and `LatentUse` take batch after batch and hold float64 sums only, so any number of tokens fits.

Knows nothing of models, hooks or files: whoever calls decides which tokens are evaluated.

B tokens in a batch, D d_in, F d_sae, K active latents per token, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from mistudio.evaluation.definitions import DENSITY_EDGES_LOG10
from mistudio.sae.weights import SparseCode


class Reconstruction:
    """FVU, cosine and norm ratio of every token seen so far."""

    def __init__(self) -> None:
        self.tokens = 0
        self._shift_D: Float64[Tensor, " D"] | None = None
        self._sum_D: Float64[Tensor, " D"] | None = None
        self._square = self._residual = self._cosine = self._norm = self._norm_hat = 0.0

    def update(self, x_BD: Float[Tensor, "B D"], x_hat_BD: Float[Tensor, "B D"]) -> None:
        """Add a batch of tokens and their reconstructions."""
        if x_BD.shape[0] == 0:
            return
        x_BD, x_hat_BD = x_BD.double(), x_hat_BD.double()
        if self._shift_D is None or self._sum_D is None:
            # Sums around a point near the mean do not cancel when the mean is large.
            self._shift_D = x_BD.mean(0)
            self._sum_D = torch.zeros_like(self._shift_D)
        shifted_BD = x_BD - self._shift_D
        norm_B, norm_hat_B = x_BD.norm(dim=-1), x_hat_BD.norm(dim=-1)
        dot_B, lengths_B = (x_BD * x_hat_BD).sum(-1), norm_B * norm_hat_B
        self.tokens += x_BD.shape[0]
        self._sum_D += shifted_BD.sum(0)
        self._square += float(shifted_BD.square().sum())
        self._residual += float((x_BD - x_hat_BD).square().sum())
        self._cosine += float(torch.where(lengths_B > 0, dot_B / lengths_B, 0.0).sum())
        self._norm += float(norm_B.sum())
        self._norm_hat += float(norm_hat_B.sum())

    @property
    def mean(self) -> Float64[Tensor, " D"]:
        """The mean of x over the tokens so far, x̄.

        Raises:
            ValueError: no token has been seen.
        """
        if self._shift_D is None or self._sum_D is None:
            raise ValueError("no token has been seen")
        return self._shift_D + self._sum_D / self.tokens

    @property
    def fvu(self) -> float:
        """Fraction of variance unexplained; NaN where the tokens have no variance."""
        if self._sum_D is None:
            return math.nan
        variance = self._square - float(self._sum_D.square().sum()) / self.tokens
        return self._residual / variance if variance > 0 else math.nan

    @property
    def cosine(self) -> float:
        """Mean cosine similarity."""
        return self._cosine / self.tokens if self.tokens else math.nan

    @property
    def norm_ratio(self) -> float:
        """Relative reconstruction norm."""
        return self._norm_hat / self._norm if self._norm > 0 else math.nan


class LatentUse:
    """How often each latent is active: L0, dead share, densities."""

    def __init__(self, d_sae: int) -> None:
        self.tokens = 0
        self.active_tokens_F = torch.zeros(d_sae, dtype=torch.int64)

    def update(self, code: SparseCode) -> None:
        """Add the active latents of a batch of tokens."""
        latents = code.latents_BK[code.values_BK != 0].cpu()
        self.tokens += code.values_BK.shape[0]
        self.active_tokens_F += torch.bincount(latents, minlength=self.active_tokens_F.shape[0])

    @property
    def density(self) -> Float64[Tensor, " F"]:
        """Share of tokens on which each latent is active."""
        return self.active_tokens_F.double() / max(self.tokens, 1)

    @property
    def l0(self) -> float:
        """Active latents per token."""
        return int(self.active_tokens_F.sum()) / self.tokens if self.tokens else math.nan

    @property
    def dead_share(self) -> float:
        """Share of latents that were never active."""
        return int((self.active_tokens_F == 0).sum()) / self.active_tokens_F.shape[0]


@dataclass(frozen=True)
class DensityCounts:
    """Latents by log₁₀ density: `counts[i]` lie between edges i and i + 1, `never` have density 0."""

    counts: tuple[int, ...]
    never: int


def density_counts(density_F: Float[Tensor, " F"]) -> DensityCounts:
    """Count latents by density. Densities below the lowest edge go into the first bin, density 1 into the last."""
    active = density_F[density_F > 0].double()
    inner_edges = torch.tensor(DENSITY_EDGES_LOG10[1:-1], dtype=torch.float64, device=active.device)
    bins = torch.bucketize(active.log10(), inner_edges, right=True)
    counts = torch.bincount(bins, minlength=len(DENSITY_EDGES_LOG10) - 1)
    return DensityCounts(tuple(counts.tolist()), never=density_F.shape[0] - active.shape[0])


def window_dead_share(tokens_since_active_F: Int64[Tensor, " F"], window: int) -> float:
    """Share of latents that were active on none of the last `window` training tokens."""
    return int((tokens_since_active_F >= window).sum()) / tokens_since_active_F.shape[0]


def cross_entropy(logits_BV: Float[Tensor, "B V"], targets_B: Int64[Tensor, " B"]) -> Float[Tensor, " B"]:
    """−log p(target) of each token, in nats, computed in float32."""
    return torch.nn.functional.cross_entropy(logits_BV.float(), targets_B, reduction="none")


def kl_divergence(logits_p_BV: Float[Tensor, "B V"], logits_q_BV: Float[Tensor, "B V"]) -> Float[Tensor, " B"]:
    """KL(p ‖ q) of each token's next-token distributions, in nats, computed in float32."""
    log_p_BV = logits_p_BV.float().log_softmax(-1)
    log_q_BV = logits_q_BV.float().log_softmax(-1)
    return (log_p_BV.exp() * (log_p_BV - log_q_BV)).sum(-1)


def loss_recovered(*, ce_model: float, ce_spliced: float, ce_ablated: float) -> float | None:
    """Share of the ablation's damage that the SAE avoids; None where the ablation does no damage."""
    damage = ce_ablated - ce_model
    return (ce_ablated - ce_spliced) / damage if damage > 0 else None
