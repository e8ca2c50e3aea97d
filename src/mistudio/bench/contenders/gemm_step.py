"""The encoder's matrix product alone: no training step of a dense encoder can be faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def version() -> str:
    """Where the product comes from."""
    return f"torch {torch.__version__}"


def build(options: dict[str, Any], batches: Sequence[Tensor]) -> Callable[[Tensor], object]:
    """The function that multiplies one batch, already in the right dtype, into a buffer that is there already."""
    dtype = getattr(torch, options["variant"])
    W_FD = torch.randn(options["d_sae"], options["d_in"]).to(dtype)
    ready = {batch_BD.data_ptr(): batch_BD.to(dtype) for batch_BD in batches}
    out_BF = torch.empty((options["batch_size"], options["d_sae"]), dtype=dtype)

    def step(batch_BD: Tensor) -> object:
        return torch.mm(ready[batch_BD.data_ptr()], W_FD.T, out=out_BF)

    return step
