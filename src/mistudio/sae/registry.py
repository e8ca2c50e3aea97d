"""The architectures, one line each: configuration class and module."""

from __future__ import annotations

from mistudio.errors import FormatUnsupported
from mistudio.sae.config import TopKConfig

CONFIGS: dict[str, type[TopKConfig]] = {"topk": TopKConfig}


def config_of(architecture: str) -> type[TopKConfig]:
    """The configuration class of an architecture.

    Raises:
        FormatUnsupported: there is none of that name.
    """
    if architecture not in CONFIGS:
        raise FormatUnsupported(
            f"The SAE's architecture {architecture!r} is not known here.",
            remedy=f"Known architectures: {', '.join(CONFIGS)}.",
        )
    return CONFIGS[architecture]
