"""A source made of another one: what it does not say otherwise is the other one's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.activations.block import ActivationBlock, Part
from mistudio.activations.outliers import JointFilter, TokenFilter
from mistudio.activations.stream import ActivationSource
from mistudio.artifacts.manifest import Input


class DerivedSource:
    """An `ActivationSource` that gives what `source` gives.

    Args:
        source: the other one.
    """

    def __init__(self, source: ActivationSource) -> None:
        self._source = source

    @property
    def d_in(self) -> int:
        """Width of the activations."""
        return self._source.d_in

    @property
    def parts(self) -> tuple[Part, ...]:
        """The hook points, and which columns are whose."""
        return self._source.parts

    @property
    def hook(self) -> str:
        """The hook point."""
        return self._source.hook

    @property
    def model_name(self) -> str:
        """The model whose activations they are."""
        return self._source.model_name

    @property
    def device(self) -> torch.device:
        """Where blocks lie."""
        return self._source.device

    @property
    def n_tokens(self) -> int:
        """Tokens in an epoch."""
        return self._source.n_tokens

    @property
    def filter(self) -> TokenFilter | JointFilter:
        """What was left out."""
        return self._source.filter

    @property
    def excluded(self) -> dict[str, float]:
        """How much that was."""
        return self._source.excluded

    @property
    def inputs(self) -> list[Input]:
        """The artifacts read."""
        return self._source.inputs

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the blocks."""
        return self._source.identity

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """The other source's blocks."""
        return self._source.blocks(epoch, start)

    def sample(self, n: int) -> Float[Tensor, "B D"]:
        """The other source's sample."""
        return self._source.sample(n)
