"""Several processes that train together, over `torch.distributed`.

    torchrun --nproc-per-node 4 -m mistudio train …

Whoever starts the processes initialises `torch.distributed`; `mesh_of_processes` then says who has which share.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from torch import Tensor
from torch import distributed as dist

from mistudio.errors import BadInput, RankLost, reason_of
from mistudio.sae.collective import ALONE, SINGLE, Mesh, Ranks

_PATIENCE = timedelta(hours=12)
"""A process that ended is noticed at once; one that waits for another may wait for long."""


class Distributed:
    """`Ranks` over a group of `torch.distributed`: NCCL for tensors on a GPU, gloo for others.

    Args:
        members: the group's processes by their number among all, ascending. Every process makes every group, in the
            same order.
    """

    def __init__(self, members: list[int]) -> None:
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
        with _lost_is_said():
            self._group = dist.new_group(members, backend=backend, timeout=_PATIENCE)
        self._members = members
        self.rank = dist.get_group_rank(self._group, dist.get_rank()) if dist.get_rank() in members else -1
        self.size = len(members)

    def sum(self, tensor: Tensor) -> Tensor:
        """See `Ranks.sum`."""
        whole = tensor if tensor.is_contiguous() else tensor.contiguous()
        with _lost_is_said():
            dist.all_reduce(whole, group=self._group)
        return tensor if whole is tensor else tensor.copy_(whole)

    def total(self, number: float) -> float:
        """See `Ranks.total`."""
        return float(self.sum(torch.tensor(float(number), dtype=torch.float64)))

    def gather(self, rows: Tensor) -> list[Tensor]:
        """See `Ranks.gather`."""
        lengths = [torch.zeros(1, dtype=torch.int64) for _ in range(self.size)]
        with _lost_is_said():
            dist.all_gather(lengths, torch.tensor([len(rows)]), group=self._group)
            counts = [int(length) for length in lengths]
            padded = rows.new_zeros((max(counts), *rows.shape[1:]))
            padded[: len(rows)] = rows
            gathered = [torch.empty_like(padded) for _ in counts]
            dist.all_gather(gathered, padded, group=self._group)
        return [each[:count] for each, count in zip(gathered, counts, strict=True)]

    def broadcast(self, tensor: Tensor, source: int = 0) -> Tensor:
        """See `Ranks.broadcast`."""
        if tensor.numel():
            whole = tensor.contiguous()
            # Bytes: not every backend knows every number format.
            with _lost_is_said():
                dist.broadcast(whole.view(-1).view(torch.uint8), self._members[source], group=self._group)
            if whole is not tensor:
                tensor.copy_(whole)
        return tensor


def mesh_of_processes(latent_shards: int = 1) -> Mesh:
    """All processes of `torch.distributed`, which the caller has initialised; one that is alone needs none.

    Args:
        latent_shards: among how many processes the latents are divided; the groups of so many share out the tokens.

    Raises:
        BadInput: the processes can't be divided so.
        RankLost: another process has ended.
    """
    size = dist.get_world_size() if dist.is_initialized() else 1
    if size % latent_shards:
        raise BadInput(
            f"{size} processes can't be divided into groups of {latent_shards}.",
            remedy="Let --latent-shards divide the number of processes that torchrun starts.",
        )
    if size == 1:
        return SINGLE
    numbers = list(range(size))
    by_latents = [numbers[first : first + latent_shards] for first in range(0, size, latent_shards)]
    by_tokens = [numbers[first::latent_shards] for first in range(latent_shards)]
    return Mesh(tokens=_own(by_tokens), latents=_own(by_latents), everyone=_own([numbers]))


def _own(groups: list[list[int]]) -> Ranks:
    """This process's group; all processes make all of them."""
    made: list[Ranks] = [Distributed(members) if len(members) > 1 else ALONE for members in groups]
    return next(group for group, members in zip(made, groups, strict=True) if dist.get_rank() in members)


@contextmanager
def _lost_is_said() -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise RankLost(
            "Another process of this training ended, or cannot be reached.", details={"reason": reason_of(error)}
        ) from error
