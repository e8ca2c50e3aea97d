"""Weights packed into 4 or 8 bits by bitsandbytes. Activations stay what they are, and so do hook points."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Literal

import torch
from transformers import BitsAndBytesConfig
from transformers.utils.quantization_config import QuantizationConfigMixin

from mistudio.errors import MissingExtra


def quantiser(bits: Literal["4bit", "8bit"]) -> QuantizationConfigMixin:
    """The configuration that makes `from_pretrained` pack the weights: NF4 with double quantisation, or LLM.int8().

    Raises:
        MissingExtra: bitsandbytes or accelerate is not installed.
    """
    missing = [package for package in ("bitsandbytes", "accelerate") if find_spec(package) is None]
    if missing:
        raise MissingExtra(
            f"Loading a model in {bits} needs the package {missing[0]}, which is not installed.",
            remedy="Install it with `pip install 'mistudio[quantisation]'`, or leave --quantize out.",
        )
    build: Callable[..., QuantizationConfigMixin] = BitsAndBytesConfig
    if bits == "8bit":
        return build(load_in_8bit=True)
    return build(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )
