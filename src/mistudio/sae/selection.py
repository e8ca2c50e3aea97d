"""Selecting the largest pre-activations of a whole batch.

The selection is exact, and looks at each pre-activation once: what exceeds a bound is collected, and the bound is a bit
below the smallest activation that the last batch kept. Where that yields too few, the batch is encoded again with half
the bound.

For use the batch must not matter: the smallest kept activation, averaged over batches, becomes the threshold of a
JumpReLU.

B tokens, D d_in, F d_sae, N latents looked at in all tokens together.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.sae.config import BatchSelectionConfig, JumpReLUConfig
from mistudio.sae.live_code import LiveCode
from mistudio.sae.sparse_step import Live, SparseStep
from mistudio.sae.weights import Weights

_BELOW = 0.8
"""Where the next bound lies, as a share of the smallest activation kept."""
_FIRST_TOKENS = 64
"""Of the first batch, from which the first bound is taken."""
_SMALL = 1e-4


class BatchSelectionStep(SparseStep[BatchSelectionConfig]):
    """The k·B largest of a batch."""

    def __init__(self, config: BatchSelectionConfig, weights: Weights, **options: Any) -> None:
        super().__init__(config, weights, **options)
        device = weights.b_dec_D.device
        # Running mean of the smallest activation kept, of scaled activations; negative before the first step.
        self.kept["threshold"] = torch.tensor(-1.0, dtype=torch.float64, device=device)
        # No part of what is kept: it changes no result.
        self._bound: float | None = None

    def select(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `SparseStep.select`."""
        wanted = self.k * inputs_BD.shape[0]
        if self._bound is None:
            first_SD = inputs_BD[:_FIRST_TOKENS]
            _, smallest = keep_largest(self._exceeding(first_SD, 0.0), self.k * first_SD.shape[0])
            self._bound = _BELOW * smallest
        code = self._exceeding(inputs_BD, self._bound)
        while self._bound > 0 and code.values_N.shape[0] < wanted:
            self._bound = self._bound / 2 if self._bound > _SMALL else 0.0
            code = self._exceeding(inputs_BD, self._bound)
        code, smallest = keep_largest(code, wanted)
        self._bound = _BELOW * smallest
        threshold = self.kept["threshold"]
        decay = self.config.threshold_decay ** (1 / self.parts) if threshold >= 0 else 0.0
        threshold.mul_(decay).add_((1 - decay) * smallest)
        return Live(code, code.values_N)

    def _exceeding(self, inputs_BD: Float[Tensor, "B D"], bound: float) -> LiveCode:
        return self.above(inputs_BD, torch.full_like(self.weights.b_enc_F, bound))


def to_inference(
    config: BatchSelectionConfig, weights: Weights, kept: dict[str, Tensor]
) -> tuple[JumpReLUConfig, Weights]:
    """The JumpReLU SAE that it is once trained; weights and threshold are of the same scale."""
    threshold = max(0.0, float(kept["threshold"]))
    more = {"threshold_F": torch.full_like(weights.b_enc_F, threshold)}
    inference = JumpReLUConfig(**config.shape())
    return inference, Weights.of(weights.tensors() | more)


def keep_largest(code: LiveCode, wanted: int) -> tuple[LiveCode, float]:
    """The `wanted` largest activations of all tokens together; of equals at the cut, those that come first.

    Returns:
        The code, and the smallest activation kept; 0 where there is none.
    """
    values_N = code.values_N
    if values_N.shape[0] <= wanted:
        return code, float(values_N.min()) if values_N.shape[0] else 0.0
    cut = values_N.topk(wanted, sorted=False).values.min()
    room = wanted - (values_N > cut).sum()
    at_cut_N = values_N == cut
    return code.where((values_N > cut) | (at_cut_N & (at_cut_N.cumsum(0) <= room))), float(cut)
