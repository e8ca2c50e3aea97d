"""What the quality numbers of an SAE mean. Documentation, tooltips, reports and the studio quote this table.

Importable without torch; `metrics.py` computes the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

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
_SHARKEY = "Sharkey et al. 2022, Taking features out of superposition with sparse autoencoders (MMCS)"
_SONG = "Song et al. 2025, arXiv 2505.20254"
_CHANIN = "Chanin & Garriga-Alonso 2026, SynthSAEBench, arXiv 2602.14687"
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
    Metric(
        "decoder_cosine",
        "Nearest other latent",
        "max cos",
        "1",
        (-1.0, 1.0),
        "none",
        "Median over latents, dead ones included, of the largest cosine between a latent's decoder row and that of any "
        "other latent. Near 1, most latents have a twin.",
        _CHANIN,
    ),
    Metric(
        "decoder_cosine_quantiles",
        "Nearest other latents",
        "max cos",
        "1",
        (-1.0, 1.0),
        "none",
        "Quantiles over latents of what decoder_cosine is the median of. Of more than 8,192 latents 8,192 are asked "
        "about, evenly spread, each against all others.",
        _CHANIN,
    ),
    Metric(
        "stability_cosine",
        "Latents found again",
        "MMCS",
        "1",
        (-1.0, 1.0),
        "higher",
        "Mean over the SAE's latents of the largest cosine between a latent's decoder row and any row of the SAE that "
        "it is compared with, such as one trained with another seed.",
        _SHARKEY,
    ),
    Metric(
        "stability_mcc",
        "Latents found again, one to one",
        "MCC",
        "1",
        (0.0, 1.0),
        "higher",
        "Mean absolute cosine of decoder rows of the SAE and of the one that it is compared with, matched one to one "
        "so that it is largest. Not taken where there are more than 2²⁸ pairs of latents.",
        _SONG,
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ROWS})
"""Every quality number by name."""

DENSITY_EDGES_LOG10: tuple[float, ...] = tuple(-8 + 0.25 * step for step in range(33))
"""Edges of the density histogram: the same for every SAE, so that histograms can be laid over each other."""

DECODER_QUANTILES: tuple[float, ...] = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Where the distribution of largest cosines is read."""

DECODER_LATENTS = 8192
"""Most latents that are asked for their largest cosine to another one."""
