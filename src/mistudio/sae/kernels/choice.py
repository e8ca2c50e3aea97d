"""Which set of kernels runs where."""

from __future__ import annotations

from importlib.util import find_spec

import torch

from mistudio.sae.kernels.portable import PortableKernels
from mistudio.sae.kernels.protocol import StepKernels


def kernels_for(device: torch.device) -> StepKernels:
    """The fastest set that works on `device`."""
    if device.type == "cpu" and find_spec("numba") is not None:
        from mistudio.sae.kernels.compiled import CompiledKernels

        return CompiledKernels()
    return PortableKernels()
