"""What an SAE is, apart from its weights: one class an architecture."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

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


class FixedL0Config(SaeConfig):
    """The number of active latents is given, and dead latents are revived by AuxK."""

    k: int = Field(default=32, gt=0)
    """Latents kept per token: the L0."""
    aux_k: int = Field(default=256, ge=0)
    """Dead latents that try to explain each token's error (AuxK); 0 switches it off."""
    aux_coefficient: float = Field(default=1 / 32, ge=0)
    """Weight of the AuxK loss relative to the reconstruction loss."""


class TopKConfig(FixedL0Config):
    """Each token keeps its k largest pre-activations (Gao et al. 2024, arXiv 2406.04093)."""

    architecture: Literal["topk"] = "topk"


class BatchTopKConfig(FixedL0Config):
    """A batch of B tokens keeps its k·B largest pre-activations (Bussmann et al. 2024, arXiv 2412.06410).

    Tokens that need more latents have more. Once trained it is a JumpReLU SAE: a latent is active above a threshold,
    the running mean of the smallest activation that was kept.
    """

    architecture: Literal["batchtopk"] = "batchtopk"
    threshold_decay: float = Field(default=0.99, ge=0, lt=1)
    """Share of the threshold that stays from one step to the next."""


TRAINABLE = ("topk", "batchtopk")


def _architecture(value: Any) -> Any:
    return value.get("architecture", "topk") if isinstance(value, dict) else getattr(value, "architecture", None)


TrainableConfig = Annotated[
    Annotated[TopKConfig, Tag("topk")] | Annotated[BatchTopKConfig, Tag("batchtopk")],
    Discriminator(
        _architecture,
        custom_error_type="architecture",
        custom_error_message=f"Known architectures: {', '.join(TRAINABLE)}",
    ),
]
"""The architectures that can be trained here; TopK where none is named."""


class StandardConfig(SaeConfig):
    """ReLU (Bricken et al. 2023, "Towards Monosemanticity")."""

    architecture: Literal["standard"] = "standard"


class JumpReLUConfig(SaeConfig):
    """A latent is active above a threshold of its own (Rajamanoharan et al. 2024, arXiv 2407.14435)."""

    architecture: Literal["jumprelu"] = "jumprelu"


class GatedConfig(SaeConfig):
    """A gate says which latents are active, and a magnitude how much (Rajamanoharan et al. 2024, arXiv 2404.16014)."""

    architecture: Literal["gated"] = "gated"
