"""A batch worked through in parts, which need less memory; its gradient is the mean of theirs.

B tokens, D d_in, F d_sae.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mistudio.sae.live_code import LiveCode
from mistudio.sae.sparse_step import SparseStep, StepLoss
from mistudio.sae.weights import Weights


class Accumulation:
    """Calls a step on the parts of each batch. What it costs is one more set of gradients.

    The sum is that of the whole batch, up to rounding, where each token is treated by itself: TopK, Standard, Gated. An
    architecture that selects from a whole batch selects from each part.

    Args:
        step: the step; its own `gradients` then hold those of the last part only.
        parts: how many.
    """

    def __init__(self, step: SparseStep[Any], parts: int) -> None:
        self._step = step
        self._parts = parts
        step.parts = parts
        self.gradients: Weights = step.gradients if parts == 1 else step.gradients.zeros_like()

    def __call__(self, x_BD: Float[Tensor, "B D"], dead_F: Bool[Tensor, " F"] | None = None) -> StepLoss:
        """As the step's own call; `gradients` holds the result until the next one."""
        if self._parts == 1:
            return self._step(x_BD, dead_F)
        totals = self.gradients.tensors()
        for total in totals.values():
            total.zero_()
        losses = []
        for part_BD in x_BD.chunk(self._parts):
            losses.append((part_BD.shape[0] / x_BD.shape[0], self._step(part_BD, dead_F)))
            for name, gradient in self._step.gradients.tensors().items():
                totals[name].add_(gradient, alpha=losses[-1][0])
        norms = [torch.linalg.vector_norm(total) for total in totals.values()]
        return _together(losses, float(torch.linalg.vector_norm(torch.stack(norms))))


def _together(losses: list[tuple[float, StepLoss]], gradient_norm: float) -> StepLoss:
    def mean(name: str) -> Tensor:
        return torch.stack([getattr(loss, name) * share for share, loss in losses]).sum()

    return StepLoss(
        reconstruction=mean("reconstruction"),
        penalty=mean("penalty"),
        auxiliary=mean("auxiliary"),
        squared_error=torch.stack([loss.squared_error for _, loss in losses]).sum(),
        gradient_norm=gradient_norm,
        code=LiveCode.join([loss.code for _, loss in losses]),
        error_BD=torch.cat([loss.error_BD for _, loss in losses]),
    )
