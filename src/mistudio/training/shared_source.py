"""A source whose work several processes share: each reads or computes every n-th block, and all get all of them.

So every process has the stream that one process would have, block by block, and its shuffle buffer; the model runs, or
the recording is read, only once for all of them.

B tokens in a block, D width of the hook point.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.activations.block import ActivationBlock
from mistudio.activations.derived import DerivedSource
from mistudio.activations.stream import ActivationSource
from mistudio.sae.collective import Ranks

_FORMATS = (torch.float32, torch.float16, torch.bfloat16)


class SharedSource(DerivedSource):
    """`ActivationSource` by `source`, of which every process has its own.

    Args:
        source: the same in every process.
        ranks: the processes.
    """

    def __init__(self, source: ActivationSource, ranks: Ranks) -> None:
        super().__init__(source)
        self._ranks = ranks
        # A model's is an estimate, and decides how large the buffer is.
        self._n_tokens = int(ranks.broadcast(torch.tensor(source.n_tokens)))

    @property
    def n_tokens(self) -> int:
        """Tokens in an epoch, the same number for all."""
        return self._n_tokens

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """The source's blocks."""
        for first in count(start, self._ranks.size):
            own = next(self._source.blocks(epoch, first + self._ranks.rank), None)
            for rank, header in enumerate(self._ranks.gather(_header(own)[None])):
                if int(header[0, 0]) < 0:
                    return
                yield self._from(rank, own, [int(number) for number in header[0]])

    def sample(self, n: int) -> Float[Tensor, "B D"]:
        """The source's sample, taken by the first process."""
        acts_BD = self._source.sample(n) if self._ranks.rank == 0 else torch.empty(0, self.d_in)
        header = torch.tensor([*acts_BD.shape, _FORMATS.index(acts_BD.dtype)])
        rows, width, form = self._ranks.broadcast(header).tolist()
        if self._ranks.rank != 0:
            acts_BD = torch.empty((rows, width), dtype=_FORMATS[form], device=self.device)
        return self._ranks.broadcast(acts_BD)

    def _from(self, rank: int, own: ActivationBlock | None, header: list[int]) -> ActivationBlock:
        rows, width, form = header
        if rank == self._ranks.rank:
            assert own is not None
            block = own
        else:
            acts_BD = torch.empty((rows, width), dtype=_FORMATS[form], device=self.device)
            numbers = torch.empty((2, rows), dtype=torch.int64, device=self.device)
            block = ActivationBlock(acts_BD, numbers[0], numbers[1])
        for tensor in (block.acts_BD, block.token_ids_B, block.positions_B):
            self._ranks.broadcast(tensor, rank)
        return block


def _header(block: ActivationBlock | None) -> Tensor:
    if block is None:
        return torch.tensor([-1, 0, 0])
    return torch.tensor([*block.acts_BD.shape, _FORMATS.index(block.acts_BD.dtype)])
