"""miStudio: `mistudio.train` with its defaults, save for a warm-up of a twentieth of the run where its own is longer.

Its shuffle buffer holds one batch, so that every batch has the tokens that it has in the other libraries. Its time is
that of the whole call, writing the SAE included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mistudio.activations.block import ActivationBlock, Part
from mistudio.activations.outliers import TokenFilter
from mistudio.artifacts.manifest import Input
from mistudio.errors import Diverged
from mistudio.sae.registry import TRAININGS
from mistudio.training.config import TrainConfig
from mistudio.training.train import train as train_sae


def version() -> str:
    """The library and its version."""
    return f"miStudio {version_of('mistudio')}"


def settings(options: dict[str, Any]) -> dict[str, Any]:
    """What differs from the library's defaults."""
    return {
        "lr": options["lr"],
        "warmup_steps": min(TrainConfig().warmup_steps, options["steps"] // 20),
        "buffer_tokens": options["batch_size"],
    }


def train(options: dict[str, Any], batches: Any) -> Callable[[Path], object] | None:
    """Train; returns what writes the SAE into a folder, none where the training broke down."""
    steps, size = options["steps"], options["batch_size"]
    config = TrainConfig(
        sae=TRAININGS[options["arch"]].config.model_validate({"k": options["k"], "d_sae": options["d_sae"]}),
        tokens=steps * size,
        batch_size=size,
        checkpoint_every=steps + 1,
        seed=options["seed"],
        **settings(options),
    )
    try:
        train_sae(_Source(batches), config, Path(options["out"]) / "sae", device="cpu")
    except Diverged:
        return None
    return lambda out: [file.rename(out / file.name) for file in (out / "sae").iterdir()]


class _Source:
    """The batches as a source of activations: a block is a batch."""

    hook = model_name = "given"
    device = torch.device("cpu")

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.d_in: int = batches.d_in
        self.parts = (Part(self.hook, 0, self.d_in),)
        self.n_tokens: int = batches.an_epoch * batches.batch_size

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
        return {"from": "bench", "seed": self._batches.seed, "tokens": self.n_tokens}

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """The epoch's batches."""
        size = self._batches.batch_size
        for number, acts_BD in enumerate(self._batches.epoch(epoch, start), start):
            positions_B = torch.arange(number * size, (number + 1) * size)
            yield ActivationBlock(acts_BD, torch.zeros_like(positions_B), positions_B)

    def sample(self, n: int) -> Tensor:
        """The first `n` activations of the first epoch."""
        found: list[Tensor] = []
        for batch_BD in self._batches.epoch(0):
            found.append(batch_BD)
            if sum(map(len, found)) >= n:
                break
        return torch.cat(found)[:n]
