"""A source of activations that are sparse sums of known directions: what an SAE should find."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from mistudio.activations.block import ActivationBlock, Part
from mistudio.activations.outliers import TokenFilter
from mistudio.artifacts.manifest import Input
from mistudio.sae.config import TopKConfig
from mistudio.training.config import TrainConfig


@dataclass
class PlantedSource:
    """Tokens that are sums of `active` of `directions`, plus a constant; always the same for a seed."""

    n_tokens: int = 8192
    d_in: int = 32
    n_directions: int = 48
    active: int = 3
    seed: int = 0
    block_tokens: int = 500
    hook: str = "resid_post.1"
    model_name: str = "planted"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    filter: TokenFilter = field(default_factory=TokenFilter)
    inputs: list[Input] = field(default_factory=list)
    excluded: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(self.seed)
        directions_FD = torch.randn((self.n_directions, self.d_in), generator=generator)
        self.directions_FD = directions_FD / directions_FD.norm(dim=1, keepdim=True)
        which = torch.rand((self.n_tokens, self.n_directions), generator=generator).topk(self.active).indices
        weight = 1 + torch.rand((self.n_tokens, self.active), generator=generator)
        acts_BF = torch.zeros((self.n_tokens, self.n_directions)).scatter(1, which, weight)
        self.acts_BD = (acts_BF @ self.directions_FD + 0.3).half()

    @property
    def parts(self) -> tuple[Part, ...]:
        return (Part(self.hook, 0, self.d_in),)

    @property
    def identity(self) -> dict[str, Any]:
        return {"planted": self.seed, "tokens": self.n_tokens}

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        order = torch.randperm(self.n_tokens, generator=torch.Generator().manual_seed(1000 + epoch))
        for rows in order.split(self.block_tokens)[start:]:
            yield ActivationBlock(self.acts_BD[rows], torch.zeros(len(rows), dtype=torch.int64), rows)

    def sample(self, n: int) -> Tensor:
        return self.acts_BD[: min(n, self.n_tokens // 4)]


@pytest.fixture
def source() -> PlantedSource:
    return PlantedSource()


@pytest.fixture
def config() -> TrainConfig:
    return TrainConfig(
        sae=TopKConfig(k=3, d_sae=64, aux_k=16),
        tokens=40 * 256,
        batch_size=256,
        buffer_tokens=2048,
        lr=3e-3,
        warmup_steps=5,
        log_every=4,
        checkpoint_every=10,
    )
