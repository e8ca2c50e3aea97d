"""Synthetic activations as a source that `training.train` can train on.

They never run out, so an epoch repeats nothing: epoch e goes on where epoch e − 1 ended, and no token is seen twice.
What recovery is measured on (`recovery.py`) is of another split, and never in it.

B tokens in a block, D d_in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.activations.block import ActivationBlock, Part
from mistudio.activations.outliers import TokenFilter
from mistudio.artifacts.manifest import Input
from mistudio.evaluation.synthetic.ground_truth import GroundTruth

SYNTHETIC = "synthetic"
"""Stands for the hook point and the model, of which there are none."""


class SyntheticSource:
    """An `ActivationSource` over a ground truth's training split.

    Args:
        truth: what to draw from.
        tokens: in an epoch, rounded up to whole batches.
    """

    device = torch.device("cpu")
    hook = SYNTHETIC
    model_name = SYNTHETIC

    def __init__(self, truth: GroundTruth, tokens: int = 1 << 20) -> None:
        self.truth = truth
        self._batches = math.ceil(tokens / truth.config.batch_tokens)

    @property
    def d_in(self) -> int:
        """Width of the activations."""
        return self.truth.config.d_in

    @property
    def parts(self) -> tuple[Part, ...]:
        """All columns are those of one place."""
        return (Part(SYNTHETIC, 0, self.d_in),)

    @property
    def n_tokens(self) -> int:
        """Tokens in an epoch."""
        return self._batches * self.truth.config.batch_tokens

    @property
    def filter(self) -> TokenFilter:
        """Nothing is left out."""
        return TokenFilter()

    @property
    def excluded(self) -> dict[str, float]:
        """Nothing is left out."""
        return {}

    @property
    def inputs(self) -> list[Input]:
        """It is made of no artifact."""
        return []

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the blocks."""
        return {"from": SYNTHETIC, "tokens": self.n_tokens, **self.truth.config.model_dump(mode="json")}

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """The epoch's batches from number `start` on. Tokens have no ids: each is 0."""
        size = self.truth.config.batch_tokens
        for index in range(start, self._batches):
            number = epoch * self._batches + index
            positions_B = torch.arange(number * size, (number + 1) * size)
            yield ActivationBlock(self.truth.batch(number).acts_BD, torch.zeros_like(positions_B), positions_B)

    def sample(self, n: int) -> Float[Tensor, "B D"]:
        """At most `n` activations of the first batches: all batches are alike."""
        wanted = min(self._batches, math.ceil(n / self.truth.config.batch_tokens))
        return torch.cat([self.truth.batch(number).acts_BD for number in range(wanted)])[:n]
