"""What changes over a run by plan: the learning rate, k, and a penalty's weight. Each is a function of the step alone.

A step is counted from 0; `steps` are all of the run.
"""

from __future__ import annotations

import math
from typing import Literal


def lr_factor(
    step: int,
    steps: int,
    warmup_steps: int,
    decay_share: float,
    shape: Literal["linear", "cosine", "constant"] = "linear",
) -> float:
    """Factor on the learning rate at a step.

    Args:
        step: steps done so far.
        steps: steps in all.
        warmup_steps: the factor reaches 1 after so many.
        decay_share: share of the steps, at the end, over which it falls towards 0, which it would reach after the last.
        shape: how it falls: in a line, along half a cosine (Loshchilov & Hutter 2017), or not at all.
    """
    rising = min(1.0, (step + 1) / warmup_steps) if warmup_steps else 1.0
    decaying = steps * decay_share
    if shape == "constant" or not decaying:
        return rising
    falling = min(1.0, (steps - step) / decaying)
    return rising * (falling if shape == "linear" else (1 - math.cos(math.pi * falling)) / 2)


def k_at(step: int, steps: int, k: int, k_start: int | None, share: float) -> int:
    """Active latents wanted at a step: from `k_start` in a line to `k` over the first `share` of the steps."""
    if k_start is None or step >= steps * share:
        return k
    return round(k_start + (k - k_start) * step / (steps * share))


def risen(step: int, steps: int, share: float) -> float:
    """What rises in a line to 1 over the first `share` of the steps."""
    return min(1.0, (step + 1) / (steps * share)) if steps * share > 0 else 1.0
