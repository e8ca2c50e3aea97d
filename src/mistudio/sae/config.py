"""What an SAE is, apart from its weights: one class an architecture."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mistudio.config import Config


class SaeConfig(Config):
    """What every architecture has."""

    architecture: str
    expansion: float = Field(default=8.0, gt=0)
    """Latents per dimension of the input; `d_sae` overrides it."""
    d_sae: int | None = Field(default=None, gt=0)
    """Number of latents; `expansion` × the input's width where it is not given."""

    def width(self, d_in: int) -> int:
        """The number of latents for an input of `d_in` dimensions."""
        return self.d_sae or round(self.expansion * d_in)


class TopKConfig(SaeConfig):
    """Each token keeps its k largest pre-activations (Gao et al. 2024, arXiv 2406.04093)."""

    architecture: Literal["topk"] = "topk"
    k: int = Field(default=32, gt=0)
    """Latents kept per token: the L0."""
    aux_k: int = Field(default=256, ge=0)
    """Dead latents that try to explain each token's error (AuxK); 0 switches it off."""
    aux_coefficient: float = Field(default=1 / 32, ge=0)
    """Weight of the AuxK loss relative to the reconstruction loss."""


class StandardConfig(SaeConfig):
    """ReLU (Bricken et al. 2023, "Towards Monosemanticity")."""

    architecture: Literal["standard"] = "standard"


class JumpReLUConfig(SaeConfig):
    """A latent is active above a threshold of its own (Rajamanoharan et al. 2024, arXiv 2407.14435)."""

    architecture: Literal["jumprelu"] = "jumprelu"


class GatedConfig(SaeConfig):
    """A gate says which latents are active, and a magnitude how much (Rajamanoharan et al. 2024, arXiv 2404.16014)."""

    architecture: Literal["gated"] = "gated"
