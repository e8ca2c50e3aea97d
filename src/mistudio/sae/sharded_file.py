"""Write the native file of an SAE whose latents several processes have, without any of them seeing all.

The first process writes the header and makes the file as long as it will be; then each in turn writes its rows and
columns to their places. So the memory is that of a share, and no two write at once, which network disks wouldn't bear.

D d_in, F d_sae.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mistudio.artifacts.atomic import disk_full_is_said
from mistudio.sae.collective import Mesh, is_divided
from mistudio.sae.config import SaeConfig
from mistudio.sae.native_file import WEIGHTS, file_names, save_description
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import Weights

_LENGTH_BYTES = 8


def save_sharded_sae(
    config: SaeConfig,
    shard: Weights,
    directory: Path,
    mesh: Mesh,
    *,
    hook: str,
    model_name: str,
    metadata: dict[str, Any],
    firing_share_F: Tensor,
    **options: Any,
) -> None:
    """Write the three files into an existing directory that all processes see; all of them call this.

    Args:
        config: of the SAE.
        shard: this process's share of the weights.
        directory: where to.
        mesh: who has which latents.
        hook: see `SparseAutoencoder`.
        model_name: see `SparseAutoencoder`.
        metadata: see `SparseAutoencoder`.
        firing_share_F: share of tokens on which each latent fired, of all latents.
        options: what else `SparseAutoencoder` takes.

    Raises:
        DiskFull: the disk had no room.
        RankLost: another process has ended.
    """
    d_sae = len(firing_share_F)
    # As large as the whole, and without memory: it only says what the SAE is.
    whole = Weights.of(
        {
            name: torch.empty((d_sae, *tensor.shape[1:]) if is_divided(name) else tensor.shape, device="meta")
            for name, tensor in shard.tensors().items()
        }
    )
    path, names = directory / WEIGHTS, file_names(config.architecture)
    shapes = {theirs: tuple(whole.tensors()[ours].shape) for ours, theirs in names.items()}
    shapes["W_enc"] = shapes["W_enc"][::-1]
    places = _places(shapes)
    with disk_full_is_said(path):
        if mesh.leads:
            sae = SparseAutoencoder(config, whole, hook=hook, model_name=model_name, metadata=metadata, **options)
            save_description(sae, directory, firing_share_F=firing_share_F)
            _write_header(path, shapes, places)
        mesh.everyone.total(0.0)
        for turn in range(mesh.latents.size):
            if mesh.tokens.rank == 0 and mesh.latents.rank == turn:
                tensors = {theirs: shard.tensors()[ours] for ours, theirs in names.items()}
                divided = {theirs for ours, theirs in names.items() if is_divided(ours)}
                _write_shard(path, tensors, shapes, places, divided, mesh.latents_of(d_sae))
            mesh.everyone.total(0.0)


def _places(shapes: dict[str, tuple[int, ...]]) -> dict[str, int]:
    """Where each tensor begins, after the header, and at "" where the last one ends."""
    places, at = {}, 0
    for name, shape in shapes.items():
        places[name] = at
        at += 4 * int(np.prod(shape))
    return places | {"": at}


def _header(shapes: dict[str, tuple[int, ...]], places: dict[str, int]) -> bytes:
    ends = [*places.values()][1:]
    content = {
        name: {"dtype": "F32", "shape": list(shape), "data_offsets": [places[name], end]}
        for (name, shape), end in zip(shapes.items(), ends, strict=True)
    }
    text = json.dumps(content).encode()
    return text + b" " * (-len(text) % _LENGTH_BYTES)


def _write_header(path: Path, shapes: dict[str, tuple[int, ...]], places: dict[str, int]) -> None:
    header = _header(shapes, places)
    with path.open("wb") as file:
        file.write(len(header).to_bytes(_LENGTH_BYTES, "little") + header)
        file.truncate(_LENGTH_BYTES + len(header) + places[""])


def _write_shard(
    path: Path,
    tensors: dict[str, Tensor],
    shapes: dict[str, tuple[int, ...]],
    places: dict[str, int],
    divided: set[str],
    mine: slice,
) -> None:
    first = _LENGTH_BYTES + len(_header(shapes, places))
    for name, tensor in tensors.items():
        values = tensor.detach().float().cpu().numpy()
        target = np.memmap(path, dtype="<f4", mode="r+", offset=first + places[name], shape=shapes[name])
        if name == "W_enc":
            target[:, mine] = values.T
        else:
            target[mine if name in divided else slice(None)] = values
        target.flush()
    with path.open("rb") as file:
        os.fsync(file.fileno())
