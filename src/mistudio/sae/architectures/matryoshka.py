"""Matryoshka: BatchTopK whose first latents alone must reconstruct too (Bussmann et al. 2025, arXiv 2503.17547).

The loss is the mean, over prefixes of the latents, of the squared error that this prefix of the active latents leaves.
Once trained it is what BatchTopK is.
"""

from __future__ import annotations

from typing import Any

from mistudio.sae.config import MatryoshkaConfig
from mistudio.sae.selection import BatchSelectionStep
from mistudio.sae.weights import Weights


class MatryoshkaStep(BatchSelectionStep):
    """The k·B largest of a batch, held to several reconstructions."""

    def __init__(self, config: MatryoshkaConfig, weights: Weights, **options: Any) -> None:
        super().__init__(config, weights, **options)
        self.ends = config.ends(weights.b_enc_F.shape[0])
