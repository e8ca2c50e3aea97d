"""The edits of one batch: every row has its own delta or none, and knows which of its tokens may be touched.

A hook sees activations only, so the tokens that have been fed so far are kept here. A forward pass over W tokens is one
over the last W of them: W = 1 after the prompt with a KV cache, W = all without one.

C rows, T tokens fed so far, W tokens of a forward pass, D d_in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from mistudio.errors import HookMissing
from mistudio.sae.sparse_autoencoder import SparseAutoencoder
from mistudio.sae.weights import SparseCode
from mistudio.steering.delta import Delta, moved


@dataclass(frozen=True)
class RowPlan:
    """What is done to each row of a batch, whatever its tokens."""

    sae: SparseAutoencoder
    deltas: tuple[Delta | None, ...]
    """One a row; None leaves the row as it is."""
    untouched_ids: frozenset[int] = frozenset()
    """Token ids that are never edited, such as BOS."""
    end_ids: frozenset[int] = frozenset()
    """Token ids that end a row's text; what is fed after them fills the batch and is not edited."""
    max_norm: float | None = None
    """Tokens with a larger norm are not edited: the SAE's code of a massive activation means nothing."""


class RowEdits:
    """A function from activations to edited activations, for `language_models.hooks.edit`.

    Args:
        ids_CT: the prompts, padded.
        real_CT: which of these tokens are not padding.
    """

    def __init__(self, plan: RowPlan, ids_CT: Int64[Tensor, "C T"], real_CT: Bool[Tensor, "C T"]) -> None:
        self._plan = plan
        self._deltas = {row: delta for row, delta in enumerate(plan.deltas) if delta is not None}
        self._writing_C = torch.tensor([delta is not None for delta in plan.deltas])
        self._eligible_CT = real_CT.cpu() & self._writing_C[:, None] & ~_among(ids_CT.cpu(), plan.untouched_ids)
        self._seen = 0
        self.edited_C = torch.zeros(len(plan.deltas), dtype=torch.int64)
        """Tokens edited in each row."""
        self.massive_C = torch.zeros(len(plan.deltas), dtype=torch.int64)
        """Tokens of each row that were left as they were because of their norm."""

    def on_step(self, ids_C: Int64[Tensor, " C"]) -> None:
        """Take note of the tokens that the next forward pass will be fed."""
        ids_C = ids_C.cpu()
        self._writing_C &= ~_among(ids_C, self._plan.end_ids)
        new_C = self._writing_C & ~_among(ids_C, self._plan.untouched_ids)
        self._eligible_CT = torch.cat([self._eligible_CT, new_C[:, None]], dim=1)

    def __call__(self, x_CWD: Float[Tensor, "C W D"]) -> Float[Tensor, "C W D"]:
        """The activations, with each row's delta added where the row may be touched.

        Raises:
            HookMissing: the forward pass does not cover every token that was fed since the last one.
        """
        fed, width = self._eligible_CT.shape[1], x_CWD.shape[1]
        new = fed - self._seen
        if not new <= width <= fed:
            raise HookMissing(f"The hook saw {width} tokens where {new} of {fed} were new, so some were not steered.")
        eligible_CW = self._eligible_CT[:, fed - width :]
        chosen_CW = eligible_CW & not_massive(x_CWD, self._plan.max_norm).cpu()
        self.edited_C += chosen_CW[:, width - new :].sum(1)
        self.massive_C += (eligible_CW & ~chosen_CW)[:, width - new :].sum(1)
        self._seen = fed
        row_B, position_B = chosen_CW.nonzero(as_tuple=True)
        edited_CWD = x_CWD.clone()
        edited_CWD[row_B, position_B] = self._moved(x_CWD[row_B, position_B], row_B)
        return edited_CWD

    def demand(self, fed: Sequence[Sequence[int]]) -> None:
        """Compare what was edited with the tokens that the model was fed, a row a sequence, padding left out.

        Raises:
            HookMissing: a token that should have been edited was not.
        """
        for row in self._deltas:
            demanded = sum(index not in self._plan.untouched_ids for index in fed[row])
            reached = int(self.edited_C[row] + self.massive_C[row])
            if reached < demanded:
                raise HookMissing(
                    f"Steering reached {reached} of {demanded} tokens of a text: the text is not what was asked for.",
                    remedy="Steer at another hook point: the model does not pass every token through this one.",
                )

    def _moved(self, x_BD: Float[Tensor, "B D"], row_B: Int64[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Tokens of any rows, each with its row's delta added. They are encoded together, and only if a delta asks."""
        code = None
        if any(delta.needs_code for delta in self._deltas.values()):
            code = self._plan.sae.encode_sparse(x_BD.float())
        delta_BD = torch.zeros_like(x_BD, dtype=torch.float32)
        for row, delta in self._deltas.items():
            here_B = (row_B == row).to(x_BD.device)
            delta_BD[here_B] = delta.added_D if code is None else delta.at(rows_of(code, here_B))
        return moved(x_BD, delta_BD * self._plan.sae.gain(x_BD))


def _among(ids: Int64[Tensor, "*shape"], listed: frozenset[int]) -> Bool[Tensor, "*shape"]:
    """Which of the ids are listed."""
    found: Tensor = torch.isin(ids, torch.tensor(sorted(listed), dtype=torch.int64))
    return found


def not_massive(x_CTD: Float[Tensor, "C T D"], max_norm: float | None) -> Bool[Tensor, "C T"]:
    """Which tokens the SAE's code means something for."""
    if max_norm is None:
        return torch.ones(x_CTD.shape[:2], dtype=torch.bool, device=x_CTD.device)
    norm_CT: Tensor = torch.linalg.vector_norm(x_CTD, dim=-1, dtype=torch.float32)
    return norm_CT <= max_norm


def rows_of(code: SparseCode, chosen_B: Bool[Tensor, " B"]) -> SparseCode:
    """The code of some of the tokens."""
    return SparseCode(code.values_BK[chosen_B], code.latents_BK[chosen_B])
