"""Files of a run of several processes: the first writes, the others wait for it, and shards lie side by side.

Where latents are divided, each process saves its own share of a checkpoint, `checkpoints/shards/1/step-….safetensors`,
before the first one saves the rest: only then does the checkpoint count.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mistudio.artifacts.atomic import new_directory, new_file, partial_of
from mistudio.errors import ArtifactBroken, BadInput
from mistudio.sae.collective import Mesh, Ranks
from mistudio.training.layout import CHECKPOINTS

_SHARDS = f"{CHECKPOINTS}/shards"


def meet(ranks: Ranks) -> None:
    """Wait until all processes are here.

    Raises:
        RankLost: one has ended.
    """
    ranks.total(0.0)


@contextmanager
def shared_directory(final: Path | str, ranks: Ranks) -> Iterator[Path]:
    """`new_directory`, resumable, of which all processes see the same one; the first makes it and gives it its name.

    Raises:
        BadInput: this process doesn't see the directory.
        RankLost: another process has ended.
    """
    final = Path(final).expanduser().absolute()
    if ranks.rank == 0:
        with new_directory(final, resumable=True) as folder:
            meet(ranks)
            yield folder
    else:
        meet(ranks)
        if not partial_of(final).is_dir():
            raise BadInput(
                f"{final.parent} is not the same directory for all processes.",
                remedy="Give an --out on a disk that every machine sees.",
            )
        yield partial_of(final)
    meet(ranks)


@contextmanager
def saving_shards(run_folder: Path, step: int, tensors: dict[str, Tensor], mesh: Mesh) -> Iterator[bool]:
    """Save this process's share of a checkpoint; yields whether it is the one that saves the rest.

    Raises:
        DiskFull: the share does not fit; the checkpoint before it is untouched.
        RankLost: another process has ended.
    """
    own = _shard(run_folder, step, mesh)
    if own is not None and mesh.tokens.rank == 0:
        own.parent.mkdir(parents=True, exist_ok=True)
        with new_file(own) as partial:
            save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, partial)
    meet(mesh.everyone)
    yield mesh.leads
    meet(mesh.everyone)
    if own is not None and mesh.tokens.rank == 0:
        for saved in own.parent.glob("step-*"):
            if not (run_folder / CHECKPOINTS / saved.stem).exists():
                saved.unlink()


def load_shard(run_folder: Path, step: int, tensors: dict[str, Tensor], mesh: Mesh) -> dict[str, Tensor]:
    """This process's tensors of a checkpoint, of which `tensors` are the first one's.

    Raises:
        ArtifactBroken: the file cannot be read.
    """
    own = _shard(run_folder, step, mesh)
    if own is None:
        return tensors
    try:
        return load_file(own)
    except (SafetensorError, OSError) as error:
        raise ArtifactBroken(
            f"The checkpoint's part {own} cannot be read: {error}.",
            remedy=f"Remove {run_folder} to train from the start.",
        ) from error


def _shard(run_folder: Path, step: int, mesh: Mesh) -> Path | None:
    if mesh.latents.rank == 0:
        return None
    return run_folder / _SHARDS / str(mesh.latents.rank) / f"step-{step:09d}.safetensors"
