"""What the numbers in a training's log mean: one row a field of a line of training.jsonl.

Importable without torch; `run.py` computes the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from mistudio.evaluation.definitions import Metric

_INF = math.inf
_GAO = "Gao et al. 2024, arXiv 2406.04093"
_RAJ = "Rajamanoharan et al. 2024, arXiv 2407.14435"
_ADAM = "Kingma & Ba 2015, arXiv 1412.6980"

_ROWS = (
    Metric(
        "loss",
        "Reconstruction loss",
        "L",
        "1",
        (0.0, _INF),
        "lower",
        "Mean over the batch's tokens and dimensions of (x−x̂)², x being normalised as the run says (scale: to a mean "
        "norm of √d); of Matryoshka the mean over its prefixes. Penalties on active latents are not in it.",
        _GAO,
    ),
    Metric(
        "auxiliary_loss",
        "Auxiliary loss (AuxK)",
        "L_aux",
        "1",
        (0.0, _INF),
        "lower",
        "The part of the error that dead latents are asked to explain, in the unit of loss, before its coefficient; "
        "0 while no latent is dead.",
        _GAO,
    ),
    Metric(
        "penalty",
        "Penalty",
        "λ·P",
        "1",
        (0.0, _INF),
        "none",
        "What active latents cost beside the reconstruction loss, in its unit and after the coefficient, as the "
        "architecture has it; dead latents' distance from their bound is in it. 0 where nothing but a selection keeps "
        "latents few.",
        _RAJ,
    ),
    Metric(
        "coefficient",
        "Coefficient",
        "λ",
        "1",
        (0.0, _INF),
        "none",
        "Weight of the penalty at that step: given, or moved until k latents are active on average. 0 without penalty.",
        _RAJ,
    ),
    Metric(
        "fvu",
        "Fraction of variance unexplained",
        "FVU",
        "1",
        (0.0, _INF),
        "lower",
        "Σ‖x−x̂‖² / Σ‖x−x̄‖² over the batch of that step, x being raw activations whatever the normalisation. The "
        "number to quote is an evaluation's, on held-out text.",
        _GAO,
    ),
    Metric(
        "l0",
        "Active latents per token",
        "L0",
        "latents/token",
        (0.0, _INF),
        "none",
        "Mean over the batch's tokens of the number of latents with an activation above zero.",
        _GAO,
    ),
    Metric(
        "dead_share",
        "Dead latents",
        "dead",
        "1",
        (0.0, 1.0),
        "lower",
        "Share of all latents that were active on none of the last `dead_after` training tokens.",
        _GAO,
    ),
    Metric(
        "revived",
        "Revived latents",
        "revived",
        "latents",
        (0.0, _INF),
        "none",
        "Dead latents that became active again, summed over the steps since the last line; a latent counts each time.",
        _GAO,
    ),
    Metric(
        "lr",
        "Learning rate",
        "η",
        "1",
        (0.0, _INF),
        "none",
        "Adam's learning rate at that step: it rises over the warm-up and falls over the last part of the run.",
        _ADAM,
    ),
    Metric(
        "gradient_norm",
        "Gradient norm",
        "‖g‖",
        "1",
        (0.0, _INF),
        "none",
        "Norm of the whole gradient, before clipping.",
        _ADAM,
    ),
)

LINE_METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ROWS})
"""Every number of a line of the log by name."""

_VALIDATION_ROWS = (
    Metric(
        "fvu",
        "Fraction of variance unexplained, held back",
        "FVU",
        "1",
        (0.0, _INF),
        "lower",
        "Σ‖x−x̂‖² / Σ‖x−x̄‖² over the tokens that are held back and never train, of the SAE that the run would save at "
        "that step. They are of the text that is trained on: other text may come to another number.",
        _GAO,
    ),
    Metric(
        "l0",
        "Active latents per token, held back",
        "L0",
        "latents/token",
        (0.0, _INF),
        "none",
        "Mean over the tokens that are held back of the number of latents with an activation above zero, of the SAE "
        "that the run would save at that step. A state can be the best only where this is within 5 % of k.",
        _GAO,
    ),
)

VALIDATION_METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _VALIDATION_ROWS})
"""Every number of a line of validation.jsonl by name."""
