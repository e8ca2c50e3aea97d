"""The quality numbers of an SAE: one table of definitions, and the functions that compute them.

`METRICS` is what documentation, tooltips and reports quote. `Reconstruction` and `LatentUse` take batch after batch and
hold float64 sums only, so any number of tokens fits.

Knows nothing of models, hooks or files: whoever calls decides which tokens are evaluated.

B tokens in a batch, D d_in, F d_sae, K active latents per token, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from mistudio.sae.weights import SparseCode

_INF = math.inf


@dataclass(frozen=True)
class Metric:
    """What a number means."""

    name: str
    """The field of `Evaluation`, and the name in every file, table and chart."""
    title: str
    symbol: str
    unit: str
    """"1" for a pure number."""
    range: tuple[float, float]
    better: Literal["lower", "higher", "none"]
    definition: str
    source: str


_GAO = "Gao et al. 2024, arXiv 2406.04093"
_BRICKEN = "Bricken et al. 2023, Towards Monosemanticity"
_SAEBENCH = "Karvonen et al. 2025, SAEBench, arXiv 2503.09532"
_WANG = "Wang et al. 2022, arXiv 2211.00593 (mean-ablation)"

_ROWS = (
    Metric(
        "fvu",
        "Fraction of variance unexplained",
        "FVU",
        "1",
        (0.0, _INF),
        "lower",
        "Σ‖x−x̂‖² / Σ‖x−x̄‖² over all evaluated tokens, x̄ being the mean of x over the same tokens. "
        "Always answering x̄ gives 1.",
        _GAO,
    ),
    Metric(
        "cosine",
        "Cosine similarity",
        "cos",
        "1",
        (-1.0, 1.0),
        "higher",
        "Mean over evaluated tokens of x·x̂ / (‖x‖‖x̂‖), not centred; a token whose x or x̂ is zero counts as 0.",
        _SAEBENCH,
    ),
    Metric(
        "norm_ratio",
        "Relative reconstruction norm",
        "‖x̂‖/‖x‖",
        "1",
        (0.0, _INF),
        "none",
        "Σ‖x̂‖ / Σ‖x‖ over evaluated tokens. Below 1: the SAE shrinks; 1 is ideal.",
        _SAEBENCH,
    ),
    Metric(
        "l0",
        "Active latents per token",
        "L0",
        "latents/token",
        (0.0, _INF),
        "none",
        "Mean over evaluated tokens of the number of latents with a non-zero activation.",
        _BRICKEN,
    ),
    Metric(
        "dead_share",
        "Dead latents",
        "dead",
        "1",
        (0.0, 1.0),
        "lower",
        "Share of all latents that are active on none of the evaluated tokens. It falls with the number of tokens, "
        "so compare it at equal `tokens`.",
        _GAO,
    ),
    Metric(
        "window_dead_share",
        "Dead latents in training",
        "dead(W)",
        "1",
        (0.0, 1.0),
        "lower",
        "Share of all latents that were active on none of the last W training tokens; W is the trainer's window.",
        _GAO,
    ),
    Metric(
        "density_histogram",
        "Density of latents",
        "log₁₀ density",
        "latents/bin",
        (0.0, _INF),
        "none",
        "Number of latents by log₁₀ of their density, in quarter decades. A latent's density is the share of evaluated "
        "tokens on which it is active; latents with density 0 are counted apart.",
        _BRICKEN,
    ),
    Metric(
        "ce_model",
        "Cross-entropy of the model",
        "CE",
        "nats/token",
        (0.0, _INF),
        "none",
        "Mean of −log p(next token) of the untouched model, over every token that follows another one in the "
        "spliced contexts.",
        _BRICKEN,
    ),
    Metric(
        "ce_spliced",
        "Cross-entropy with the SAE spliced in",
        "CE(x̂)",
        "nats/token",
        (0.0, _INF),
        "lower",
        "As ce_model, with x̂ in place of x at the hook point. Excluded tokens (BOS, special, massive) keep their x.",
        _BRICKEN,
    ),
    Metric(
        "ce_zero",
        "Cross-entropy under zero-ablation",
        "CE(0)",
        "nats/token",
        (0.0, _INF),
        "none",
        "As ce_spliced, with 0 in place of x.",
        _BRICKEN,
    ),
    Metric(
        "ce_mean",
        "Cross-entropy under mean-ablation",
        "CE(x̄)",
        "nats/token",
        (0.0, _INF),
        "none",
        "As ce_spliced, with x̄, the mean over the evaluated tokens, in place of x.",
        _WANG,
    ),
    Metric(
        "ce_increase",
        "Increase of cross-entropy",
        "ΔCE",
        "nats/token",
        (-_INF, _INF),
        "lower",
        "ce_spliced − ce_model.",
        _GAO,
    ),
    Metric(
        "loss_recovered_zero",
        "Loss recovered against zero-ablation",
        "LR₀",
        "1",
        (-_INF, _INF),
        "higher",
        "(ce_zero − ce_spliced) / (ce_zero − ce_model): 1 is the model itself, 0 no better than zero-ablation. "
        "Not defined where the ablation does not raise the cross-entropy.",
        _BRICKEN,
    ),
    Metric(
        "loss_recovered_mean",
        "Loss recovered against mean-ablation",
        "LR_x̄",
        "1",
        (-_INF, _INF),
        "higher",
        "(ce_mean − ce_spliced) / (ce_mean − ce_model): stricter than loss_recovered_zero where the mean is large. "
        "Not defined where the ablation does not raise the cross-entropy.",
        _WANG,
    ),
    Metric(
        "kl",
        "Divergence from the model",
        "KL",
        "nats/token",
        (0.0, _INF),
        "lower",
        "Mean of KL(p_model ‖ p_spliced) of the next-token distributions, over the same tokens as ce_model.",
        _SAEBENCH,
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ROWS})
"""Every quality number by name."""

DENSITY_EDGES_LOG10: tuple[float, ...] = tuple(-8 + 0.25 * step for step in range(33))
"""Edges of the density histogram: the same for every SAE, so that histograms can be laid over each other."""


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
