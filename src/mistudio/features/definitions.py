"""What the numbers of a latent mean. The studio's pages quote this table.

Importable without torch; `statistics.py` computes the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from mistudio.evaluation.definitions import Metric

_INF = math.inf
_OURS = "miStudio, from one pass over the text"
_BRICKEN = "Bricken et al. 2023, Towards Monosemanticity"

_ROWS = (
    Metric(
        "density",
        "Activation density",
        "ρ",
        "of tokens",
        (0.0, 1.0),
        "none",
        "Share of the encoded tokens on which the latent is active, that is above 0.",
        _BRICKEN,
    ),
    Metric(
        "log_density",
        "Log density",
        "log₁₀ ρ",
        "1",
        (-_INF, 0.0),
        "none",
        "log₁₀ of the activation density: −3 is once in a thousand tokens. A dead latent has none.",
        _BRICKEN,
    ),
    Metric(
        "count",
        "Tokens",
        "n",
        "tokens",
        (0.0, _INF),
        "none",
        "Encoded tokens on which the latent is active. A latent of 0 is dead on this text.",
        _OURS,
    ),
    Metric(
        "max",
        "Largest activation",
        "max",
        "activation units",
        (0.0, _INF),
        "none",
        "The largest activation on this text. One unit adds the decoder row once; steering counts in multiples of it.",
        _OURS,
    ),
    Metric(
        "mean",
        "Mean activation",
        "mean",
        "activation units",
        (0.0, _INF),
        "none",
        "Mean activation over the tokens on which the latent is active; tokens of 0 do not count.",
        _OURS,
    ),
    Metric(
        "documents",
        "Documents",
        "docs",
        "documents",
        (0.0, 32.0),
        "none",
        "Distinct documents among the 32 strongest activations: few mean that it may know one text and not a concept.",
        _OURS,
    ),
    Metric(
        "top_token_share",
        "Share of its first token",
        "top-1",
        "of activation",
        (0.0, 1.0),
        "none",
        "Share of the sum of all its activations that falls on the token with the largest part: near 1 it is a "
        "detector of that token.",
        _OURS,
    ),
)

FEATURE_METRICS: Mapping[str, Metric] = MappingProxyType({row.name: row for row in _ROWS})
"""By name, in the order in which they are shown."""
