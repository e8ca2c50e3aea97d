"""Training with a penalty on active latents: where it starts, and how heavy the penalty must be.

Which coefficient leads to which L0 depends on the model, the layer and the width, and nobody can know it. So the L0 is
what is asked for, and the coefficient is moved until it is held: an integral controller on its logarithm.

B tokens, D d_in, F d_sae, N latents looked at in all tokens together.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.sae.config import PenalisedConfig
from mistudio.sae.kernels.protocol import AuxiliaryGradients
from mistudio.sae.revival import short_of_bound, together
from mistudio.sae.selection import keep_largest
from mistudio.sae.sparse_step import Live, Slopes, SparseStep
from mistudio.sae.weights import Weights

_FIRST_TOKENS = 256
"""Of the first batch, from which it is seen where to start."""
_FIRST_COEFFICIENT = 0.3
_RATE = 0.05
"""Largest change of the coefficient's logarithm in one step."""
_SMOOTHING = 0.9
"""Share of the mean L0 that stays from one step to the next."""
_AHEAD = 50
"""Steps that the controller looks ahead."""
_LEAST = 1e-3

PenalisedType = TypeVar("PenalisedType", bound=PenalisedConfig)


class PenalisedStep(SparseStep[PenalisedType]):
    """A step whose latents are active where a pre-activation exceeds a bound, and cost something where they are."""

    def __init__(self, config: PenalisedType, weights: Weights, **options: Any) -> None:
        super().__init__(config, weights, **options)
        self.risen = 1.0
        """Share of a given coefficient that holds now; a schedule may change it from step to step."""
        device = weights.b_dec_D.device
        coefficient = config.coefficient or _FIRST_COEFFICIENT
        self.kept["begun"] = torch.zeros((), dtype=torch.bool, device=device)
        self.kept["coefficient"] = torch.tensor(coefficient, dtype=torch.float64, device=device)
        # Running mean of the L0; of the first batch where it is negative.
        self.kept["l0"] = torch.tensor(-1.0, dtype=torch.float64, device=device)

    def select(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `SparseStep.select`."""
        if not self.kept["begun"]:
            first_SD = inputs_BD[: self.mesh.first(_FIRST_TOKENS)]
            code = self.encoder.above(first_SD, torch.zeros_like(self.weights.b_enc_F))
            _, smallest = keep_largest(code, self.k * self.mesh.batch_tokens(code.tokens), self.mesh)
            self.begin(smallest)
            self.kept["begun"].fill_(True)
        live = self.look(inputs_BD)
        self._adjust(self.l0(live.code.values_N > 0, inputs_BD.shape[0]))
        return live

    @abstractmethod
    def begin(self, smallest: float) -> None:
        """Set what decides which latents are active, so that those are whose pre-activation exceeds `smallest`."""

    @abstractmethod
    def look(self, inputs_BD: Float[Tensor, "B D"]) -> Live:
        """See `SparseStep.select`."""

    def bound_F(self) -> Float[Tensor, " F"]:
        """What each latent's pre-activation must exceed."""
        return torch.zeros_like(self.weights.b_enc_F)

    def revive(
        self,
        inputs_BD: Float[Tensor, "B D"],
        error_BD: Float[Tensor, "B E"],
        dead_A: Int64[Tensor, " A"],
        slopes: Slopes,
    ) -> tuple[AuxiliaryGradients | None, Float[Tensor, ""]]:
        """See `SparseStep.revive`; AuxK gives a dead latent a direction, and this the way over its bound."""
        auxiliary, loss = super().revive(inputs_BD, error_BD, dead_A, slopes)
        if self.config.pre_coefficient == 0:
            return auxiliary, loss
        bound_F = self.bound_F()
        pulled, short = short_of_bound(
            self.weights, inputs_BD, dead_A, bound_F[dead_A], scale=self.config.pre_coefficient / error_BD.numel()
        )
        slopes.penalty = slopes.penalty + short
        self.bound_pulled(dead_A, pulled.b_enc_A.neg(), slopes)
        return pulled if auxiliary is None else together(auxiliary, pulled), loss

    def bound_pulled(self, dead_A: Int64[Tensor, " A"], by_bound_A: Float[Tensor, " A"], slopes: Slopes) -> None:
        """Add to `slopes` the gradient of what the bound is made of; here it is fixed."""

    @property
    def coefficient(self) -> float:
        """The penalty's weight in this step."""
        share = 1.0 if self.config.coefficient is None else self.risen
        return float(self.kept["coefficient"]) * share

    def l0(self, active_N: Bool[Tensor, " N"], tokens: int) -> float:
        """Mean number of active latents per token over the whole batch, of which `tokens` are this process's."""
        return self.mesh.everyone.total(float(active_N.sum())) / self.mesh.batch_tokens(tokens)

    def _adjust(self, l0: float) -> None:
        before = max(float(self.kept["l0"]), _LEAST) if self.kept["l0"] >= 0 else max(l0, _LEAST)
        smoothing = _SMOOTHING ** (1 / self.parts)
        mean = max(_LEAST, smoothing * before + (1 - smoothing) * l0)
        self.kept["l0"].fill_(mean)
        if self.config.coefficient is None:
            # Where the L0 will be if it goes on as it does: the penalty acts late, and must be eased before it is held.
            off = math.log(mean / self.k) + _AHEAD * self.parts * math.log(mean / before)
            self.kept["coefficient"].mul_(math.exp(_RATE / self.parts * max(-1.0, min(1.0, off))))
