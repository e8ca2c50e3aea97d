"""miStudio's training step, as `training.train` takes it: the whole step, and a line of numbers every few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version as version_of
from typing import Any

import torch
from torch import Tensor

from mistudio.sae.registry import TRAININGS
from mistudio.training.config import TrainConfig
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import starting_point

_TOKENS = 500_000_000
"""Length of the run that the steps are the beginning of: long enough that no latent counts as dead yet."""


def version() -> str:
    """The library and its version."""
    return f"miStudio {version_of('mistudio')}"


def build(options: dict[str, Any], batches: Sequence[Tensor]) -> Callable[[Tensor], object]:
    """The function that trains on one batch."""
    training = TRAININGS[options["arch"]]
    config = TrainConfig(
        sae=training.config.model_validate({"k": options["k"], "d_sae": options["d_sae"]}),
        tokens=_TOKENS,
        batch_size=options["batch_size"],
        buffer_tokens=max(TrainConfig().buffer_tokens, options["batch_size"]),
        seed=options["seed"],
    )
    run = TrainingRun(config, starting_point(batches[0], config.b_dec_start), torch.device("cpu"))

    def step(batch_BD: Tensor) -> object:
        return run.step(batch_BD, report=run.steps_done % config.log_every == 0)

    return step
