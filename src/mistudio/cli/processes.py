"""The processes that torchrun starts for one training: which of them this is, which GPU is its own, who speaks for all.

The first process draws the bars and prints the result. Where something fails, whoever meets it first says so, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from mistudio.cli import console
from mistudio.errors import BadInput, Interrupted, MistudioError, RankLost

if TYPE_CHECKING:
    from torch._C._distributed_c10d import Store

    from mistudio.sae.collective import Mesh

_TOLD = "mistudio-told"
_PATIENCE = timedelta(hours=12)
"""The first process may tokenize a large corpus while the others wait."""

Device = Annotated[
    str | None, typer.Option("--device", help="cpu, cuda, cuda:1 or mps; a GPU where there is one if not given.")
]
LatentShards = Annotated[
    int,
    typer.Option(
        "--latent-shards",
        min=1,
        help="Under torchrun: processes among which the latents are divided; with 1 they share out the tokens.",
    ),
]


class Place(NamedTuple):
    """This process among the others."""

    mesh: Mesh
    device: str | None
    """Where it computes; None where that is for the library to choose."""

    def refuse_several(self) -> None:
        """Refuse to train several SAEs.

        Raises:
            BadInput: there are other processes.
        """
        if self.mesh.everyone.size > 1:
            raise BadInput(
                "Several SAEs on one stream are trained by a single process.",
                remedy="Leave out torchrun, or give every option one value.",
            )

    @contextmanager
    def leader_first(self) -> Iterator[None]:
        """Let the first process make what the others then find made."""
        if not self.mesh.leads:
            self.mesh.everyone.total(0.0)
        yield
        if self.mesh.leads:
            self.mesh.everyone.total(0.0)


@contextmanager
def together(device: str | None, latent_shards: int) -> Iterator[Place]:
    """Meet the other processes, if torchrun started this one.

    Args:
        device: as the user gave it.
        latent_shards: among how many processes the latents are divided.

    Raises:
        BadInput: the device is not there, or the processes can't be divided so.
        RankLost: another process has ended, and nobody has said so yet.
    """
    from torch import distributed as dist

    from mistudio.hardware import named_device
    from mistudio.sae.collective import SINGLE

    if not (dist.is_available() and dist.is_torchelastic_launched()):
        if latent_shards > 1:
            raise BadInput(
                f"There is one process, and {latent_shards} shall divide the latents.",
                remedy=f"Start it by `torchrun --nproc-per-node {latent_shards} -m mistudio train`.",
            )
        yield Place(SINGLE, str(named_device(device)) if device else None)
        return
    from torch.distributed.rendezvous import rendezvous

    from mistudio.training.parallel import mesh_of_processes

    store, rank, size = next(rendezvous("env://"))
    console.err.quiet = console.out.quiet = rank > 0
    try:
        own = _own_device(device, dist.get_node_local_rank())
        dist.init_process_group(store=store, rank=rank, world_size=size, timeout=_PATIENCE)
        yield Place(mesh_of_processes(latent_shards), own)
    except Interrupted:
        raise  # All stop at the same place, and only the first process is heard.
    except MistudioError as error:
        console.err.quiet = not _is_first_to_tell(store, rank)
        if size > 1 and not isinstance(error, RankLost):
            console.err.print(f"Process {rank} of {size}:")
        raise
    dist.destroy_process_group()


def _own_device(device: str | None, local_rank: int) -> str:
    """The GPU of this process's number on its machine; the processor where there is none, or where it was asked for."""
    import torch

    from mistudio.hardware import named_device

    if device == "cpu" or not torch.cuda.is_available():
        return str(named_device(device))
    if device not in (None, "cuda"):
        raise BadInput(
            f"All processes would compute on {device}.",
            remedy="Leave out --device: each process takes the GPU of its number.",
        )
    if local_rank >= torch.cuda.device_count():
        raise BadInput(
            f"There is no GPU number {local_rank} on this machine: it has {torch.cuda.device_count()}.",
            remedy="Start as many processes as there are GPUs: `torchrun --nproc-per-node gpu`.",
        )
    torch.cuda.set_device(local_rank)
    return f"cuda:{local_rank}"


def _is_first_to_tell(store: Store, rank: int) -> bool:
    try:
        first: bytes = store.compare_set(_TOLD, "", str(rank))
    except RuntimeError:  # Whoever kept the store has ended, too.
        return True
    return first == str(rank).encode()
