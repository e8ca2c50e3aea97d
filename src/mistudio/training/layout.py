"""Where a training run keeps its files, in its directory or in the hidden sibling in which that is being made."""

from __future__ import annotations

from pathlib import Path

from mistudio.artifacts.atomic import WORK

LOG = "training.jsonl"
"""One line every few steps."""
RUN = f"{WORK}/run.json"
"""What the run is, so that nothing else continues it."""
CHECKPOINTS = f"{WORK}/checkpoints"
"""A directory a checkpoint, `step-000000250`; it appears whole."""
FACTS = "facts.json"
"""Of a checkpoint, the plain numbers: the step, and `log_bytes`, after which the log is written again."""


def latest_checkpoint(run_folder: Path) -> Path | None:
    """The newest whole checkpoint, if there is any."""
    found = sorted((run_folder / CHECKPOINTS).glob("step-*"))
    return found[-1] if found else None


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was saved."""
    return int(checkpoint.name.removeprefix("step-"))
