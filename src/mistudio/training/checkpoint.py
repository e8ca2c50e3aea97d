"""Checkpoints of a run: everything that decides the next step, so that a resumed run is bit-identical.

Weights, Adam's moments, firing counters, the shuffle buffer, its random state and place in the data. A checkpoint
is a directory that appears whole; the one before it is removed afterwards, so that there is always one.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mistudio.activations.shuffle_buffer import ShuffledStream
from mistudio.artifacts.atomic import new_directory, write_json
from mistudio.errors import ArtifactBroken
from mistudio.training.layout import CHECKPOINTS, FACTS


def save_checkpoint(
    run_folder: Path, step: int, tensors: dict[str, Tensor], facts: dict[str, Any], stream: ShuffledStream
) -> None:
    """Write the checkpoint of a step, then remove older ones.

    Raises:
        DiskFull: the checkpoint does not fit; the one before it is untouched.
    """
    folder = run_folder / CHECKPOINTS
    target = folder / f"step-{step:09d}"
    if target.exists():
        return
    with new_directory(target) as partial:
        save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial / "state.safetensors")
        stream.save(partial / "stream.safetensors")
        write_json(partial / FACTS, {"step": step, **facts})
    for older in folder.glob("step-*"):
        if older != target:
            shutil.rmtree(older)


def load_checkpoint(checkpoint: Path, stream: ShuffledStream) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and facts of a checkpoint; puts `stream` back to where it was.

    Raises:
        ArtifactBroken: a file of the checkpoint cannot be read.
    """
    try:
        tensors = load_file(checkpoint / "state.safetensors")
        facts = json.loads((checkpoint / FACTS).read_text(encoding="utf-8"))
        stream.load(checkpoint / "stream.safetensors")
    except (SafetensorError, ValueError, OSError) as error:
        raise ArtifactBroken(
            f"The checkpoint {checkpoint} cannot be read: {error}.",
            remedy=f"Remove {checkpoint.parent.parent} to train from the start.",
        ) from error
    return tensors, facts
