"""What an SAE is, apart from its weights."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mistudio.config import Config


class TopKConfig(Config):
    """A TopK sparse autoencoder (Gao et al. 2024, "Scaling and evaluating sparse autoencoders", arXiv 2406.04093)."""

    architecture: Literal["topk"] = "topk"
    k: int = Field(default=32, gt=0)
    """Latents kept per token: the L0."""
    expansion: float = Field(default=8.0, gt=0)
    """Latents per dimension of the input; `d_sae` overrides it."""
    d_sae: int | None = Field(default=None, gt=0)
    """Number of latents; `expansion` × the input's width where it is not given."""
    aux_k: int = Field(default=256, ge=0)
    """Dead latents that try to explain each token's error (AuxK); 0 switches it off."""
    aux_coefficient: float = Field(default=1 / 32, ge=0)
    """Weight of the AuxK loss relative to the reconstruction loss."""

    def width(self, d_in: int) -> int:
        """The number of latents for an input of `d_in` dimensions."""
        return self.d_sae or round(self.expansion * d_in)
