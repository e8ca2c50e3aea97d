"""How long the trials are that look for a learning rate, and what they train. Importable without torch."""

from __future__ import annotations

from mistudio.sae.config import BatchSelectionConfig, PenalisedConfig, TopKConfig
from mistudio.training.config import TrainConfig, ValidationConfig

LARGEST_SHARE = 0.15
"""No new trial begins that would take the search beyond this share of the run."""
_SHARE = 0.03
"""A trial's steps as a share of the run's; four trials are 12 % of a run."""
_FEWEST, _MOST = 12, 200


def trial_steps(config: TrainConfig) -> int:
    """Steps of a trial; 0 where the run is too short for four of them."""
    steps = min(_MOST, max(_FEWEST, round(_SHARE * config.steps)))
    return steps if 4 * steps <= LARGEST_SHARE * config.steps else 0


def compressed(config: TrainConfig, lr: float, steps: int) -> TrainConfig:
    """The run in fewer steps: what is counted in steps or tokens shrinks with them."""
    share, sae = steps / config.steps, config.sae
    if isinstance(sae, BatchSelectionConfig | PenalisedConfig):
        sae = TopKConfig(**{name: getattr(sae, name) for name in TopKConfig.model_fields if name != "architecture"})
    return config.model_copy(
        update={
            "sae": sae,
            "lr": lr,
            "tokens": steps * config.batch_size,
            "warmup_steps": round(config.warmup_steps * share),
            "dead_after_tokens": max(config.batch_size, round(config.dead_after() * share)),
            "validation": ValidationConfig(),
        }
    )
