"""SAELens: its `SAETrainer.fit` on its own SAE of the architecture, written with its `save_inference_model`.

By its defaults, save for what a short run needs: the learning rate falls over the last fifth, as in its tutorials, and
the window after which a latent counts as dead is an eighth of the run where its 1,000 steps are longer. JumpReLU is
trained towards the L0 that is asked for (its quadratic penalty). Runs in the peers' environment.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

from sae_lens.config import SAETrainerConfig
from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.training.sae_trainer import SAETrainer

_DEAD_STEPS = 1000


def version() -> str:
    """The library and its version."""
    return f"SAELens {version_of('sae-lens')}"


def settings(options: dict[str, Any]) -> dict[str, Any]:
    """What differs from the library's defaults."""
    steps = options["steps"]
    return {
        "lr": options["lr"],
        "lr_end": 0.0,
        "lr_decay_steps": steps // 5,
        "dead_feature_window": min(_DEAD_STEPS, max(1, steps // 8)),
    }


def train(options: dict[str, Any], batches: Any) -> Callable[[Path], object]:
    """Train; returns what writes the SAE into a folder."""
    config = SAETrainerConfig(
        total_training_samples=options["steps"] * options["batch_size"],
        train_batch_size_samples=options["batch_size"],
        **settings(options),
    )
    sae = SAETrainer(config, _sae(options, batches.d_in), iter(batches)).fit()
    return lambda out: sae.save_inference_model(out)


def _sae(options: dict[str, Any], d_in: int) -> Any:
    shape = {"d_in": d_in, "d_sae": options["d_sae"]}
    match options["arch"]:
        case "topk":
            return TopKTrainingSAE(TopKTrainingSAEConfig(**shape, k=options["k"]))
        case "batchtopk":
            return BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(**shape, k=options["k"]))
        case "jumprelu":
            return JumpReLUTrainingSAE(
                JumpReLUTrainingSAEConfig(**shape, jumprelu_sparsity_loss_mode="quadratic", target_l0=options["k"])
            )
        case other:
            raise ValueError(other)
