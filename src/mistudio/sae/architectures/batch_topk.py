"""BatchTopK: a batch of B tokens keeps its k·B largest pre-activations (Bussmann et al. 2024, arXiv 2412.06410)."""

from __future__ import annotations

from mistudio.sae.selection import BatchSelectionStep


class BatchTopKStep(BatchSelectionStep):
    """The k·B largest of a batch, held to one reconstruction."""
