"""Learning-rate schedule: linear warm-up, constant, linear decay."""

from __future__ import annotations


def lr_factor(step: int, steps: int, warmup_steps: int, decay_share: float) -> float:
    """Factor on the learning rate at a step.

    Args:
        step: steps done so far, from 0.
        steps: steps in all.
        warmup_steps: the factor reaches 1 after so many.
        decay_share: share of the steps, at the end, over which it falls towards 0, which it would reach after the last.
    """
    rising = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    decaying = steps * decay_share
    falling = min(1.0, (steps - step) / decaying) if decaying else 1.0
    return rising * falling
