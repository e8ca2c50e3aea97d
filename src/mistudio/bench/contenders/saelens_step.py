"""SAELens' training step: its own trainer's `step` on its own TopK SAE, by its defaults, in float32 or under autocast.

Runs in the peers' environment. What its training loop does around a step, sparsity windows and the step count, is done
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version as version_of
from typing import Any

from sae_lens.config import SAETrainerConfig
from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.training.sae_trainer import SAETrainer
from torch import Tensor

_TOKENS = 500_000_000
_LR_END = 3e-5
"""What its command line derives from the default rate; a constant schedule does not use it."""


def version() -> str:
    """The library and its version."""
    return f"SAELens {version_of('sae-lens')}"


def build(options: dict[str, Any], batches: Sequence[Tensor]) -> Callable[[Tensor], object]:
    """The function that trains on one batch; `variant` is float32 or bfloat16 (autocast)."""
    shape = {name: options[name] for name in ("d_in", "d_sae", "k")}
    config = SAETrainerConfig(
        total_training_samples=_TOKENS,
        train_batch_size_samples=options["batch_size"],
        lr_end=_LR_END,
        autocast=options["variant"] == "bfloat16",
    )
    trainer = SAETrainer(config, TopKTrainingSAE(TopKTrainingSAEConfig(**shape)), iter(batches))

    def step(batch_BD: Tensor) -> object:
        trainer.maybe_reset_sparsity()
        output = trainer.step(batch_BD)
        trainer.n_training_steps += 1
        return output

    return step
