"""Which set of kernels and which encoder run where."""

from __future__ import annotations

from importlib.util import find_spec

import torch

from mistudio.hardware import cpu_multiplies_int8, fast_dtype
from mistudio.sae.kernels.encoding import DenseEncoder, Encoder
from mistudio.sae.kernels.portable import PortableKernels
from mistudio.sae.kernels.protocol import StepKernels
from mistudio.sae.weights import Weights


def kernels_for(device: torch.device) -> StepKernels:
    """The fastest set that works on `device`."""
    if device.type == "cpu" and _has_compiler():
        from mistudio.sae.kernels.compiled import CompiledKernels

        return CompiledKernels()
    return PortableKernels()


def encoder_for(weights: Weights, kernels: StepKernels, dtype: torch.dtype | None) -> Encoder:
    """The fastest encoder that works where the weights lie; with a dtype, the one that computes in that."""
    device = weights.b_dec_D.device
    dense = DenseEncoder(weights, kernels, dtype or fast_dtype(device))
    if dtype is None and _screens(device):
        from mistudio.sae.kernels.screened_encoder import ScreenedEncoder

        return ScreenedEncoder(weights, dense)
    return dense


def encoder_precision(device: torch.device) -> str:
    """In what the encoder's product is computed there, where no dtype is asked for."""
    return "int8, float32" if _screens(device) else str(fast_dtype(device)).removeprefix("torch.")


def _screens(device: torch.device) -> bool:
    return device.type == "cpu" and _has_compiler() and cpu_multiplies_int8()


def _has_compiler() -> bool:
    return find_spec("numba") is not None
