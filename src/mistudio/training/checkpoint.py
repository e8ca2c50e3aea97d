"""Checkpoints of a run: everything that decides the next step, so that a resumed run is bit-identical.

Weights, Adam's moments, firing counters, the shuffle buffer, its random state and place in the data. A checkpoint
is a directory that appears whole; those too many are removed afterwards, so that there is always one.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.artifacts.atomic import new_directory, write_json
from mistudio.errors import ArtifactBroken
from mistudio.sae.collective import SINGLE, Mesh
from mistudio.training.config import TrainConfig
from mistudio.training.layout import CHECKPOINTS, FACTS, STATE, STREAM, checkpoints_of, run_of
from mistudio.training.run import TrainingRun
from mistudio.training.starting_point import StartingPoint


def save_checkpoint(
    run_folder: Path,
    step: int,
    tensors: dict[str, Tensor],
    facts: dict[str, Any],
    stream: ShuffledStream,
    keep: int = 1,
) -> None:
    """Write the checkpoint of a step, then remove all but the newest `keep`.

    Raises:
        DiskFull: the checkpoint does not fit; those before it are untouched.
    """
    target = run_folder / CHECKPOINTS / f"step-{step:09d}"
    if target.exists():
        return
    save_state(target, step, tensors, facts, stream)
    for older in checkpoints_of(run_folder)[:-keep]:
        shutil.rmtree(older)


def save_state(
    target: Path, step: int, tensors: dict[str, Tensor], facts: dict[str, Any], stream: ShuffledStream | None = None
) -> None:
    """Write a state as a directory that appears whole; without `stream` nothing can go on from it.

    Raises:
        DiskFull: it does not fit.
    """
    with new_directory(target) as partial:
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial / STATE)
        if stream is not None:
            stream.save(partial / STREAM)
        write_json(partial / FACTS, {"step": step, **facts})


def load_checkpoint(checkpoint: Path, stream: ShuffledStream | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a checkpoint; puts `stream` back to where it was.

    Raises:
        ArtifactBroken: a file of the checkpoint cannot be read.
    """
    try:
        tensors = load_file(checkpoint / STATE)
        facts = json.loads((checkpoint / FACTS).read_text(encoding="utf-8"))
        if stream is not None:
            stream.load(checkpoint / STREAM)
    except (SafetensorError, ValueError, OSError) as error:
        raise ArtifactBroken(
            f"The checkpoint {checkpoint} cannot be read: {error}.",
            remedy=f"Remove {checkpoint} to go on from the one before, if any was kept; else {run_of(checkpoint)}, "
            "to train from the start.",
        ) from error
    return tensors, facts


def run_at(
    config: TrainConfig, tensors: dict[str, Tensor], facts: dict[str, Any], device: torch.device, mesh: Mesh = SINGLE
) -> TrainingRun:
    """The run as it was when the checkpoint was saved, bit for bit."""
    run = TrainingRun(config, StartingPoint.of_checkpoint(tensors, config), device, mesh)
    run.restore(tensors, facts)
    return run
