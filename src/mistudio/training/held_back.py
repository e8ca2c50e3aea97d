"""A source without the tokens that are held back for validation: the first ones of its data, which then never train.

They are known again by their positions in the text, wherever a later pass over the data has them. (The sample that
gives the scale and the first decoder bias is drawn from the whole source.)

B tokens, D d_in, N tokens held back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from mistudio.activations.block import ActivationBlock
from mistudio.activations.derived import DerivedSource
from mistudio.activations.stream import ActivationSource
from mistudio.errors import EmptyCorpus

_LARGEST_SHARE = 1 / 20


class HeldBack(DerivedSource):
    """An `ActivationSource` that gives all but some tokens of another one.

    Args:
        source: the other one.
        tokens: to hold back; at most a twentieth of what there is.

    Raises:
        EmptyCorpus: the source has too few tokens to hold any back.
    """

    def __init__(self, source: ActivationSource, tokens: int) -> None:
        super().__init__(source)
        wanted = min(tokens, int(source.n_tokens * _LARGEST_SHARE))
        acts, positions, found = [], [], 0
        for block in source.blocks(epoch=0):
            if found >= wanted:
                break
            taken = slice(0, wanted - found)
            acts.append(block.acts_BD[taken])
            positions.append(block.positions_B[taken])
            found += len(positions[-1])
        if found == 0:
            raise EmptyCorpus(
                f"{source.n_tokens} tokens are too few to hold some back for validation.",
                remedy="Give more text, or leave out --validate-every.",
            )
        self.acts_ND: Float[Tensor, "N D"] = torch.cat(acts)
        """What is held back."""
        self._positions_N = torch.cat(positions)

    @property
    def n_tokens(self) -> int:
        """Tokens in an epoch without those that are held back."""
        return self._source.n_tokens - len(self.acts_ND)

    @property
    def identity(self) -> dict[str, Any]:
        """The other source's, and how many tokens are held back."""
        return {**self._source.identity, "held_back": len(self.acts_ND)}

    def blocks(self, epoch: int, start: int = 0) -> Iterator[ActivationBlock]:
        """The other source's blocks without the tokens that are held back; some may be empty."""
        for block in self._source.blocks(epoch, start):
            held_B = torch.isin(block.positions_B, self._positions_N)
            if not bool(held_B.any()):
                yield block
                continue
            kept = (~held_B).nonzero().flatten()
            yield ActivationBlock(block.acts_BD[kept], block.token_ids_B[kept], block.positions_B[kept])
