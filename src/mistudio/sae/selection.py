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

from mistudio.sae.collective import SINGLE, Mesh
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
        mesh, k = self.mesh, self.k
        if self._bound is None:
            first_SD = inputs_BD[: mesh.first(_FIRST_TOKENS)]
            code = self._exceeding(first_SD, 0.0)
            _, smallest = keep_largest(code, k * mesh.batch_tokens(code.tokens), mesh)
            self._bound = _BELOW * smallest
        code = self._exceeding(inputs_BD, self._bound)
        wanted = k * mesh.batch_tokens(inputs_BD.shape[0])
        while self._bound > 0 and mesh.everyone.total(code.values_N.shape[0]) < wanted:
            self._bound = self._bound / 2 if self._bound > _SMALL else 0.0
            code = self._exceeding(inputs_BD, self._bound)
        code, smallest = keep_largest(code, wanted, mesh)
        self._bound = _BELOW * smallest
        threshold = self.kept["threshold"]
        decay = self.config.threshold_decay ** (1 / self.parts) if threshold >= 0 else 0.0
        threshold.mul_(decay).add_((1 - decay) * smallest)
        return Live(code, code.values_N)

    def _exceeding(self, inputs_BD: Float[Tensor, "B D"], bound: float) -> LiveCode:
        return self.encoder.above(inputs_BD, torch.full_like(self.weights.b_enc_F, bound))


def to_inference(
    config: BatchSelectionConfig, weights: Weights, kept: dict[str, Tensor]
) -> tuple[JumpReLUConfig, Weights]:
    """The JumpReLU SAE that it is once trained; weights and threshold are of the same scale."""
    threshold = max(0.0, float(kept["threshold"]))
    more = {"threshold_F": torch.full_like(weights.b_enc_F, threshold)}
    inference = JumpReLUConfig(**config.shape())
    return inference, Weights.of(weights.tensors() | more)


def keep_largest(code: LiveCode, wanted: int, mesh: Mesh = SINGLE) -> tuple[LiveCode, float]:
    """The `wanted` largest activations of all tokens together; of equals at the cut, those that come first.

    Args:
        code: of this process's tokens and latents.
        wanted: how many are kept in all.
        mesh: the processes that have the others.

    Returns:
        What is kept of `code`, and the smallest activation that any process keeps; 0 where there is none.
    """
    values_N = code.values_N
    few = mesh.everyone.size == 1 or values_N.shape[0] <= wanted
    every_N = torch.cat(mesh.everyone.gather(values_N if few else values_N.topk(wanted, sorted=False).values))
    if mesh.everyone.total(values_N.shape[0]) <= wanted:
        return code, float(every_N.min()) if every_N.shape[0] else 0.0
    cut = every_N.topk(wanted, sorted=False).values.min()
    room = wanted - (every_N > cut).sum()
    return code.where((values_N > cut) | _first_at_cut(code, cut, room, mesh)), float(cut)


def _first_at_cut(code: LiveCode, cut: Tensor, room: Tensor, mesh: Mesh) -> Tensor:
    at_cut_N = code.values_N == cut
    place_N = at_cut_N.cumsum(0)
    if mesh.everyone.size > 1:
        before_N = torch.nn.functional.pad(place_N, (1, 0))
        place_N = place_N + mesh.before(before_N[code.starts_B].diff())[code.tokens_N]
    return at_cut_N & (place_N <= room)
