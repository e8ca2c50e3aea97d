"""Where a training run keeps its files, in its directory or in the hidden sibling in which that is being made."""

from __future__ import annotations

from pathlib import Path

from mistudio.artifacts.atomic import WORK

LOG = "training.jsonl"
"""One line every few steps."""
VALIDATION_LOG = "validation.jsonl"
"""One line each time the run was tried on tokens that never train."""
RUN = f"{WORK}/run.json"
"""What the run is, so that nothing else continues it."""
RATE_SEARCH = f"{WORK}/learning_rate.json"
"""What the search for the learning rate found, so that a resumed run does not search again."""
CHECKPOINTS = f"{WORK}/checkpoints"
"""A directory a checkpoint, `step-000000250`; it appears whole."""
BEST = f"{WORK}/best"
"""The state with the best validation, named as checkpoints are; nothing can go on from it."""
STATE = "state.safetensors"
"""Of a checkpoint, the tensors of the run."""
STREAM = "stream.safetensors"
"""Of a checkpoint, the shuffle buffer and its place in the data."""
FACTS = "facts.json"
"""Of a checkpoint, the plain numbers: the step, and `log_bytes`, after which the log is written again."""


def checkpoints_of(run_folder: Path) -> list[Path]:
    """The whole checkpoints, oldest first."""
    return sorted((run_folder / CHECKPOINTS).glob("step-*"))


def best_of(run_folder: Path) -> Path | None:
    """The best state that was kept, if there is any."""
    found = sorted((run_folder / BEST).glob("step-*"))
    return found[-1] if found else None


def latest_checkpoint(run_folder: Path) -> Path | None:
    """The newest whole checkpoint, if there is any."""
    found = checkpoints_of(run_folder)
    return found[-1] if found else None


def run_of(checkpoint: Path) -> Path:
    """The folder of the run that a checkpoint or best state belongs to."""
    return checkpoint.parents[2]


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was saved."""
    return int(checkpoint.name.removeprefix("step-"))
