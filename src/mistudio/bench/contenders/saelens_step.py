"""SAELens' training step: its own trainer's `step` on its own SAE of the architecture, by its defaults.

Runs in the peers' environment, in float32 or under autocast. What its training loop does around a step, sparsity
windows and the step count, is done here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.metadata import version as version_of
from typing import Any

from sae_lens.config import SAETrainerConfig
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.gated_sae import GatedTrainingSAE, GatedTrainingSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
from sae_lens.saes.matryoshka_batchtopk_sae import (
    MatryoshkaBatchTopKTrainingSAE,
    MatryoshkaBatchTopKTrainingSAEConfig,
)
from sae_lens.saes.standard_sae import StandardTrainingSAE, StandardTrainingSAEConfig
from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.training.sae_trainer import SAETrainer
from torch import Tensor

_TOKENS = 500_000_000
_LR_END = 3e-5
"""What its command line derives from the default rate; a constant schedule does not use it."""
_PREFIX_SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""It has no default widths of a Matryoshka SAE; these are ours."""


def version() -> str:
    """The library and its version."""
    return f"SAELens {version_of('sae-lens')}"


def build(options: dict[str, Any], batches: Sequence[Tensor]) -> Callable[[Tensor], object]:
    """The function that trains on one batch; `variant` is float32 or bfloat16 (autocast)."""
    config = SAETrainerConfig(
        total_training_samples=_TOKENS,
        train_batch_size_samples=options["batch_size"],
        lr_end=_LR_END,
        autocast=options["variant"] == "bfloat16",
    )
    trainer = SAETrainer(config, _sae(options), iter(batches))

    def step(batch_BD: Tensor) -> object:
        trainer.maybe_reset_sparsity()
        output = trainer.step(batch_BD)
        trainer.n_training_steps += 1
        return output

    return step


def _sae(options: dict[str, Any]) -> Any:
    shape = {name: options[name] for name in ("d_in", "d_sae")}
    match options["arch"]:
        case "topk":
            return TopKTrainingSAE(TopKTrainingSAEConfig(**shape, k=options["k"]))
        case "batchtopk":
            return BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**shape, k=options["k"]))
        case "matryoshka":
            widths = [round(share * options["d_sae"]) for share in _PREFIX_SHARES]
            return MatryoshkaBatchTopKTrainingSAE(
                MatryoshkaBatchTopKTrainingSAEConfig(**shape, k=options["k"], matryoshka_widths=widths)
            )
        case "jumprelu":
            return JumpReLUTrainingSAE(
                JumpReLUTrainingSAEConfig(**shape, jumprelu_sparsity_loss_mode="quadratic", target_l0=options["k"])
            )
        case "gated":
            return GatedTrainingSAE(GatedTrainingSAEConfig(**shape))
        case "standard":
            return StandardTrainingSAE(StandardTrainingSAEConfig(**shape))
        case other:
            raise ValueError(other)
