"""The architectures, one line each: configuration, encoder, and the tensors that only they have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from mistudio.errors import FormatUnsupported
from mistudio.sae.architectures import gated, jumprelu, standard, topk
from mistudio.sae.config import GatedConfig, JumpReLUConfig, SaeConfig, StandardConfig, TopKConfig
from mistudio.sae.weights import SparseCode, Weights


class Architecture(NamedTuple):
    """What is done differently from one architecture to another."""

    config: type[SaeConfig]
    encode: Callable[[Float[Tensor, "B D"], Weights, Any], SparseCode]
    """Activations, weights and the configuration to active latents, strongest first, in float32."""
    tensors: tuple[str, ...] = ()
    """Names in `Weights.more`."""


ARCHITECTURES = {
    "topk": Architecture(TopKConfig, topk.encode),
    "standard": Architecture(StandardConfig, standard.encode),
    "jumprelu": Architecture(JumpReLUConfig, jumprelu.encode, jumprelu.TENSORS),
    "gated": Architecture(GatedConfig, gated.encode, gated.TENSORS),
}


def architecture_of(name: str) -> Architecture:
    """An architecture by its name.

    Raises:
        FormatUnsupported: there is none of that name.
    """
    if name not in ARCHITECTURES:
        raise FormatUnsupported(
            f"The SAE's architecture {name!r} is not known here.",
            remedy=f"Known architectures: {', '.join(ARCHITECTURES)}.",
        )
    return ARCHITECTURES[name]
