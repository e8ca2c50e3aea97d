"""What the processes of one training tell each other; a process that is alone tells nothing.

The work of a step can be divided in two ways, also at once: each process has its share of the batch's tokens, and all
latents; or all tokens, and its share of the latents. A `Mesh` says which processes share which. Tokens are dealt like
cards, so that the first tokens of a batch are spread over all.

B tokens of this process, D d_in, F latents of this process, K latents looked at per token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.sae.weights import Weights


@runtime_checkable
class Ranks(Protocol):
    """Some processes, all of which make the same calls in the same order."""

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""

    @property
    def size(self) -> int:
        """Number of processes."""

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over the processes, in place; the same bits in each of them.

        Raises:
            RankLost: another process has ended.
        """

    def total(self, number: float) -> float:
        """The sum of a number of each process.

        Raises:
            RankLost: another process has ended.
        """

    def gather(self, rows: Tensor) -> list[Tensor]:
        """What each process gives, by rank; only the first dimension may differ.

        Raises:
            RankLost: another process has ended.
        """

    def broadcast(self, tensor: Tensor, source: int = 0) -> Tensor:
        """Overwrite `tensor` with that of rank `source`.

        Raises:
            RankLost: another process has ended.
        """


@dataclass(frozen=True)
class Alone:
    """One process that has everything: nothing is told, nothing waits."""

    @property
    def rank(self) -> int:
        """0."""
        return 0

    @property
    def size(self) -> int:
        """1."""
        return 1

    def sum(self, tensor: Tensor) -> Tensor:
        """The tensor."""
        return tensor

    def total(self, number: float) -> float:
        """The number."""
        return number

    def gather(self, rows: Tensor) -> list[Tensor]:
        """The rows."""
        return [rows]

    def broadcast(self, tensor: Tensor, source: int = 0) -> Tensor:  # noqa: ARG002
        """The tensor."""
        return tensor


ALONE = Alone()


@dataclass(frozen=True)
class Mesh:
    """Who has which share of a step's work."""

    tokens: Ranks = ALONE
    """The processes with the same latents and other tokens."""
    latents: Ranks = ALONE
    """The processes with the same tokens and other latents."""
    everyone: Ranks = ALONE
    """All of them: number `tokens.rank` × `latents.size` + `latents.rank`."""

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks for all."""
        return self.everyone.rank == 0

    def rows(self, acts_BD: Float[Tensor, "_ D"]) -> Float[Tensor, "B D"]:
        """This process's share of a batch."""
        return acts_BD[self.tokens.rank :: self.tokens.size]

    def first(self, count: int) -> int:
        """How many of a batch's first `count` tokens are this process's; at least one."""
        return max(1, len(range(self.tokens.rank, count, self.tokens.size)))

    def batch_tokens(self, own: int) -> int:
        """Tokens of all processes, of which `own` are this one's."""
        return round(self.tokens.total(own))

    def latents_of(self, d_sae: int) -> slice:
        """This process's share of the latents."""
        rank, size = self.latents.rank, self.latents.size
        return slice(d_sae * rank // size, d_sae * (rank + 1) // size)

    def shard(self, weights: Weights) -> Weights:
        """This process's share of all latents' weights."""
        if self.latents.size == 1:
            return weights
        mine = self.latents_of(weights.b_enc_F.shape[0])
        tensors = weights.tensors()
        return Weights.of({name: t[mine].clone() if is_divided(name) else t for name, t in tensors.items()})

    def same_everywhere(self, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        """The first process's tensors, by name."""
        return {name: self.everyone.broadcast(tensor) for name, tensor in tensors.items()}

    def before(self, counts_B: Int64[Tensor, " B"]) -> Int64[Tensor, " B"]:
        """How many of what is counted per token come before each token's own, in other processes.

        The order is that of one process: tokens as in the batch, latents within a token.
        """
        if self.everyone.size == 1:
            return torch.zeros_like(counts_B)
        every = self.everyone.gather(counts_B)
        longest = max(map(len, every))
        counts_BR = torch.stack([torch.nn.functional.pad(one, (0, longest - len(one))) for one in every], 1)
        before_BR = counts_BR.flatten().cumsum(0).view_as(counts_BR) - counts_BR
        own_B = counts_B.cumsum(0) - counts_B
        return before_BR[: len(counts_B), self.everyone.rank] - own_B

    def agree(self, gradients: Weights, squared_norm: float) -> float:
        """Make gradients of a share of the tokens those of the whole batch, in place.

        Args:
            gradients: of the mean over this process's tokens.
            squared_norm: of those gradients.

        Returns:
            The squared norm of the whole gradient, all latents together.
        """
        if self.everyone.size == 1:
            return squared_norm
        for tensor in gradients.tensors().values():
            self.tokens.sum(tensor).div_(self.tokens.size)
        squares = {name: tensor.square().sum() for name, tensor in gradients.tensors().items()}
        divided = torch.stack([square for name, square in squares.items() if is_divided(name)]).sum()
        shared = torch.stack([square for name, square in squares.items() if not is_divided(name)]).sum()
        return self.latents.total(float(divided)) + float(shared)


SINGLE = Mesh()
"""One process that does all the work."""


def is_divided(name: str) -> bool:
    """Whether a tensor of that name has a row or number for each latent, going by its dimension suffix."""
    return name.rpartition("_")[2].startswith("F")


def among_the_largest(values_BK: Float[Tensor, "B K"], k: int, latents: Ranks) -> Bool[Tensor, "B K"]:
    """Which of these activations are among their token's `k` largest, those of other processes' latents included.

    Args:
        values_BK: not negative, at most k a token, in the order of the latents; of equals at the cut the first stay.
        k: how many are kept, fewer where fewer are positive.
        latents: the processes that have the other latents.
    """
    tokens, own = values_BK.shape
    gathered = latents.gather(torch.nn.functional.pad(values_BK, (0, k - own)))
    every_BE = torch.cat(gathered, 1)
    cut_B1 = every_BE.topk(k, dim=-1, sorted=False).values.min(-1, keepdim=True).values
    above_BE, at_cut_BE = every_BE > cut_B1, every_BE == cut_B1
    room_B1 = k - above_BE.sum(-1, keepdim=True)
    kept_BE = (above_BE | (at_cut_BE & (at_cut_BE.cumsum(-1) <= room_B1))) & (every_BE > 0)
    return kept_BE.view(tokens, latents.size, k)[:, latents.rank, :own]
